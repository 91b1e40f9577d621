"""Tells the machine around us the setup code, for as long as there is no owner.

On an image the code goes from here to the boot partition and to the screen (`image-build/overlay`), which the service
itself can write to neither of.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path

from pi_cam import durable

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
"""How often it looks for an owner, whom another process may have set."""

NAME = "setup-code"


class SetupNotice:
    """A subsystem.

    `folder`: where the code is told (systemd's RuntimeDirectory; None: nowhere). `kept`: a file with the code for the next
    start: a person reads it from the card while the machine is off. It has served its turn once there is an owner.
    """

    def __init__(self, folder: Path | None, code: str, has_owner: Callable[[], bool], kept: Path) -> None:
        self._path = folder / NAME if folder else None
        self._code, self._has_owner, self._kept = code, has_owner, kept
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Writes it; nothing where there is an owner."""
        if self._has_owner():
            self._withdraw()
            return
        if self._path is not None:
            for path in (self._kept, self._path):
                try:
                    durable.replace(path, f"{self._code}\n".encode())
                except OSError as error:
                    log.warning("The setup code cannot be told (%s): it stands in the log only.", error.strerror)
        self._end.clear()
        self._thread = threading.Thread(target=self._watch, name="setup-notice", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """It is not valid any more."""
        self._end.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._path is not None:
            _remove(self._path)

    def state(self) -> dict[str, object]:
        """Whether it waits for an owner."""
        return {"waits_for_owner": self._thread is not None and self._thread.is_alive()}

    def _watch(self) -> None:
        while not self._end.wait(LOOK_SECONDS):
            if self._has_owner():
                self._withdraw()
                return

    def _withdraw(self) -> None:
        if self._path is not None:
            _remove(self._path)
        _remove(self._kept)


def runtime_folder() -> Path | None:
    """systemd's `RuntimeDirectory=`, if there is one."""
    named = os.environ.get("RUNTIME_DIRECTORY")
    return Path(named) if named else None


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
