"""On an image: back to the version that came with it, when what an update brought is damaged. That one is part of the
system, which is never written, and it is what runs this.

    python -m pi_cam.updates.built_in sizes       before the camera starts (pi-cam-programs.service)
    python -m pi_cam.updates.built_in contents    some minutes later, all of it (pi-cam-programs-look.service)
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from pi_cam.errors import StoreError
from pi_cam.updates import trial, wholeness
from pi_cam.updates.outcome import Outcome
from pi_cam.updates.places import BUILT_IN, HERE, Places
from pi_cam.updates.slots import FolderSlots

DAMAGED = "Its files on the card are damaged."
WORDS = ("sizes", "contents")


def main(arguments: Sequence[str]) -> int:
    """Exit status 0 when what starts next is whole, by now."""
    if len(arguments) != 1 or arguments[0] not in WORDS:
        sys.stderr.write(f"usage: python -m pi_cam.updates.built_in {'|'.join(WORDS)}\n")
        return 2
    try:
        name = fall_back(HERE, contents=arguments[0] == "contents")
    except (StoreError, OSError) as error:
        sys.stderr.write(f"pi-cam-programs: {error}\n")
        return 1
    if name:
        sys.stderr.write(f"pi-cam-programs: version {name} is damaged; the one that came with the image runs\n")
        if arguments[0] == "contents":
            trial.restart()
            subprocess.run(["/usr/bin/systemctl", "try-restart", "pi-cam-netd.service"], check=False)
    return 0


def fall_back(places: Places, *, contents: bool) -> str:
    """The name of the version that was found damaged, and is left; empty when all is well. While an update is under way
    only sizes are looked at: whoever judges it runs later, and from one of these versions. Raises `StoreError`,
    `OSError`."""
    if contents and places.package.exists():
        return ""
    slots = FolderSlots(places.programs)
    progress = slots.progress()
    names = [slots.current(), *((progress.before,) if progress.state in ("trying", "returning") else ())]
    damaged = [name for name in names if not _is_whole(places.programs / name, contents=contents)]
    if not damaged or (contents and places.package.exists()):
        return ""
    slots.fall_back(_built_in(places.programs))
    if progress.state == "idle":  # of one under way root's part tells the end
        number, _, version = damaged[0].partition("-")
        known = version if number.isdecimal() else damaged[0]
        Outcome("rolled-back", known, int(number) if version else 0, DAMAGED, time.time()).write(places.outcome)
    return damaged[0] or "of no name"


def _is_whole(version: Path, *, contents: bool) -> bool:
    if version.is_symlink():  # the one that came with the image
        return True
    return wholeness.fault(version, contents=contents) is None


def _built_in(programs: Path) -> str:
    """The version that is a link out of this folder."""
    for path in programs.iterdir():
        if path.is_symlink() and path.readlink().name == BUILT_IN:
            return path.name
    raise StoreError("The version that came with the image is not there.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
