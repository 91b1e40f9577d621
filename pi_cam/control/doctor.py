"""What this machine has of what a camera needs. Each line is a real probe."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable

from pi_cam.control import data_probes, machine_probes, media_probes
from pi_cam.control.findings import Finding, Place, Probe
from pi_cam.errors import PiCamError

PROBES: tuple[tuple[str, Probe], ...] = (
    ("camera", media_probes.camera),
    ("encoder", media_probes.encoder),
    ("webrtc", media_probes.webrtc),
    ("sound", media_probes.sound),
    ("time", machine_probes.time),
    ("data", data_probes.data),
    ("disk", data_probes.disk),
    ("memory", machine_probes.memory),
    ("power", machine_probes.power),
    ("network", machine_probes.network),
    ("certificates", data_probes.certificates),
    ("privileges", data_probes.privileges),
    ("settings", data_probes.settings),
    ("journal", data_probes.journal),
    ("database", data_probes.database),
)

FRESH_SECONDS = 5.0


def examine(place: Place) -> list[Finding]:
    """All probes, in order."""
    return [finding for name, probe in PROBES for finding in _tried(name, probe, place)]


def _tried(name: str, probe: Probe, place: Place) -> list[Finding]:
    try:
        return probe(place)
    except (PiCamError, OSError, ValueError, LookupError, sqlite3.Error) as error:
        cause = str(error).rstrip(".")
        return [Finding(name, "missing", f"This could not be looked at: {cause}.", "Mend that, then look again.")]


class Checkup:
    """The same while the device runs: one look at a time, however many ask, and none more often than every five seconds."""

    def __init__(self, look: Callable[[], list[Finding]], clock: Callable[[], float] = time.monotonic) -> None:
        self._look = look
        self._clock = clock
        self._turn = threading.Lock()
        self._found: list[Finding] = []
        self._found_at: float | None = None

    def findings(self) -> list[Finding]:
        """Takes up to some seconds. From any thread."""
        with self._turn:
            if self._found_at is None or self._clock() - self._found_at >= FRESH_SECONDS:
                self._found = self._look()
                self._found_at = self._clock()
            return list(self._found)
