"""The Wi-Fi of the machine, as the wizard sees it. `network.py` manages it, with more rights than the service has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from pi_cam.errors import PiCamError

Security = Literal["open", "wpa", "wep", "enterprise"]
Phase = Literal["absent", "offline", "joining", "online", "hotspot"]
Reason = Literal["wrong_password", "not_found", "no_address", "unsupported", "failed"]


class WifiError(PiCamError):
    """What was asked cannot be done; the text is one sentence for a person."""


@dataclass(frozen=True, slots=True)
class Network:
    """A network as a scan found it."""

    ssid: str
    """As it is announced, in UTF-8; what is no UTF-8 has U+FFFD in its place."""
    signal: int
    """0 to 100."""
    security: Security
    known: bool
    """Whether this machine holds what it takes to join it."""


@dataclass(frozen=True, slots=True)
class WifiState:
    """Where the machine stands."""

    phase: Phase
    """`absent`: no radio, or nothing that manages it (a PC, a container)."""
    ssid: str | None = None
    """Of the network that is joined or being joined, or of the hotspot."""
    failed_ssid: str | None = None
    """The network that the last try was about, when it failed."""
    reason: Reason | None = None
    """Why the last try failed."""
    country: str = "00"
    """Whose rules the radio follows: two letters of ISO 3166-1, or 00 for what is allowed everywhere."""


class Wifi(Protocol):
    """What the wizard may ask for. Every call may take seconds, and may raise `WifiError`."""

    def networks(self) -> Sequence[Network]:
        """The last scan, strongest first, one row per name; in a hotspot it is the scan from before."""

    def state(self) -> WifiState:
        """Where the machine stands now."""

    def join(self, ssid: str, passphrase: str | None, *, hidden: bool = False) -> None:
        """Begins to join, and returns at once: `state` tells how it goes. The network is kept when it could be joined."""

    def forget(self, ssid: str) -> None:
        """Joins it no more. Nothing happens when it is not known."""

    def set_country(self, country: str) -> None:
        """Has the radio follow the rules of a country, or of none (00); `state` tells a moment later."""

    def hotspot(self) -> None:
        """Opens the camera's own network for a while, whatever it is joined to; `state` says so at once."""
