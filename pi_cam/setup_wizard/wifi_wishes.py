"""What a person may ask of the Wi-Fi, checked: a name and a passphrase from outside, before anything acts on them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from pi_cam.setup_wizard.wifi import Network, Security, WifiError

SSID_BYTES = 32
"""IEEE 802.11-2020, 9.4.2.2."""

PASSPHRASE_MIN, PASSPHRASE_MAX = 8, 63
"""Characters of a WPA passphrase (IEEE 802.11-2020, J.4), which are those of ASCII from space to tilde."""

BEST_FIRST: tuple[Security, ...] = ("wpa", "enterprise", "wep", "open")

_HEXADECIMAL_KEY = re.compile(r"[0-9A-Fa-f]{64}")
_PASSPHRASE = re.compile(r"[ -~]{8,63}")

NO_NAME = "A network has a name."
LONG_NAME = "The name of a network has at most 32 bytes."
WRONG_LENGTH = "The password of a Wi-Fi network has 8 to 63 characters, none of them accented."
NEEDS_PASSWORD = "This network asks for a password."
IS_OPEN = "This network is open: leave the password empty. If yours has one, this is another network of its name."
WEP = (
    "This network is protected by WEP, which anybody can break and this camera does not speak: set the router to WPA2."
)
ENTERPRISE = "This network wants a name and a password for each person (enterprise), which this camera does not speak."


@dataclass(frozen=True, slots=True)
class Found:
    """A network of a scan, with what only this side needs to know."""

    ssid: bytes
    """1 to 32 bytes, of any kind."""
    signal: int
    security: Security
    key_management: str = "wpa-psk"
    """NetworkManager's word: `wpa-psk` (WPA2, WPA3 too), `sae` (WPA3 alone), `owe` (open, but encrypted), `none`."""

    @property
    def name(self) -> str:
        """As `Network.ssid` has it."""
        return shown(self.ssid)


@dataclass(frozen=True, slots=True)
class Wish:
    """To join a network. `passphrase` None: it is open, or this machine knows it already."""

    ssid: bytes
    passphrase: str | None = field(repr=False)
    hidden: bool
    key_management: str

    @property
    def name(self) -> str:
        """For a person."""
        return shown(self.ssid)


def shown(ssid: bytes) -> str:
    """The name for a person: what is no UTF-8 has U+FFFD in its place."""
    return ssid.decode("utf-8", "replace")


def wish(ssid: str, passphrase: str | None, *, hidden: bool, scan: Iterable[Found], known: Iterable[bytes]) -> Wish:
    """Raises `WifiError` with what is wrong with it. `known`: names whose password this machine has. A password that was
    typed goes to no open network, and a name that is heard protected is never joined open: anybody can announce it."""
    found = _preferred(one for one in scan if one.name == ssid)
    name = found.ssid if found else _named(ssid)
    is_known = name in set(known)
    if found and found.security == "wep":
        raise WifiError(WEP)
    if found and found.security == "enterprise":
        raise WifiError(ENTERPRISE)
    if found and found.security == "open":
        if passphrase:
            raise WifiError(IS_OPEN)
        return Wish(name, None, hidden, found.key_management)
    if passphrase:
        return Wish(name, _checked(passphrase), hidden, found.key_management if found else "wpa-psk")
    if found and not is_known:
        raise WifiError(NEEDS_PASSWORD)
    return Wish(name, None, hidden, found.key_management if found else "wpa-psk" if is_known else "none")


def rows(scan: Iterable[Found], known: Iterable[bytes]) -> list[Network]:
    """One of each name, strongest first."""
    names: dict[str, list[Found]] = {}
    for one in scan:
        names.setdefault(one.name, []).append(one)
    kept = set(known)
    best = sorted(filter(None, map(_preferred, names.values())), key=lambda one: -one.signal)
    return [Network(one.name, one.signal, one.security, one.ssid in kept) for one in best]


def _preferred(same: Iterable[Found]) -> Found | None:
    """Of access points of one name the strongest of the best protected: a stranger's open or WEP twin, however strong, hides
    no home. (Whoever copies the protection too has to know the password.)"""
    return min(same, key=lambda one: (BEST_FIRST.index(one.security), -one.signal), default=None)


def _named(ssid: str) -> bytes:
    try:
        name = ssid.encode()
    except UnicodeEncodeError:  # a lone surrogate, which JSON can hold
        raise WifiError(NO_NAME) from None
    if not name.strip(b"\0"):
        raise WifiError(NO_NAME)
    if len(name) > SSID_BYTES:
        raise WifiError(LONG_NAME)
    return name


def _checked(passphrase: str) -> str:
    if _PASSPHRASE.fullmatch(passphrase) or _HEXADECIMAL_KEY.fullmatch(passphrase):
        return passphrase
    raise WifiError(WRONG_LENGTH)
