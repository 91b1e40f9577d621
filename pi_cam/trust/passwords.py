"""Passwords: what is accepted, how they are hashed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import bcrypt

from pi_cam.errors import NotReady, SettingError
from web.passwords import normalised, objection

COST = 11
"""bcrypt rounds as a power of two: about 0.15 s on a PC, under a second on a small Raspberry Pi."""

WAITING_MAX = 6
"""One at work, and the others in line."""


class PasswordHasher:
    """bcrypt over a keyed hash, so that every byte of a long password counts (bcrypt itself stops at 72).

    One at a time: each costs a core for a moment, and pictures must go on.
    """

    def __init__(self, key: bytes, cost: int = COST) -> None:
        self._key = key
        self._cost = cost
        self._turn = threading.Lock()
        self._waiting = threading.BoundedSemaphore(WAITING_MAX)
        self._nobody = self.hash("nobody has this password")

    def hash(self, password: str) -> str:
        """What is stored."""
        with self._in_turn():
            return bcrypt.hashpw(self._keyed(password), bcrypt.gensalt(self._cost)).decode()

    def verify(self, password: str, stored: str | None, *, patient: bool = False) -> bool:
        """Whether it is the one. `stored` None (no such user) takes just as long and is never right. `patient`: waits
        however many are in line. Raises `NotReady` otherwise."""
        with self._turn if patient else self._in_turn():
            right = bcrypt.checkpw(self._keyed(password), (stored or self._nobody).encode())
        return right and stored is not None

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        """Raises `NotReady` when many wait already: else strangers could have all threads of the server wait here."""
        if not self._waiting.acquire(blocking=False):
            raise NotReady("Many people are signing in at once. Try again in a moment.")
        try:
            with self._turn:
                yield
        finally:
            self._waiting.release()

    def _keyed(self, password: str) -> bytes:
        text = normalised(password).encode(errors="surrogatepass")  # JSON can bring lone ones
        return base64.b64encode(hmac.digest(self._key, text, hashlib.sha384))


def check_password(password: str, *, name: str, second_factor: bool = False) -> None:
    """Raises `SettingError` for a password that is too easy to guess. `second_factor`: whether it never opens anything
    without a code."""
    refusal = objection(password, name=name, second_factor=second_factor)
    if refusal:
        raise SettingError(refusal)
