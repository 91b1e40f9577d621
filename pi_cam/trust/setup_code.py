"""The one-time code that proves that the first owner stands beside the device."""

from __future__ import annotations

import hmac
import re
import secrets
from pathlib import Path

from pi_cam.errors import NotAllowed
from pi_cam.trust.throttle import Throttle

ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""No I, O, 0 or 1: a person copies it by eye."""

KEY = "setup"

KEPT = "setup-code"
"""The file in the data folder with the code that was chosen when the card was written, or told at an earlier start."""


class SetupCode:
    """Eight characters (40 bits), new at each start unless one is kept, valid until there is an owner."""

    def __init__(self, folder: Path | None = None) -> None:
        letters = _kept(folder) or "".join(secrets.choice(ALPHABET) for _ in range(8))
        self.code = f"{letters[:4]}-{letters[4:]}"
        # Whoever guesses without end keeps the owner waiting for some seconds, and no longer: at that rate forty bits last.
        self._throttle = Throttle(longest=4.0)

    def check(self, given: str) -> None:
        """Raises `NotAllowed` when it is wrong, `TooManyTries` after five wrong ones in a row."""
        self._throttle.attempt(KEY)
        plain = "".join(letter for letter in given.upper() if letter.isalnum())
        if not hmac.compare_digest(plain.encode(), self.code.replace("-", "").encode()):
            raise NotAllowed("The setup code is wrong. It stands in the terminal where pi-cam was started.")
        self._throttle.succeeded(KEY)


def _kept(folder: Path | None) -> str | None:
    if folder is None:
        return None
    try:
        letters = (folder / KEPT).read_text("ascii").strip().replace("-", "")
    except (OSError, ValueError):
        return None
    return letters if re.fullmatch(f"[{ALPHABET}]{{8}}", letters) else None
