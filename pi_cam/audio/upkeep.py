"""The thread that keeps a sound device open for as long as it is wanted, whatever happens to the device."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from pi_cam.audio import troubles
from pi_cam.audio.troubles import Direction
from pi_cam.errors import PiCamError

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0

STOP_SECONDS = 1.8

STARVED_SECONDS = 1.0
"""Without a callback for so long, a device is lost: unplugged, or its sound server is gone."""

GLANCE_SECONDS = 0.2
"""A session looks so often whether it has ended."""

Report = Callable[[PiCamError | None], None]
"""Told of each new trouble, and None when sound flows again; from the device's own thread."""

Wait = Callable[[float], bool]
"""Waits so many seconds; True as soon as it is to end."""


class Upkeep:
    """Runs `session` again and again in a thread of its own until it is stopped.

    `session(ended)` opens the device and works until `ended(0)` is true; it raises a `PiCamError` when it cannot go on,
    which is reported, and returns when it wants to be called again at once. It calls `flowing` when sound flows.
    """

    def __init__(self, direction: Direction, session: Callable[[Wait], None], report: Report) -> None:
        self._direction = direction
        self._session = session
        self._report = report
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._flowed = False
        self.trouble: str | None = None

    def start(self) -> None:
        """Returns at once; does nothing while it runs."""
        if self._thread is not None:
            return
        self._ended = threading.Event()
        self.trouble = None
        name = "microphone" if self._direction == "input" else "loudspeaker"
        self._thread = threading.Thread(target=self.run, args=(self._ended.wait,), name=name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Returns within 2 s even when a driver keeps the thread; it then ends whenever the driver lets it go."""
        self._ended.set()
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join(STOP_SECONDS)
            if thread.is_alive():
                log.warning("a sound device does not let go", extra={"device": thread.name})
        self.trouble = None  # of a device that nobody wants

    def flowing(self) -> None:
        """Sound flows: what was wrong is over."""
        if self._flowed:
            return
        self._flowed = True
        if self.trouble is not None:
            self.trouble = None
            self._report(None)

    def run(self, ended: Wait) -> None:
        """The thread's work."""
        pause = FIRST_PAUSE_SECONDS
        while not ended(0):
            self._flowed = False
            trouble = self._trouble(ended)
            if trouble is None:
                continue
            if ended(0):  # stopped meanwhile, and perhaps started again in another thread
                return
            self._tell(trouble)
            if self._flowed:
                pause = FIRST_PAUSE_SECONDS
            if ended(pause):
                return
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _trouble(self, ended: Wait) -> PiCamError | None:
        try:
            self._session(ended)
        except PiCamError as error:
            return error
        except Exception:  # an edge: the thread goes on, and so does whatever else the device does
            log.exception("a sound device's work failed", extra={"direction": self._direction})
            return troubles.broken(self._direction)
        return None

    def _tell(self, trouble: PiCamError) -> None:
        if str(trouble) != self.trouble:
            if trouble.__cause__ is not None:  # a library's own words, which no page shows
                said = {"direction": self._direction, "trouble": str(trouble), "cause": str(trouble.__cause__)}
                log.warning("a sound device cannot be used", extra=said)
            self.trouble = str(trouble)
            self._report(trouble)
