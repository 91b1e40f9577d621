"""Several people in the wizard at once: who was there before, and whether somebody did a step meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from pi_cam.setup_wizard.steps import Step

RECENT_SECONDS = 120.0
MOST = 32
"""Browsers remembered; whoever makes up more of them pushes out the one that was away longest."""


@dataclass(frozen=True, slots=True)
class Deed:
    """The last time that a step was answered. `number`: how many times it was; `what`: the answer, to compare."""

    number: int
    who: str
    what: bytes


NOTHING = Deed(0, "", b"")


class Visits:
    """In memory: after a restart nobody is there yet. Any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._there: dict[str, tuple[float, float]] = {}
        """Browser → when it came, and when it was seen last."""
        self._deeds: dict[Step, Deed] = {}

    def see(self, who: str) -> bool:
        """This browser is here; whether another one was before it, and still is."""
        with self._lock:
            now = self._clock()
            there = {one: since for one, since in self._there.items() if now - since[1] <= RECENT_SECONDS}
            came = there.get(who, (now, now))[0]
            there[who] = (came, now)
            while len(there) > MOST:
                del there[min(there, key=lambda one: there[one][1])]
            order = list(there)
            self._there = there
            return order[0] != who

    def last(self, step: Step) -> Deed:
        """What a form must bring back, so that `overtaken` can tell."""
        return self._deeds.get(step, NOTHING)

    def overtaken(self, step: Step, seen: int, who: str, what: bytes) -> bool:
        """Whether another browser answered this step, and otherwise, since this one was shown it (by this run: whatever was
        answered before a restart is no longer known)."""
        last = self.last(step)
        return last is not NOTHING and last.number != seen and last.who != who and last.what != what

    def did(self, step: Step, who: str, what: bytes) -> None:
        """This browser answered this step."""
        with self._lock:
            self._deeds[step] = Deed(self.last(step).number + 1, who, what)
