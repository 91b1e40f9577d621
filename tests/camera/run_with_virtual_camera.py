"""`pi-cam` with the virtual camera: python -m tests.camera.run_with_virtual_camera serve --source camera: …"""

from __future__ import annotations

import sys

from tests.camera import pictures, virtual_camera


def main(arguments: list[str]) -> int:
    """Runs the product's own command line; a worker that it forks has the virtual camera too."""
    pictures.write_pictures()
    virtual_camera.install()
    from pi_cam.cli import main as command

    return command(arguments) or 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
