"""The machine's networks, by NetworkManager: looked at, joined, forgotten, and its radio made a hotspot."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from dbus_fast import Variant

from pi_cam.setup_wizard import network_profiles as profiles
from pi_cam.setup_wizard.network_bus import (
    ACTIVE,
    DEVICE,
    POINT,
    PROFILE,
    ROOT,
    SETTINGS,
    SETTINGS_PATH,
    WIRELESS,
    Bus,
    NotManaged,
)
from pi_cam.setup_wizard.network_bus import NAME as MANAGER
from pi_cam.setup_wizard.wifi import Reason, WifiError
from pi_cam.setup_wizard.wifi_wishes import Found, Wish

log = logging.getLogger(__name__)

ETHERNET, WIFI = 1, 2
"""NMDeviceType."""

UNAVAILABLE, DISCONNECTED, ACTIVATED, DEACTIVATING, FAILED = 20, 30, 100, 110, 120
"""NMDeviceState."""

CAN_BE_HOTSPOT = 0x40
"""NMDeviceWifiCapabilities."""

SCAN_SECONDS, JOIN_SECONDS, HOTSPOT_SECONDS = 15.0, 90.0, 30.0
LOOK_SECONDS = 0.25
NO_RADIO = "There is no Wi-Fi in this device."


@dataclass(frozen=True, slots=True)
class Standing:
    """What is up now. `joined`: the name of the Wi-Fi network; `hotspot`: it is our own."""

    radio: str | None
    """The Wi-Fi device's path."""
    joined: bytes | None
    hotspot: bool
    cable: bool


@dataclass(frozen=True, slots=True)
class Kept:
    """A network that this machine joins by itself. `age`: when it was joined last, in seconds of 1970; 0 is never."""

    path: str
    ssid: bytes
    secret: bool
    age: int


class Networks:
    """Its methods raise `WifiError`, and `NotManaged` when NetworkManager is not there."""

    def __init__(self) -> None:
        self._bus = Bus(self._device_changed)
        self._waiting: dict[str, asyncio.Queue[tuple[int, int]]] = {}
        self.changed = asyncio.Event()
        """Set when a device changed its state."""

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """Everything else happens inside."""
        async with self._bus:
            yield

    async def until_gone(self) -> None:
        """Returns when the bus has ended."""
        await self._bus.until_gone()

    async def standing(self) -> Standing:
        """Looks at every device."""
        radio, joined, hotspot, cable = None, None, False, False
        (devices,) = await self._bus.call(ROOT, MANAGER, "GetDevices")
        for path in devices:
            with suppress(NotManaged):  # it was unplugged meanwhile
                device = await self._bus.properties(path, DEVICE)
                kind, state = device["DeviceType"].value, device["State"].value
                if kind == ETHERNET and state == ACTIVATED:
                    cable = True
                if kind != WIFI or radio is not None or not await self._is_usable(path, state):
                    continue
                radio = path
                if state == ACTIVATED:
                    active = device["ActiveConnection"].value
                    hotspot = await self._bus.value(active, ACTIVE, "Id") == profiles.HOTSPOT_ID
                    joined = None if hotspot else await self._name_of_joined(path)
        return Standing(radio, joined, hotspot, cable)

    async def kept(self) -> list[Kept]:
        """The networks that can be joined again, the last joined first."""
        found = []
        (paths,) = await self._bus.call(SETTINGS_PATH, SETTINGS, "ListConnections")
        for path in paths:
            with suppress(NotManaged):
                (profile,) = await self._bus.call(path, PROFILE, "GetSettings")
                ssid = profiles.ssid_of(profile)
                if ssid is not None:
                    age = profile["connection"].get("timestamp")
                    found.append(Kept(path, ssid, profiles.SECURITY in profile, age.value if age else 0))
        return sorted(found, key=lambda one: -one.age)

    async def passphrase(self, kept: Kept) -> str | None:
        """The one of a network that this machine has joined."""
        if not kept.secret:
            return None
        (secrets,) = await self._bus.call(kept.path, PROFILE, "GetSecrets", "s", profiles.SECURITY)
        psk = secrets.get(profiles.SECURITY, {}).get("psk")
        return str(psk.value) if psk else None

    async def scan(self, radio: str) -> list[Found]:
        """Listens anew, and returns when that is done. A hotspot's radio cannot."""
        before = await self._bus.value(radio, WIRELESS, "LastScan")
        # Refused when it scans already, or has just done so: then that scan is the one to wait for.
        with suppress(WifiError):
            await self._bus.call(radio, WIRELESS, "RequestScan", "a{sv}", {})
        with suppress(TimeoutError):
            async with asyncio.timeout(SCAN_SECONDS):
                while await self._bus.value(radio, WIRELESS, "LastScan") == before:  # noqa: ASYNC110  a property
                    await asyncio.sleep(LOOK_SECONDS)
        (points,) = await self._bus.call(radio, WIRELESS, "GetAllAccessPoints")
        seen = []
        for path in points:
            with suppress(NotManaged):
                seen.append(profiles.found(await self._bus.properties(path, POINT)))
        return [one for one in seen if one is not None]

    async def join(self, radio: str, wish: Wish) -> Reason | None:
        """Returns when it is joined (None), or why it is not; then nothing of it is kept."""
        with self._changes_of(radio) as changes:
            old = [one for one in await self.kept() if one.ssid == wish.ssid]
            alike = [one for one in old if one.secret == (wish.key_management != "none")]
            if wish.passphrase is None and wish.key_management != "owe" and alike:
                (own,) = await self._bus.call(ROOT, MANAGER, "ActivateConnection", "ooo", alike[0].path, radio, "/")
                return await self._until_joined(radio, own, changes, secret=alike[0].secret)
            profile, own = await self._activate(radio, profiles.home(wish), "disk")
            why: Reason | None = "failed"
            try:
                why = await self._until_joined(radio, own, changes, secret=wish.passphrase is not None)
            finally:
                for path in [profile] if why else [one.path for one in old]:
                    with suppress(WifiError):
                        await self._bus.call(path, PROFILE, "Delete")
            return why

    async def forget(self, ssid: bytes) -> None:
        """Deletes every profile of this name."""
        for one in await self.kept():
            if one.ssid == ssid:
                await self._bus.call(one.path, PROFILE, "Delete")

    async def raise_hotspot(self, radio: str, ssid: str, passphrase: str | None) -> None:
        """Returns when phones can join it."""
        with self._changes_of(radio) as changes:
            _, own = await self._activate(radio, profiles.hotspot(ssid, passphrase), "volatile")
            why = await self._until_joined(radio, own, changes, secret=False, seconds=HOTSPOT_SECONDS)
        if why is not None:
            raise WifiError("The camera's own Wi-Fi could not be opened; its log says more.")

    async def lower_hotspot(self, radio: str) -> None:
        """Returns when the radio is free for something else. Nothing happens when there is no hotspot."""
        (points,) = [await self._bus.value(ROOT, MANAGER, "ActiveConnections")]
        with self._changes_of(radio) as changes:
            for path in points:
                with suppress(NotManaged):
                    if await self._bus.value(path, ACTIVE, "Id") != profiles.HOTSPOT_ID:
                        continue
                    await self._bus.call(ROOT, MANAGER, "DeactivateConnection", "o", path)
                    with suppress(TimeoutError):
                        async with asyncio.timeout(HOTSPOT_SECONDS):
                            while (await changes.get())[0] not in (DISCONNECTED, UNAVAILABLE):
                                pass

    async def _activate(self, radio: str, profile: profiles.Profile, persist: str) -> tuple[str, str]:
        options = {"persist": Variant("s", persist)}
        path, active, _ = await self._bus.call(
            ROOT, MANAGER, "AddAndActivateConnection2", "a{sa{sv}}ooa{sv}", profile, radio, "/", options
        )
        return str(path), str(active)

    async def _until_joined(
        self,
        radio: str,
        own: str,
        changes: asyncio.Queue[tuple[int, int]],
        *,
        secret: bool,
        seconds: float = JOIN_SECONDS,
    ) -> Reason | None:
        # A network that NetworkManager joins by itself may have been on its way: its end is not ours.
        begun = False
        try:
            async with asyncio.timeout(seconds):
                while True:
                    state, code = await changes.get()
                    begun = begun or DISCONNECTED < state < ACTIVATED
                    if code == profiles.NEW_ACTIVATION:
                        begun = False
                        continue
                    if state == ACTIVATED and await self._bus.value(radio, DEVICE, "ActiveConnection") == own:
                        return None
                    if state == FAILED or (begun and state in (UNAVAILABLE, DISCONNECTED, DEACTIVATING)):
                        log.info("not joined", extra={"code": code})
                        return profiles.reason(code, secret=secret)
        except TimeoutError:
            return "failed"

    async def _is_usable(self, path: str, state: int) -> bool:
        if state < DISCONNECTED:  # not managed, or switched off
            return False
        return bool(await self._bus.value(path, WIRELESS, "WirelessCapabilities") & CAN_BE_HOTSPOT)

    async def _name_of_joined(self, radio: str) -> bytes | None:
        point = await self._bus.value(radio, WIRELESS, "ActiveAccessPoint")
        return None if point == "/" else bytes(await self._bus.value(point, POINT, "Ssid"))

    def _changes_of(self, path: str) -> _Changes:
        return _Changes(self._waiting, path)

    def _device_changed(self, path: str, new: int, old: int, reason: int) -> None:
        self.changed.set()
        queue = self._waiting.get(path)
        if queue is not None:
            queue.put_nowait((new, reason))


class _Changes:
    """What happens to a device within the block: (state, reason)."""

    def __init__(self, waiting: dict[str, asyncio.Queue[tuple[int, int]]], path: str) -> None:
        self._waiting, self._path = waiting, path

    def __enter__(self) -> asyncio.Queue[tuple[int, int]]:
        queue = self._waiting[self._path] = asyncio.Queue()
        return queue

    def __exit__(self, *what: Any) -> None:
        del self._waiting[self._path]
