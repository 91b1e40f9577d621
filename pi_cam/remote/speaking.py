"""A thread that speaks to the portal: a step, a wait, the next step, whatever goes wrong."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from pi_cam.errors import PiCamError

log = logging.getLogger(__name__)

STOP_SECONDS = 2.0


class Speaking:
    """`step()` does what is due and says in how many seconds to call it again, None: only after `wake`. `troubled(sentence)`
    says how long to wait after a step that failed."""

    def __init__(self, name: str, step: Callable[[], float | None], troubled: Callable[[str], float]) -> None:
        self._name = name
        self._step = step
        self._troubled = troubled
        self._wake = threading.Event()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begins."""
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends; a request that hangs is left to its time-out."""
        self._ended.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    def wake(self) -> None:
        """There is something to do now. From any thread."""
        self._wake.set()

    def _run(self) -> None:
        while not self._ended.is_set():
            self._wake.clear()
            try:
                wait = self._step()
            except PiCamError as error:
                wait = self._troubled(str(error))
            except Exception:  # an edge: whatever a portal answers, the next word must still be said
                log.exception("unforeseen while speaking to the portal", extra={"thread": self._name})
                wait = self._troubled("The portal's answer makes no sense.")
            self._wake.wait(wait)
