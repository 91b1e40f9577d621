"""Slowing down guesses at passwords: wherever they come from, and without keeping out whoever signed in here before."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from pi_cam.trust.throttle import Throttle

FREE_PER_ACCOUNT = 30
FREE_PER_ADDRESS = 50
NEIGHBOURS = 64
"""One home, or one rented machine, has all IPv6 addresses that share so many bits."""


@dataclass(frozen=True, slots=True)
class Guess:
    """An attempt to sign in as `name`, from `network` (empty where an address says nothing: all that comes through a tunnel
    comes from this machine), in a browser that signed in as them before (`browser`) or None."""

    name: str
    network: str
    browser: str | None = None


class Guesses:
    """Three budgets: of a name at one address, of a name from anywhere, of an address for any name. A browser that signed
    in before has one of its own, which nobody else can use up."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._browsers = Throttle(clock)
        self._here = Throttle(clock)
        self._accounts = Throttle(clock, free=FREE_PER_ACCOUNT)
        self._addresses = Throttle(clock, free=FREE_PER_ADDRESS)

    def attempt(self, guess: Guess) -> None:
        """Counts it. Raises `TooManyTries`."""
        if guess.browser is not None:
            self._browsers.attempt(guess.browser)
            return
        self._here.attempt(f"{guess.name} {guess.network}")
        self._accounts.attempt(guess.name)
        if guess.network:
            self._addresses.attempt(guess.network)

    def succeeded(self, guess: Guess) -> None:
        """It was right. What this address tried for other names still counts: one's own account must not pay for it."""
        if guess.browser is not None:
            self._browsers.succeeded(guess.browser)
            return
        self._here.succeeded(f"{guess.name} {guess.network}")
        self._accounts.succeeded(guess.name)
        self._addresses.undo(guess.network)


def network_of(address: str) -> str:
    """Whose address it is, as far as guesses go."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if ip.is_loopback:
        return ""
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is None:
        return str(ipaddress.ip_network((ip, NEIGHBOURS), strict=False))
    return str(ip)


class KnownBrowsers:
    """A cookie says that somebody signed in as this user here once. It opens nothing; it only keeps the guesses of others
    from slowing down this browser."""

    def __init__(self, key: bytes) -> None:
        self._key = hmac.digest(key, b"known browsers", hashlib.sha256)

    def issue(self, user: int) -> str:
        """A new one."""
        word = secrets.token_urlsafe(16)
        return f"{word}.{self._mac(user, word)}"

    def recognise(self, value: str | None, user: int | None) -> str | None:
        """What to count its guesses under, or None when it is not of this user."""
        word, _, mac = (value or "").partition(".")
        if user is None or not hmac.compare_digest(mac.encode(), self._mac(user, word).encode()):
            return None
        return f"{user} {word}"

    def _mac(self, user: int, word: str) -> str:
        return hmac.new(self._key, f"{user} {word}".encode(errors="replace"), hashlib.sha256).hexdigest()
