"""Slows down guessing without locking anybody out."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from pi_cam.errors import TooManyTries

FREE_TRIES = 5
LONGEST_SECONDS = 60.0
REMEMBERED = 1024


class Throttle:
    """After `FREE_TRIES` failures under one key (a name at one address), each further one doubles the pause, up to a
    minute; success forgets them. Keys are bounded: the oldest are forgotten first."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._lock = threading.Lock()

    def attempt(self, key: str) -> None:
        """Raises `TooManyTries` while the pause lasts; else the attempt counts as failed until `succeeded` says otherwise,
        so that many at the same time are not all free."""
        with self._lock:
            self.check(key)
            self.failed(key)

    def check(self, key: str) -> None:
        """Raises `TooManyTries` while the pause lasts."""
        count, last = self._failures.get(key, (0, 0.0))
        # The exponent is bounded too: who fails once a minute for a day would overflow a float.
        pause = min(2.0 ** min(count - FREE_TRIES, 10), LONGEST_SECONDS) if count >= FREE_TRIES else 0.0
        left = last + pause - self._clock()
        if left > 0:
            raise TooManyTries("Too many attempts. Wait a moment, then try again.", left)

    def failed(self, key: str) -> None:
        """Counts a wrong attempt."""
        count = self._failures.pop(key, (0, 0.0))[0]
        self._failures[key] = (count + 1, self._clock())
        while len(self._failures) > REMEMBERED:
            self._failures.popitem(last=False)

    def succeeded(self, key: str) -> None:
        """Forgets the failures."""
        self._failures.pop(key, None)
