"""A Wi-Fi with rules, in the place of a radio: networks that are near, what each takes, and how long joining lasts."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from pi_cam.setup_wizard.wifi import Network, Phase, Reason, Security, WifiError, WifiState


@dataclass(frozen=True)
class Near:
    """A network that is there. `passphrase`: what it takes; `hidden`: it is not in the scan; `gives_address`: has DHCP."""

    ssid: str
    signal: int
    security: Security = "wpa"
    passphrase: str | None = None
    hidden: bool = False
    gives_address: bool = True


NEIGHBOURS = (
    Near("Maison", 88, passphrase="correct horse battery"),
    Near('Bob\'s "$(reboot)" <b>&amp;', 71, passphrase="12345678"),
    Near("Café 📷👩‍👧 réseau", 64, passphrase="crème brûlée"),
    Near("two\nlines\u202eon", 50, passphrase="12345678"),
    Near("Voisin", 42, "open"),
    Near("Vieux routeur", 31, "wep", "abcde"),
    Near("Bureau", 22, "enterprise"),
    Near("sans adresse", 12, passphrase="12345678", gives_address=False),
    Near("secret place", 60, passphrase="hidden away", hidden=True),
)


class ScriptedWifi:
    """A `Wifi`. It falls back to `otherwise` when joining failed: a hotspot, or offline."""

    def __init__(
        self,
        near: Sequence[Near] = NEIGHBOURS,
        *,
        seconds: float = 0.0,
        otherwise: Phase = "hotspot",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._near = {one.ssid: one for one in near}
        self._seconds = seconds
        self._clock = clock
        self._otherwise = otherwise
        self._known: set[str] = set()
        self._state = WifiState(otherwise)
        self._outcome: tuple[float, WifiState] | None = None
        self.broken = False
        self.joins: list[tuple[str, str | None, bool]] = []

    def networks(self) -> Sequence[Network]:
        """Strongest first."""
        self._require_whole()
        seen = sorted((one for one in self._near.values() if not one.hidden), key=lambda one: -one.signal)
        return [Network(one.ssid, one.signal, one.security, one.ssid in self._known) for one in seen]

    def state(self) -> WifiState:
        """As it is by now."""
        self._require_whole()
        if self._outcome is not None and self._clock() >= self._outcome[0]:
            self._state, self._outcome = self._outcome[1], None
            if self._state.phase == "online" and self._state.ssid:
                self._known.add(self._state.ssid)
        return self._state

    def set_country(self, country: str) -> None:
        """At once."""
        self._require_whole()
        self._state = replace(self._state, country=country)

    def join(self, ssid: str, passphrase: str | None, *, hidden: bool = False) -> None:
        """Begins."""
        self._require_whole()
        self.joins.append((ssid, passphrase, hidden))
        reason = self._why_not(ssid, passphrase, hidden)
        outcome = WifiState(self._otherwise, None, ssid, reason) if reason else WifiState("online", ssid)
        self._state, self._outcome = WifiState("joining", ssid), (self._clock() + self._seconds, outcome)

    def forget(self, ssid: str) -> None:
        """No more."""
        self._known.discard(ssid)
        if self._state.ssid == ssid:
            self._state = replace(self._state, phase=self._otherwise, ssid=None)

    def hotspot(self) -> None:
        """At once."""
        self._require_whole()
        self._state, self._outcome = WifiState("hotspot", "Camera-TEST"), None

    def _why_not(self, ssid: str, passphrase: str | None, hidden: bool) -> Reason | None:
        near = self._near.get(ssid)
        if near is None or (near.hidden and not hidden):
            return "not_found"
        if near.security in ("wep", "enterprise"):
            return "unsupported"
        if near.passphrase != passphrase and not (ssid in self._known and passphrase is None):
            return "wrong_password"
        return None if near.gives_address else "no_address"

    def _require_whole(self) -> None:
        if self.broken:
            raise WifiError("The Wi-Fi of this machine does not answer.")
