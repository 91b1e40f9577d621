"""Slows down guessing without locking anybody out."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from pi_cam.errors import TooManyTries

FREE_TRIES = 5
LONGEST_SECONDS = 60.0
FORGET_SECONDS = 3600.0
REMEMBERED = 4096
WAIT = "Too many attempts. Wait a moment, then try again."


class Throttle:
    """After `free` failures under one key, each further one doubles the pause, up to `longest` seconds; success, and an
    hour without any, forgets them. Keys are bounded: the oldest are forgotten first."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        *,
        free: int = FREE_TRIES,
        longest: float = LONGEST_SECONDS,
    ) -> None:
        self._clock = clock
        self._free = free
        self._longest = longest
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
        count, last = self._remembered(key)
        # The exponent is bounded too: who fails once a minute for a day would overflow a float.
        pause = min(2.0 ** min(count - self._free, 10), self._longest) if count >= self._free else 0.0
        left = last + pause - self._clock()
        if left > 0:
            raise TooManyTries(WAIT, left)

    def failed(self, key: str) -> None:
        """Counts a wrong attempt."""
        count = self._remembered(key)[0]
        self._failures.pop(key, None)
        self._failures[key] = (count + 1, self._clock())
        while len(self._failures) > REMEMBERED:
            self._failures.popitem(last=False)

    def succeeded(self, key: str) -> None:
        """Forgets the failures."""
        with self._lock:
            self._failures.pop(key, None)

    def undo(self, key: str) -> None:
        """Takes one attempt back, and leaves the others."""
        with self._lock:
            count, last = self._remembered(key)
            if count:
                self._failures[key] = (count - 1, last)

    def _remembered(self, key: str) -> tuple[int, float]:
        count, last = self._failures.get(key, (0, float("-inf")))
        return (0, float("-inf")) if self._clock() - last > FORGET_SECONDS else (count, last)


class Budget:
    """So many at once, and `rate` a second after. For what counts whoever does it: a bucket of tokens."""

    def __init__(self, rate: float, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._most = most
        self._clock = clock
        self._left, self._at = float(most), clock()
        self._lock = threading.Lock()

    def take(self) -> None:
        """Raises `TooManyTries` when nothing is left."""
        with self._lock:
            now = self._clock()
            self._left, self._at = min(self._most, self._left + (now - self._at) * self._rate), now
            if self._left < 1:
                raise TooManyTries(WAIT, (1 - self._left) / self._rate)
            self._left -= 1
