"""A probe of another's library may hang, with the driver below it: whoever asks waits for it so long, and no longer."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, wait

from pi_cam.control.findings import Finding, Place, Probe

PROBE_SECONDS = 8.0
"""On a small Raspberry Pi the libraries take some seconds to load."""


class NoAnswer(Exception):
    """The probe was given up. The text is a sentence."""


class Patient:
    """The same probe, given up after `seconds`. While it hangs it is not begun again: no asker costs a thread more."""

    def __init__(self, probe: Probe, seconds: float = PROBE_SECONDS) -> None:
        self._probe = probe
        self._seconds = seconds
        self._turn = threading.Lock()
        self._running: Future[list[Finding]] | None = None
        self._began = 0.0

    def __call__(self, place: Place) -> list[Finding]:
        """What the probe answers, or raises. Raises `NoAnswer`."""
        with self._turn:
            if self._running is None or self._running.done():
                self._running, self._began = _begun(self._probe, place), time.monotonic()
            running, left = self._running, self._began + self._seconds - time.monotonic()
        wait([running], max(left, 0.0))
        if not running.done():
            raise NoAnswer(f"This did not answer within {self._seconds:g} seconds.")
        return running.result()


def _begun(probe: Probe, place: Place) -> Future[list[Finding]]:
    answer: Future[list[Finding]] = Future()

    def run() -> None:
        try:
            answer.set_result(probe(place))
        except Exception as error:  # noqa: BLE001 - the edge of a thread: it is raised again in the one that asked
            answer.set_exception(error)

    threading.Thread(target=run, name="doctor", daemon=True).start()
    return answer
