"""Opens the virtual camera three times in a process of its own, and says what came."""

from __future__ import annotations

import sys

from tests.camera import virtual_camera
from tests.camera.watcher import make, watching


def main() -> None:
    virtual_camera.install()
    source = make()
    for _ in range(3):
        with watching(source) as seen:
            seen.wait_for_pictures(10)
        sys.stdout.write(f"{seen.reports} {seen.units[0].keyframe}\n")


if __name__ == "__main__":
    main()
