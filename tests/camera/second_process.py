"""Opens the virtual camera in a process of its own and says how many pictures came: the camera was really closed."""

from __future__ import annotations

import sys

from pi_cam.capture.camera import CameraSource
from tests.camera import virtual_camera
from tests.camera.watcher import watching


def main() -> None:
    virtual_camera.install()
    with watching(CameraSource("camera:?id=Virtual0", by_operator=True)) as seen:
        seen.wait_for_pictures(10)
    sys.stdout.write(f"{seen.reports} {seen.units[0].keyframe}\n")


if __name__ == "__main__":
    main()
