"""Random words that a browser brings back once, soon: challenges of passkeys, the way from a password to its code."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import struct
import threading
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

LIFETIME_SECONDS = 300.0
REMEMBERED = 4096


class Tickets(Generic[T]):
    """Each stands for a value that stays here. Bounded: when there are too many, the oldest are forgotten."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
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
        while len(self._given) > REMEMBERED or next(iter(self._given.values()))[1] <= now:
            self._given.popitem(last=False)


class SignedTickets:
    """Tickets that are not kept here until they are used, so that whoever asks for many pushes out nobody else's. They
    end with the process, whose key signs them."""

    _NONCE_AND_END = struct.Struct("!16sd")

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._used: OrderedDict[str, float] = OrderedDict()

    def give(self, purpose: str) -> str:
        """A new ticket: base64url of 54 bytes, good for five minutes and for this purpose."""
        what = self._NONCE_AND_END.pack(secrets.token_bytes(16), self._clock() + LIFETIME_SECONDS)
        return urlsafe_b64encode(what + self._signature(what, purpose)).decode()

    def is_good(self, ticket: str, purpose: str) -> bool:
        """Whether it was given for this, is not over, and was not used."""
        try:
            data = urlsafe_b64decode(ticket.encode("ascii"))
        except ValueError:
            return False
        what, signature = data[: self._NONCE_AND_END.size], data[self._NONCE_AND_END.size :]
        # The same bytes have several spellings; only the one that was given counts, or a used ticket would be good again.
        if (
            not hmac.compare_digest(signature, self._signature(what, purpose))
            or ticket != urlsafe_b64encode(data).decode()
        ):
            return False
        return float(self._NONCE_AND_END.unpack(what)[1]) > self._clock() and ticket not in self._used

    def use(self, ticket: str) -> bool:
        """Uses up a good one; False for whoever comes second."""
        with self._lock:
            if ticket in self._used:
                return False
            now = self._clock()
            while self._used and next(iter(self._used.values())) <= now:
                self._used.popitem(last=False)
            self._used[ticket] = now + LIFETIME_SECONDS
        return True

    def _signature(self, what: bytes, purpose: str) -> bytes:
        return hmac.digest(self._key, what + purpose.encode(), hashlib.sha256)[:30]
