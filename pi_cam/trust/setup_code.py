"""The one-time code that proves that the first owner stands beside the device."""

from __future__ import annotations

import hmac
import ipaddress
import re
import secrets
import time
from collections.abc import Callable
from pathlib import Path

from pi_cam.errors import NotAllowed, TooManyTries
from pi_cam.trust.throttle import Budget, Throttle

ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""No I, O, 0 or 1: a person copies it by eye."""

LONGEST_SECONDS = 600.0
COMPARED_PER_SECOND = 0.5
COMPARED_AT_ONCE = 4096
"""Who guesses keeps nobody else waiting: each address pays for itself, with pauses of up to ten minutes. All 253 addresses
of a home's network together come to 0.42 guesses a second, after some 3,800 of the first quarter of an hour, and so never
use up what is compared for all.

That is there for who takes a new address for each guess, as IPv6 lets anybody do; one for each family, so that such a flood
leaves the other family to the owner. Of 2^40 codes at most one a second is tried then: in twelve days without a pause, with
8,192 to begin with, 1,045,000 of them, a chance below one in a million. A code that is compared without any limit, so that
the right one is never refused, would fall to the same chance within an hour of 300 guesses a second."""

WRONG = (
    "The setup code is wrong. It is in pi-cam-setup.txt on the memory card, "
    "or in the terminal where pi-cam was started."
)

KEPT = "setup-code"
"""The file in the data folder with the code that was chosen when the card was written, or told at an earlier start."""


class SetupCode:
    """Eight characters (40 bits), new at each start unless one is kept, valid until there is an owner."""

    def __init__(self, folder: Path | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        letters = _kept(folder) or "".join(secrets.choice(ALPHABET) for _ in range(8))
        self.code = f"{letters[:4]}-{letters[4:]}"
        self._addresses = Throttle(clock, longest=LONGEST_SECONDS)
        self._all = {version: Budget(COMPARED_PER_SECOND, COMPARED_AT_ONCE, clock) for version in (4, 6)}

    def check(self, given: str, address: str) -> None:
        """`address`: where it comes from; what is none is shared. Raises `NotAllowed` when it is wrong, `TooManyTries` after
        five wrong ones in a row from there."""
        key, version = _family(address)
        self._addresses.attempt(key)
        try:
            self._all[version].take()
        except TooManyTries:  # it was not looked at: no wrong one of this address
            self._addresses.undo(key)
            raise
        plain = "".join(letter for letter in given.upper() if letter.isalnum())
        if not hmac.compare_digest(plain.encode(), self.code.replace("-", "").encode()):
            raise NotAllowed(WRONG)
        self._addresses.succeeded(key)


def _family(address: str) -> tuple[str, int]:
    """Each address by itself: in IPv6 all of a home share their first 64 bits, the owner with whoever guesses."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "", 4
    plain = getattr(ip, "ipv4_mapped", None) or ip
    return str(plain), plain.version


def _kept(folder: Path | None) -> str | None:
    if folder is None:
        return None
    try:
        letters = (folder / KEPT).read_text("ascii").strip().replace("-", "")
    except (OSError, ValueError):
        return None
    return letters if re.fullmatch(f"[{ALPHABET}]{{8}}", letters) else None
