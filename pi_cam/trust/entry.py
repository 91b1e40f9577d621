"""The way in from the portal: a token that it signed, good once, for this device, for a minute.

`typ` picam-cap+jwt, `alg` EdDSA (RFC 8037), `iss` the portal's address, `aud` dev:<id>, `sub` the account, `name`, `role`,
`can` camera → capabilities ("*" for the device and all its cameras), `iat`, `exp`, `epoch`, `nonce`; and, if somebody comes
to do one thing, `do`: `{"action": "stop", "camera": "main"}`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from pi_cam.errors import NotAllowed, SettingError
from pi_cam.trust.capabilities import ROLES, Capability, known_capabilities
from pi_cam.trust.portal_keys import KeySet, verified
from pi_cam.trust.tickets import SignedTickets

TYPE = "picam-cap+jwt"
LIFETIME_SECONDS = 60
LEEWAY_SECONDS = 30
"""Clocks of the two may differ by this; the nonce is what makes a token good once and soon."""

CLOCK_IS_SET = 1_790_000_000
"""September 2026. A device without a battery begins in 1970: until its clock is set the nonce alone tells old from new."""

EPOCHS_END = 1 << 63
"""What SQLite can keep."""

EVERYWHERE = "*"
CAMERAS_MOST = 100
PURPOSE = "entry "

CAMERA = re.compile(r"[a-z0-9-]{1,32}")
_REQUIRED = ["iss", "aud", "sub", "name", "role", "can", "iat", "exp", "epoch", "nonce"]


@dataclass(frozen=True, slots=True)
class Errand:
    """The one thing that somebody comes to do. It is in the token, so that no link alone can make a browser do it."""

    action: Literal["start", "stop"]
    camera: str


@dataclass(frozen=True, slots=True)
class Entry:
    """Who was let in. `can`: on the device and all cameras; `on`: camera → what besides. `epoch`: of this account here; a
    higher one ends what was opened with it."""

    subject: str
    name: str
    role: str
    epoch: int
    can: frozenset[Capability]
    on: Mapping[str, frozenset[Capability]]
    errand: Errand | None = None


class Entries:
    """Nonces and tokens. `browser`: a secret that only the browser which asked for the nonce has, so that nobody else's
    browser can be made to come in with it."""

    def __init__(self, device_id: str, clock: Callable[[], float] = time.time) -> None:
        self._audience = f"dev:{device_id}"
        self._clock = clock
        self._nonces = SignedTickets()

    def nonce(self, browser: str) -> str:
        """What the token must hold."""
        return self._nonces.give(PURPOSE + browser)

    def check(self, token: str, browser: str, issuer: str, keys: KeySet) -> Entry:
        """What a token is worth; it is worth nothing the second time. Raises `NotAllowed`."""
        now = self._clock()
        times = {"verify_exp": now >= CLOCK_IS_SET, "verify_nbf": False, "verify_iat": False}
        options = {"require": _REQUIRED, **times}
        claims = verified(
            keys, token, TYPE, audience=self._audience, issuer=issuer, options=options, leeway=LEEWAY_SECONDS
        )
        entry = _entry(claims)
        nonce = str(claims["nonce"])
        if not self._nonces.is_good(nonce, PURPOSE + browser) or not self._nonces.use(nonce):
            raise NotAllowed("This way in is used up or too old: open the camera from the portal again.")
        return entry


def _entry(claims: dict[str, Any]) -> Entry:
    subject, name, role, can = claims["sub"], claims["name"], claims["role"], claims["can"]
    numbers = claims["iat"], claims["exp"], claims["epoch"]
    sensible = (
        all(isinstance(word, str) and 0 < len(word) <= 254 and word.isprintable() for word in (subject, name))
        and isinstance(role, str)
        and role in ROLES
        and isinstance(can, dict)
        and 0 < len(can) <= CAMERAS_MOST
        and all(type(number) is int and 0 <= number < EPOCHS_END for number in numbers)
        and 0 < claims["exp"] - claims["iat"] <= LIFETIME_SECONDS
    )
    if not sensible:
        raise NotAllowed("The portal's token makes no sense.")
    try:
        granted = {str(camera): known_capabilities(words) & ROLES[role] for camera, words in can.items()}
    except (SettingError, TypeError) as error:
        raise NotAllowed("The portal's token makes no sense.") from error
    everywhere = granted.pop(EVERYWHERE, frozenset[Capability]())
    return Entry(subject, name, role, claims["epoch"], everywhere, granted, _errand(claims.get("do")))


def _errand(given: object) -> Errand | None:
    if given is None:
        return None
    known = isinstance(given, dict) and given.keys() == {"action", "camera"} and given["action"] in ("start", "stop")
    if not known or not CAMERA.fullmatch(str(cast("dict[str, Any]", given)["camera"])):
        raise NotAllowed("The portal's token makes no sense.")
    return Errand(**cast("dict[str, Any]", given))
