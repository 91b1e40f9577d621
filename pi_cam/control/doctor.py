"""What this machine has of what a camera needs. Each line is a real probe."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from typing import NoReturn

from pi_cam.control import (
    certificate_probes,
    data_probes,
    journal_probes,
    key_probes,
    machine_probes,
    media_probes,
    network_probes,
    privilege_probes,
)
from pi_cam.control.causes import cause_of
from pi_cam.control.findings import Finding, Place, Probe
from pi_cam.control.patience import NoAnswer, Patient
from pi_cam.errors import NotReady, PiCamError

log = logging.getLogger(__name__)

PROBES: tuple[tuple[str, Probe], ...] = (
    ("camera", Patient(media_probes.camera)),
    ("encoder", Patient(media_probes.encoder)),
    ("webrtc", Patient(media_probes.webrtc)),
    ("sound", Patient(media_probes.sound)),
    ("time", machine_probes.time),
    ("data", data_probes.data),
    ("disk", data_probes.disk),
    ("memory", machine_probes.memory),
    ("power", machine_probes.power),
    ("network", network_probes.network),
    ("tunnel", Patient(network_probes.tunnel)),
    ("certificates", certificate_probes.certificates),
    ("privileges", privilege_probes.privileges),
    ("key", key_probes.device_key),
    ("settings", data_probes.settings),
    ("journal", journal_probes.journal),
    ("database", data_probes.database),
)

IN_THE_FOLDER = frozenset({"disk", "tunnel", "certificates", "privileges", "key", "settings", "journal", "database"})
"""Where nobody may look into the folder, the line about the folder says it, and these would only say it again."""

FORESEEN = (PiCamError, OSError, ValueError, LookupError, sqlite3.Error)

FRESH_SECONDS = 5.0
RECENT_SECONDS = 15.0
ASKERS = 2
"""One looks, one waits for its turn: each more would hold a thread of the server while something hangs."""


def examine(place: Place) -> list[Finding]:
    """All probes, in order."""
    closed = data_probes.is_closed(place.folder)
    return [
        finding
        for name, probe in PROBES
        if not (closed and name in IN_THE_FOLDER)
        for finding in tried(name, probe, place)
    ]


def tried(name: str, probe: Probe, place: Place) -> list[Finding]:
    """What the probe answers. Never raises: what goes wrong in one hides no other."""
    try:
        return probe(place)
    except NoAnswer as silence:
        remedy = "Start this machine again; if that does not help, unplug what hangs."
        return [Finding(name, "missing", str(silence), remedy)]
    except FORESEEN as error:
        return [_not_looked_at(name, cause_of(error))]
    except Exception as error:  # the edge to libraries of others, which raise what they like
        log.exception("a probe failed in a way that was not foreseen", extra={"probe": name})
        return [_not_looked_at(name, cause_of(error))]


def _not_looked_at(name: str, cause: str) -> Finding:
    return Finding(name, "missing", f"This could not be looked at: {cause}.", "Mend that, then look again.")


class Checkup:
    """The same while the device runs: one look at a time, however many ask, and none more often than every five seconds."""

    def __init__(self, look: Callable[[], list[Finding]], clock: Callable[[], float] = time.monotonic) -> None:
        self._look = look
        self._clock = clock
        self._askers = threading.BoundedSemaphore(ASKERS)
        self._turn = threading.Lock()
        self._last: tuple[float, list[Finding]] | None = None

    def findings(self) -> list[Finding]:
        """Takes up to some seconds. From any thread. Raises `NotReady` where others look already, and nothing recent is
        known."""
        if not self._askers.acquire(blocking=False):
            return self._found_within(RECENT_SECONDS) or self._busy()
        try:
            with self._turn:
                return self._found_within(FRESH_SECONDS) or self._looked()
        finally:
            self._askers.release()

    def _found_within(self, seconds: float) -> list[Finding] | None:
        last = self._last
        return list(last[1]) if last is not None and self._clock() - last[0] < seconds else None

    def _looked(self) -> list[Finding]:
        found = self._look()
        self._last = (self._clock(), found)
        return list(found)

    def _busy(self) -> NoReturn:
        raise NotReady("Others look already whether all is in order. Try again in a moment.")
