"""The resets on a disk without a free byte. Run as a program, `python -m tests.full_disk_reset FOLDER`: it mounts a small
disk there, in a mount namespace of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import gpiozero
from gpiozero.pins.mock import MockFactory

from pi_cam.keeping.reset import reset
from pi_cam.store import DATABASE, RESERVE, Store
from tests.full_disk import NOT_POSSIBLE, full, mount
from tests.integration.test_reset_by_button import Machine, power

BUTTON = {"PI_CAM_BUTTON_PIN": "GPIO17", "PI_CAM_RESET_HOLD_SECONDS": "10"}


def used(data: Path) -> Path:
    """What a camera that ran leaves there."""
    store = Store(data)
    store.open()
    store.start()
    store.secret()
    store.stop()
    assert (data / RESERVE).exists()
    return data


def main() -> int:
    folder = Path(sys.argv[1])
    root = power(folder.with_name("root"), "one")
    try:
        mount(folder)
    except (OSError, subprocess.CalledProcessError) as error:
        sys.stderr.write(f"{error}\n")
        return NOT_POSSIBLE
    data = used(folder / "data")
    with full(folder):
        assert reset(data) == []
        assert not (data / DATABASE).exists()
    used(data)
    os.environ.update(BUTTON)
    pins = gpiozero.Device.pin_factory = MockFactory()
    with full(folder):
        assert Machine(pins, 11.0).start(data, root), "the button is looked at"
        assert not (data / DATABASE).exists()
    return 0


if __name__ == "__main__":
    sys.exit(main())
