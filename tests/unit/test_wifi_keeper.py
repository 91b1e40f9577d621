"""What the helper does, from the hotspot to the home's network and back, with a radio that does what the test wants."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

import pytest

from pi_cam.setup_wizard import wifi_keeper
from pi_cam.setup_wizard.hotspot import Hotspot, Times
from pi_cam.setup_wizard.wifi import WifiError, WifiState
from pi_cam.setup_wizard.wifi_keeper import BUSY, CABLE, Keeper
from pi_cam.setup_wizard.wifi_wishes import Found
from tests.scripted_radio import ScriptedRadio

HOME, PASSWORD = Found(b"Home", 70, "wpa"), "a good password"
QUICK = Times(settle=0.0, start=0.0, lost=0.0)
T = TypeVar("T")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wifi_keeper, "ANSWER_SECONDS", 0.05)
    monkeypatch.setattr(wifi_keeper, "LOOK_SECONDS", 0.02)


@asynccontextmanager
async def kept(radio: ScriptedRadio, times: Times = QUICK) -> AsyncIterator[tuple[Keeper, list[bool]]]:
    names: list[bool] = []

    async def captive(wanted: bool) -> None:
        names.append(wanted)

    clock = asyncio.get_running_loop().time
    keeper = Keeper(radio, Hotspot(clock, times), "Camera-TEST", captive, clock)
    task = asyncio.create_task(keeper.run())
    try:
        yield keeper, names
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(keeper: Keeper, wanted: WifiState) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(5):
            while keeper.state() != wanted:  # noqa: ASYNC110  as the camera looks
                await asyncio.sleep(0.005)
    assert keeper.state() == wanted


HOTSPOT = WifiState("hotspot", "Camera-TEST")
WRONG = WifiState("hotspot", "Camera-TEST", "Home", "wrong_password")


def run(story: Callable[[], Awaitable[None]]) -> None:
    async def told() -> None:
        await story()

    asyncio.run(told())


def test_wrong_password_then_the_right_one() -> None:
    async def story() -> None:
        radio = ScriptedRadio(HOME, hotspot=True)
        radio.outcomes = ["wrong_password", None]
        async with kept(radio) as (keeper, names):
            await until(keeper, HOTSPOT)
            assert radio.hotspots == [None], "that of a run before has ended, and this one is open"
            assert names == [False, True]
            assert [one.ssid for one in await keeper.networks()] == ["Home"]
            keeper.join("Home", "a wrong one", hidden=False)
            assert keeper.is_hotspot, "the answer is still on its way"
            assert keeper.state() == WifiState("joining", "Home")
            with pytest.raises(WifiError) as caught:
                keeper.join("Home", PASSWORD, hidden=False)
            assert str(caught.value) == BUSY
            await until(keeper, WRONG)
            keeper.join("Home", PASSWORD, hidden=False)
            await until(keeper, WifiState("online", "Home"))
            assert names[-1] is False
            assert [one.passphrase for one in radio.wishes] == ["a wrong one", PASSWORD]
            radio.lose()
            await until(keeper, HOTSPOT)
            assert radio.hotspots == [None, None, PASSWORD], "whoever was at home can come in"

    run(story)


def test_a_join_that_nobody_looked_at_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hotspot that came back after a failure must not come back after a success."""
    monkeypatch.setattr(wifi_keeper, "LOOK_SECONDS", 60.0)

    async def story() -> None:
        radio = ScriptedRadio(HOME)
        radio.outcomes = ["wrong_password", None]
        async with kept(radio) as (keeper, _):
            await until(keeper, HOTSPOT)
            keeper.join("Home", "a wrong one", hidden=False)
            await until(keeper, WRONG)
            keeper.join("Home", PASSWORD, hidden=False)
            await until(keeper, WifiState("online", "Home"))
            await asyncio.sleep(0.2)
            assert keeper.state() == WifiState("online", "Home")

    run(story)


def test_a_network_that_is_gone_is_not_waited_for() -> None:
    async def story() -> None:
        radio = ScriptedRadio(HOME)
        async with kept(radio) as (keeper, _):
            await until(keeper, HOTSPOT)
            radio.found = []
            keeper.join("Home", PASSWORD, hidden=False)
            await until(keeper, WifiState("hotspot", "Camera-TEST", "Home", "not_found"))
            assert radio.wishes == []
            assert [one.ssid for one in await keeper.networks()] == ["Home"], "the scan from before is better than none"

    run(story)


def test_a_hidden_one_is_tried_unseen() -> None:
    async def story() -> None:
        radio = ScriptedRadio()
        radio.outcomes = [None]
        async with kept(radio) as (keeper, _):
            await until(keeper, HOTSPOT)
            keeper.join("Secret", PASSWORD, hidden=True)
            await until(keeper, WifiState("online", "Secret"))
            assert radio.wishes[0].hidden
            await keeper.forget("Secret")
            assert radio.known == []

    run(story)


def test_somebody_at_home_asks_for_the_hotspot() -> None:
    """The answer travels by the network that ends then, and says already what will be."""

    async def story() -> None:
        radio = ScriptedRadio(HOME)
        radio.outcomes = [None]
        async with kept(radio) as (keeper, _):
            await until(keeper, HOTSPOT)
            keeper.join("Home", PASSWORD, hidden=False)
            await until(keeper, WifiState("online", "Home"))
            await keeper.hotspot()
            assert keeper.state() == HOTSPOT
            assert radio.hotspots == [None], "the answer is still on its way"
            await asyncio.sleep(0.3)
            assert radio.hotspots == [None, PASSWORD]
            assert keeper.is_hotspot
            keeper.join("Home", None, hidden=False)
            with pytest.raises(WifiError) as caught:
                await keeper.hotspot()
            assert str(caught.value) == BUSY

    run(story)


def test_a_network_that_is_lost_while_the_radio_first_listens_was_joined() -> None:
    """After a start, that of the helper alone: what was joined then has the patience of a network that is lost."""

    async def story() -> None:
        air = ScriptedRadio(HOME)
        air.outcomes = [None]
        async with kept(air) as (keeper, _):
            await until(keeper, HOTSPOT)
            keeper.join("Home", PASSWORD, hidden=False)
            await until(keeper, WifiState("online", "Home"))

        listening = air.scan

        async def scan(radio: str) -> list[Found]:
            air.lose()
            return await listening(radio)

        air.scan = scan  # type: ignore[method-assign]
        async with kept(air, Times(settle=0.0, start=60.0, lost=0.1)) as (keeper, _):
            await until(keeper, HOTSPOT)

    run(story)


def test_with_a_cable_there_is_no_hotspot() -> None:
    async def story() -> None:
        radio = ScriptedRadio(HOME)
        radio.cable = True
        async with kept(radio) as (keeper, _):
            await asyncio.sleep(0.2)
            assert keeper.state() == WifiState("offline")
            with pytest.raises(WifiError) as caught:
                await keeper.hotspot()
            assert str(caught.value) == CABLE
            radio.cable = False
            await asyncio.sleep(0.2)
            await keeper.hotspot()
            await until(keeper, HOTSPOT)

    run(story)


def test_a_radio_that_will_not_be_a_hotspot() -> None:
    async def story() -> None:
        class Stubborn(ScriptedRadio):
            async def raise_hotspot(self, radio: str, ssid: str, passphrase: str | None) -> None:
                self.hotspots.append(passphrase)
                raise WifiError("no")

        radio = Stubborn(HOME)
        async with kept(radio) as (keeper, names):
            await asyncio.sleep(0.3)
            assert keeper.state() == WifiState("offline")
            assert len(radio.hotspots) == 1, "not again and again"
            assert names[-1] is False

    run(story)
