"""What was cut off is ended, before anything else is done with the data folder."""

from __future__ import annotations

import logging
from pathlib import Path

from pi_cam.errors import StoreError
from pi_cam.keeping import backup, occupied, reset

log = logging.getLogger(__name__)


def settle(folder: Path) -> None:
    """Ends a reset, or a restore, that was begun. A reset that cannot be ended is logged, and stops nothing: whether the
    camera can start without is for the store to say. Raises `StoreError`, `Conflict`."""
    if not any((folder / name).exists() for name in (reset.MARK, backup.READY, backup.STAGED)):
        return
    with occupied.alone(folder):
        _end_reset(folder)
        try:
            if backup.finish(folder):
                log.info("a restore that was cut off is done")
        except OSError as error:
            raise StoreError(f"The data folder {folder} cannot be used: {error}") from error


def _end_reset(folder: Path) -> None:
    try:
        left = reset.finish(folder)
    except OSError as error:
        log.error("a reset that was cut off cannot be ended", extra={"trouble": str(error)})
        return
    if left is not None:
        log.info("a reset that was cut off is done", extra={"left": left})
