"""A signed update that a person copied onto the boot partition goes the way of every other: whoever brings it, its signature
decides.

Runs as root, on an image only (pi-cam-bring-update.service): `python -I -m pi_cam.updates.from_card`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from pi_cam import boot_partition, privileges
from pi_cam.errors import Conflict, StoreError, UpdateRefused
from pi_cam.updates import inbox
from pi_cam.updates.outcome import Outcome
from pi_cam.updates.places import HERE, Places

PATTERN = "*.pi-cam"


def bring(
    folder: Path = boot_partition.FOLDER,
    places: Places = HERE,
    *,
    as_user: Callable[[], AbstractContextManager[None]] = privileges.as_user,
    writable: Callable[[], AbstractContextManager[None]] = boot_partition.writable,
) -> None:
    """One at a time; while another is under way it waits for the next start. The file goes once it was handed over, or is
    known to be no good; what only lacked room is tried again with the next start. What was refused is an outcome, which the
    page tells. Raises `OSError`."""
    path = next((path for path in sorted(folder.glob(PATTERN)) if path.is_file()), None)
    if path is None:
        return
    try:
        with path.open("rb") as file, as_user():
            inbox.deliver(file, places)
    except Conflict as error:
        sys.stderr.write(f"{path.name}: {error}\n")
        return
    except StoreError as error:
        Outcome.now("refused", None, str(error)).write(places.outcome)
        return
    except UpdateRefused as error:
        Outcome.now("refused", None, str(error)).write(places.outcome)
    with writable():
        path.unlink()


def main() -> int:
    """The status is 1 where the card said no."""
    try:
        bring()
    except OSError as error:
        sys.stderr.write(f"pi-cam-bring-update: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
