"""Random words that a browser brings back once, soon: challenges of passkeys, the way from a password to its code."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

LIFETIME_SECONDS = 300.0
REMEMBERED = 4096


class Tickets(Generic[T]):
    """Each stands for a value that stays here. Bounded: when there are too many, the oldest are forgotten."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, remembered: int = REMEMBERED) -> None:
        self._clock = clock
        self._remembered = remembered
        self._lock = threading.Lock()
        self._given: OrderedDict[str, tuple[T, float]] = OrderedDict()

    def give(self, value: T, *, until: float | None = None) -> str:
        """A new ticket: base64url of 32 random bytes. `until`: good no longer than this, by the clock."""
        ticket = secrets.token_urlsafe(32)
        ends = self._clock() + LIFETIME_SECONDS
        with self._lock:
            self._given[ticket] = (value, ends if until is None else min(until, ends))
            self._forget()
        return ticket

    def look(self, ticket: str) -> T | None:
        """What it stands for; it stays good."""
        with self._lock:
            value, ends = self._given.get(ticket, (None, 0.0))
        return value if ends > self._clock() else None

    def take(self, ticket: str) -> tuple[T, float] | None:
        """What it stands for, and until when it was good. The same ticket is worth nothing from now on."""
        with self._lock:
            found = self._given.pop(ticket, None)
        return found if found is not None and found[1] > self._clock() else None

    def _forget(self) -> None:
        now = self._clock()
        while len(self._given) > self._remembered or next(iter(self._given.values()))[1] <= now:
            self._given.popitem(last=False)
