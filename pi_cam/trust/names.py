"""What a person, or a camera, may be called."""

from __future__ import annotations

import re
import unicodedata

from pi_cam.errors import SettingError

LONGEST = 64
INVISIBLE = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
"""Unicode categories of what nobody sees: with it one name could look like another, or run backwards."""

WITH_PASSWORD = re.compile(r"://[^/\s]*@")
"""An address as people paste it (RFC 3986, section 3.2.1)."""

RESERVED = re.compile(r"command line|(token|user)( .*)?")
"""As the journal calls what has no account."""


def checked_name(name: str) -> str:
    """A person's, without blanks around it and composed (NFC). Raises `SettingError`. Names are compared without regard to
    (ASCII) case."""
    name = plain_name(name)
    looks_like = " ".join(unicodedata.normalize("NFKC", name).casefold().split())
    if RESERVED.fullmatch(looks_like):
        raise SettingError("This name is kept for the camera itself: choose another.")
    return name


def plain_name(name: str) -> str:
    """Anything's. Raises `SettingError`."""
    name = unicodedata.normalize("NFC", name.strip())
    if any(unicodedata.category(sign) in INVISIBLE for sign in name):
        raise SettingError("A name has no invisible signs.")
    if not 1 <= len(name) <= LONGEST:
        raise SettingError(f"A name has 1 to {LONGEST} characters.")
    if WITH_PASSWORD.search(name):
        raise SettingError("A name is seen by everybody who watches: leave an address with a password out of it.")
    return name
