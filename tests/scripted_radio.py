"""A radio that does what a test wants: for what is decided above NetworkManager, which `tests/wifi` has as it is."""

from __future__ import annotations

import asyncio

from pi_cam.setup_wizard.network import Kept, Networks, Standing
from pi_cam.setup_wizard.wifi import Reason
from pi_cam.setup_wizard.wifi_wishes import Found, Wish


class ScriptedRadio(Networks):
    """`outcomes`: of the joins to come, first to last; None is a success. `hotspots`: the password of each that came up."""

    def __init__(self, *scan: Found, hotspot: bool = False, slow: float = 0.0) -> None:
        super().__init__()
        self.found = list(scan)
        self.hotspot = hotspot
        self.outcomes: list[Reason | None] = []
        self.wishes: list[Wish] = []
        self.hotspots: list[str | None] = []
        self.cable = False
        self.known: list[Kept] = []
        self._joined: bytes | None = None
        self._slow = slow

    async def standing(self) -> Standing:
        return Standing("/radio", self._joined, self.hotspot, self.cable)

    async def kept(self) -> list[Kept]:
        return list(self.known)

    async def passphrase(self, kept: Kept) -> str | None:
        return next((one.passphrase for one in reversed(self.wishes) if one.ssid == kept.ssid), None)

    async def scan(self, radio: str) -> list[Found]:
        assert not self.hotspot, "a hotspot's radio does not scan"
        return list(self.found)

    async def join(self, radio: str, wish: Wish) -> Reason | None:
        assert not self.hotspot
        self.wishes.append(wish)
        await asyncio.sleep(self._slow)
        why = self.outcomes.pop(0)
        if why is None:
            self._joined, self.known = wish.ssid, [Kept("/profile", wish.ssid, wish.passphrase is not None, 1)]
        self.changed.set()
        return why

    async def forget(self, ssid: bytes) -> None:
        self.known = [one for one in self.known if one.ssid != ssid]

    async def raise_hotspot(self, radio: str, ssid: str, passphrase: str | None) -> None:
        self.hotspots.append(passphrase)
        self.hotspot, self._joined = True, None
        self.changed.set()

    async def lower_hotspot(self, radio: str) -> None:
        self.hotspot = False
        self.changed.set()

    def lose(self) -> None:
        """The network goes away."""
        self._joined = None
        self.changed.set()
