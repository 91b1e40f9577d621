"""Privacy: all cameras and the microphone of this device are closed until somebody at home ends it, whatever others wish.

It is a file in the data folder, so that a power cut, a damaged database and a restored one leave it as it is.
"""

from __future__ import annotations

import logging
from pathlib import Path

from pi_cam import durable
from pi_cam.errors import StoreError

log = logging.getLogger(__name__)

FILE = "privacy"
UNKEPT = "Privacy is on, but not kept: it would end with a restart, because the data folder cannot be written."


class Privacy:
    """Whether it is on. Any thread; one at a time turns it."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._is_on = self._path.exists()

    @property
    def is_on(self) -> bool:
        """Now."""
        return self._is_on

    def turn_on(self) -> None:
        """At once; `keep` makes it last."""
        self._is_on = True

    def keep(self) -> None:
        """Makes it survive a restart. Raises `StoreError`; it is on all the same."""
        try:
            durable.replace(self._path, b"Privacy is on while this file is here.\n")
        except OSError as error:
            log.error("privacy cannot be kept", extra={"trouble": error.strerror})
            raise StoreError(UNKEPT) from error

    def turn_off(self) -> None:
        """Only when a restart would not turn it on again: else it stays on, and raises `StoreError`."""
        try:
            self._path.unlink(missing_ok=True)
            durable.sync_folder(self._path.parent)
        except OSError as error:
            raise StoreError(f"Privacy cannot be ended: {error.strerror}.") from error
        self._is_on = False
