"""What a password must be, for the camera and for the portal alike. Pure: knows nobody's storage, and no framework.

After NIST SP 800-63B: length, no rules of composition, and nothing that everybody would try.
"""

from __future__ import annotations

import unicodedata

from web.passwords.common import is_common

MIN_LENGTH = 15
MIN_LENGTH_BESIDE_A_CODE = 8
MAX_LENGTH = 1024


def normalised(password: str) -> str:
    """One form (NFKC) for all the ways in which keyboards write the same letters."""
    return unicodedata.normalize("NFKC", password)


def objection(password: str, *, name: str, second_factor: bool = False) -> str | None:
    """The sentence that says why this password is refused; None for one that is good. `name`: the person's, which makes a
    poor password. `second_factor`: whether the password never opens anything without a code."""
    least = MIN_LENGTH_BESIDE_A_CODE if second_factor else MIN_LENGTH
    if len(password) < least:
        return f"A password has at least {least} characters; a short sentence is a good one."
    if len(password) > MAX_LENGTH:
        return f"A password has at most {MAX_LENGTH} characters."
    if is_common(password, name=name):
        return "This password is too easy to guess; a short sentence is a good one."
    return None
