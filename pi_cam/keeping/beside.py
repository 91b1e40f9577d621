"""Backup and restore beside a device that runs: for who has its pages, and no terminal."""

from __future__ import annotations

from collections.abc import Callable

from pi_cam.keeping import backup, sealed
from pi_cam.store import Store

LARGEST = 8 * 1024 * 1024
"""Of a file that comes through the pages: several times what 32 cameras and all their people take."""


class Keeping:
    """`again`: has the device begin anew, soon, with what lies ready for it."""

    def __init__(self, store: Store, again: Callable[[], None]) -> None:
        self._store, self._again = store, again

    def backup(self, passphrase: str) -> bytes:
        """A sealed file. Raises `SettingError`, `StoreError`."""
        return sealed.seal(backup.gathered(self._store), passphrase)

    def restore(self, data: bytes, passphrase: str) -> Callable[[], None]:
        """Looks at all of it and lays it ready for the next start; what is returned brings that about. Raises `SettingError`
        for what is no whole backup, `StoreError` when the disk says no; then everything is as it was."""
        backup.lay_ready(self._store.folder, sealed.opened(data, passphrase))
        return self._again
