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

_HEXADECIMAL_KEY = re.compile(r"[0-9A-Fa-f]{64}")
_PASSPHRASE = re.compile(r"[ -~]{8,63}")

NO_NAME = "A network has a name."
LONG_NAME = "The name of a network has at most 32 bytes."
WRONG_LENGTH = "The password of a Wi-Fi network has 8 to 63 characters, none of them accented."
NEEDS_PASSWORD = "This network asks for a password."
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
    """Raises `WifiError` with what is wrong with it. `known`: names whose password this machine has."""
    found = next((one for one in scan if one.name == ssid), None)
    name = found.ssid if found else _named(ssid)
    passphrase = passphrase or None
    if found and found.security == "wep":
        raise WifiError(WEP)
    if found and found.security == "enterprise":
        raise WifiError(ENTERPRISE)
    if found and found.security == "open":
        return Wish(name, None, hidden, found.key_management)
    if passphrase is not None:
        return Wish(name, _checked(passphrase), hidden, found.key_management if found else "wpa-psk")
    if found and name not in set(known):
        raise WifiError(NEEDS_PASSWORD)
    return Wish(name, None, hidden, found.key_management if found else "none")


def rows(scan: Iterable[Found], known: Iterable[bytes]) -> list[Network]:
    """The strongest of each name, strongest first."""
    strongest: dict[str, Found] = {}
    for one in sorted(scan, key=lambda one: -one.signal):
        strongest.setdefault(one.name, one)
    kept = set(known)
    return [Network(name, one.signal, one.security, one.ssid in kept) for name, one in strongest.items()]


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
