"""Keeps the Wi-Fi as people asked: one network at a time, and the camera's own one when there is no other way in."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from pi_cam.setup_wizard.hotspot import Facts, Hotspot
from pi_cam.setup_wizard.network import NO_RADIO, Kept, Networks, Standing
from pi_cam.setup_wizard.network_bus import NotManaged
from pi_cam.setup_wizard.wifi import Network, Reason, WifiError, WifiState
from pi_cam.setup_wizard.wifi_wishes import Found, Wish, rows, wish

log = logging.getLogger(__name__)

ANSWER_SECONDS = 2.0
"""Between the answer to a phone and the end of the network that carries it."""

LOOK_SECONDS = 5.0
FRESH_SECONDS = 20.0
SCANS = 3
BUSY = "Another network is being tried now: wait for its end."
CABLE = "A cable leads to this camera: it needs no Wi-Fi of its own."
NOBODY = Standing(None, None, False, False)


class Keeper:
    """`name`: of the hotspot. `captive`: has phones that join it sent to the page (True), or no longer."""

    def __init__(
        self,
        networks: Networks,
        rule: Hotspot,
        name: str,
        captive: Callable[[bool], Awaitable[None]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._networks, self._rule, self._captive, self._clock = networks, rule, captive, clock
        self.name = name
        self._standing, self._kept = NOBODY, list[Kept]()
        self._scan, self._scanned = list[Found](), float("-inf")
        self._wish: Wish | None = None
        self._failed: tuple[str, Reason] | None = None
        self._opening_since: float | None = None
        self._task: asyncio.Task[None] | None = None
        self._radio = asyncio.Lock()

    async def run(self) -> None:
        """For ever. A hotspot of a run before ends first."""
        with suppress(WifiError):
            await self._look()
            self._rule.decide(self._facts())  # what is joined now, and lost while the radio listens, was joined
            await self._lower()
            await self._listen()
        while True:
            self._networks.changed.clear()
            with suppress(WifiError):
                await self._keep()
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._networks.changed.wait()

    async def networks(self) -> list[Network]:
        """As `Wifi.networks`."""
        stale = self._clock() - self._scanned > FRESH_SECONDS
        if stale and self._wish is None and not self._standing.hotspot:
            async with self._radio:
                await self._listen()
        return rows(self._scan, [one.ssid for one in self._kept])

    def state(self) -> WifiState:
        """As `Wifi.state`."""
        name, why = self._failed or (None, None)
        if self._standing.radio is None:
            return WifiState("absent", None, name, why)
        if self._wish is not None:
            return WifiState("joining", self._wish.name)
        if self._standing.hotspot or self._opening_since is not None:
            return WifiState("hotspot", self.name, name, why)
        if self._standing.joined is not None:
            return WifiState("online", self._standing.joined.decode("utf-8", "replace"), name, why)
        return WifiState("offline", None, name, why)

    def join(self, ssid: str, passphrase: str | None, *, hidden: bool) -> None:
        """As `Wifi.join`."""
        if self._standing.radio is None:
            raise WifiError(NO_RADIO)
        if self._wish is not None:
            raise WifiError(BUSY)
        known = [one.ssid for one in self._kept if one.secret]
        self._wish = wish(ssid, passphrase, hidden=hidden, scan=self._scan, known=known)
        self._failed = self._opening_since = None
        self._rule.joining()
        self._task = asyncio.get_running_loop().create_task(self._join(self._wish, self._standing.radio))

    async def forget(self, ssid: str) -> None:
        """As `Wifi.forget`."""
        for one in {one.ssid for one in self._kept if one.ssid.decode("utf-8", "replace") == ssid}:
            await self._networks.forget(one)
        await self._look()

    async def hotspot(self) -> None:
        """Somebody at the camera wants it."""
        if self._standing.radio is None:
            raise WifiError(NO_RADIO)
        if self._standing.cable:
            raise WifiError(CABLE)
        if self._wish is not None:
            raise WifiError(BUSY)
        self._opening_since = self._clock()
        asyncio.get_running_loop().call_later(ANSWER_SECONDS, self._networks.changed.set)

    def visited(self) -> None:
        """Somebody uses the hotspot's page."""
        self._rule.visited()

    @property
    def is_hotspot(self) -> bool:
        """Whether it is up."""
        return self._standing.hotspot

    async def _join(self, wished: Wish, radio: str) -> None:
        why: Reason | None = "failed"
        from_hotspot = self._standing.hotspot
        try:
            await asyncio.sleep(ANSWER_SECONDS)
            async with self._radio:
                if from_hotspot:
                    await self._lower()
                if from_hotspot and not wished.hidden and not await self._is_there(wished):
                    why = "not_found"
                else:
                    why = await self._networks.join(radio, wished)
        except WifiError as error:
            log.info("not joined", extra={"trouble": str(error)})
        finally:
            if why is not None:
                self._failed = (wished.name, why)
                if from_hotspot:
                    self._rule.failed()
            self._wish = None
            self._networks.changed.set()

    async def _is_there(self, wished: Wish) -> bool:
        for _ in range(SCANS):  # after a hotspot a radio may hear nothing at first
            if any(one.ssid == wished.ssid for one in await self._listen()):
                return True
        return False

    async def _listen_well(self) -> None:
        for _ in range(SCANS):  # a radio that has just come may hear nothing at first
            if await self._listen():
                return

    async def _look(self) -> None:
        try:
            self._standing, self._kept = await self._networks.standing(), await self._networks.kept()
        except NotManaged:
            self._standing, self._kept = NOBODY, []
            raise

    async def _keep(self) -> None:
        async with self._radio:
            await self._look()
            asked = self._opening_since is not None and self._clock() - self._opening_since >= ANSWER_SECONDS
            if asked:
                self._rule.ask()
            try:
                await self._obey()
            finally:
                if asked:
                    self._opening_since = None

    async def _obey(self) -> None:
        facts = self._facts()
        wanted = self._rule.decide(facts)
        if facts.joining or wanted == self._standing.hotspot:
            return
        await (self._raise() if wanted else self._lower())

    def _facts(self) -> Facts:
        now = self._standing
        return Facts(
            radio=now.radio is not None,
            online=now.joined is not None,
            cable=now.cable,
            known=bool(self._kept),
            joining=self._wish is not None,
        )

    async def _raise(self) -> None:
        radio = self._standing.radio
        if radio is None:
            return
        try:
            if self._clock() - self._scanned > FRESH_SECONDS or not self._scan:
                await self._listen_well()
            await self._captive(True)
            await self._networks.raise_hotspot(radio, self.name, await self._passphrase())
        except WifiError as error:
            log.warning("no hotspot", extra={"trouble": str(error)})
            self._rule.refused()
            await self._captive(False)
        await self._look()
        log.info("hotspot", extra={"up": self._standing.hotspot})

    async def _lower(self) -> None:
        if self._standing.radio is not None and self._standing.hotspot:
            await self._networks.lower_hotspot(self._standing.radio)
        await self._captive(False)
        await self._look()

    async def _listen(self) -> list[Found]:
        radio = self._standing.radio
        if radio is None or self._standing.hotspot:
            return []
        heard = await self._networks.scan(radio)
        if heard or not self._scan:
            self._scan = sorted(heard, key=lambda one: -one.signal)
        self._scanned = self._clock()
        return heard

    async def _passphrase(self) -> str | None:
        """That of the network joined last, which the people at home know (docs/adr/0024); None before the first."""
        for one in self._kept:
            if one.age:
                found = await self._networks.passphrase(one)
                return found if found and re.fullmatch(r"[ -~]{8,63}", found) else None
        return None
