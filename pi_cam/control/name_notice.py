"""Tells the machine around us under which name this camera, and no other in the home, is found.

Who prints an address (`image-build/overlay`, the page of the setup hotspot, `deploy/install.sh`) reads it here: who gets
the machine's own name, and `pi-cam.local`, avahi decides again in each home.
"""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path

from pi_cam import durable

log = logging.getLogger(__name__)

NAME = "name"


class NameNotice:
    """A subsystem. `folder`: systemd's RuntimeDirectory, into which others may look; `name`: `pi-cam-k7qx2m.local`."""

    def __init__(self, folder: Path, name: str) -> None:
        self._path, self._name = folder / NAME, name

    def start(self) -> None:
        """Writes it. Who prints an address does without it where that fails."""
        try:
            durable.replace(self._path, f"{self._name}\n".encode())
            self._path.chmod(0o644)
        except OSError as error:
            log.warning("the camera's name cannot be told", extra={"trouble": error.strerror})

    def stop(self) -> None:
        """Nothing leads here any more."""
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)

    def state(self) -> dict[str, object]:
        """The name."""
        return {"name": self._name}
