"""Relays as the device fetches, keeps and hands them on; on a clock of the test's own."""

from __future__ import annotations

from typing import Any

import pytest

from pi_cam.errors import PiCamError, PortalRefused, PortalUnreachable
from pi_cam.remote.portal_client import Answer
from pi_cam.remote.relays import KEPT_MOST, MARGIN_SECONDS, MISSING_SECONDS, WAITING_MOST, Relays
from pi_cam.transport.ice import Ice

VIEWER = "0" * 32
SERVER = {"urls": ["turn:turn.example.org:3478?transport=udp"], "username": "1:x", "credential": "secret"}
GOOD: dict[str, Any] = {"ice_servers": [SERVER], "seconds": 3600}


class Portal:
    """A client that answers what a test says."""

    address = "https://portal.example"

    def __init__(self, answer: dict[str, Any] | PiCamError = GOOD) -> None:
        self.answer = answer
        self.said: list[tuple[str, dict[str, Any]]] = []

    def authorize(self, device: dict[str, Any], nonce: str) -> dict[str, Any]:
        raise AssertionError

    def poll(self, device_code: str) -> Answer:
        raise AssertionError

    def say(self, noun: str, body: dict[str, Any]) -> dict[str, Any]:
        self.said.append((noun, body))
        if isinstance(self.answer, PiCamError):
            raise self.answer
        return self.answer


class World:
    def __init__(self, *, paired: bool = True) -> None:
        self.now, self.woken, self.portal = 1000.0, 0, Portal()
        self.relays = Relays(lambda: paired, self.wake, lambda: self.now)

    def wake(self) -> None:
        self.woken += 1

    def lent(self, viewer: str = VIEWER) -> tuple[dict[str, Any], ...] | None:
        future = self.relays.ask(viewer)
        self.relays.fetch(self.portal)
        return future.result(0).servers


@pytest.fixture
def world() -> World:
    return World()


def test_a_viewer_is_lent_one_that_is_fetched_once(world: World) -> None:
    assert world.lent() == (SERVER,)
    assert world.portal.said == [("ice", {"viewer": VIEWER})]
    assert world.relays.ask(VIEWER).result(0).servers == (SERVER,)
    assert (world.woken, len(world.portal.said)) == (1, 1)


def test_shortly_before_its_end_another_one_is_fetched(world: World) -> None:
    world.lent()
    world.now += 3600 - MARGIN_SECONDS - 1
    world.lent()
    assert len(world.portal.said) == 1
    world.now += 1
    world.lent()
    assert len(world.portal.said) == 2


def test_two_pages_of_one_viewer_ask_once(world: World) -> None:
    first, second = world.relays.ask(VIEWER), world.relays.ask(VIEWER)
    world.relays.fetch(world.portal)
    assert first.result(0) is second.result(0)
    assert len(world.portal.said) == 1


def test_one_is_fetched_at_a_time_and_the_thread_is_woken_for_the_next(world: World) -> None:
    """Between two it asks whose rights ended: a slow portal must not keep a picture open for each who waits."""
    first, second = world.relays.ask("a" * 32), world.relays.ask("b" * 32)
    woken = world.woken
    world.relays.fetch(world.portal)
    assert (first.done(), second.done(), world.woken) == (True, False, woken + 1)
    world.relays.fetch(world.portal)
    assert (second.done(), world.woken) == (True, woken + 1)


def test_without_a_portal_nobody_waits() -> None:
    world = World(paired=False)
    assert world.relays.ask(VIEWER).result(0).servers == ()
    assert world.woken == 0


@pytest.mark.parametrize("error", [PortalUnreachable("Away."), PortalRefused("No.", "x")])
def test_a_portal_that_is_away_keeps_nobody_waiting_and_is_asked_again(world: World, error: PiCamError) -> None:
    world.portal.answer = error
    assert world.lent() is None
    world.portal.answer = GOOD
    assert world.relays.ask(VIEWER).result(0).servers is None
    world.now += MISSING_SECONDS
    assert world.lent() == (SERVER,)


def test_a_trouble_is_logged_once_and_without_a_secret(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.portal.answer = PortalUnreachable("Away.")
    for viewer in "abc":
        world.lent(viewer * 32)
    assert len(caplog.records) == 1
    world.portal.answer = GOOD
    world.lent("d" * 32)
    assert "secret" not in caplog.text


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"ice_servers": [SERVER]},
        {"ice_servers": SERVER, "seconds": 3600},
        {"ice_servers": [SERVER] * 9, "seconds": 3600},
        {"ice_servers": [SERVER], "seconds": True},
        {"ice_servers": [SERVER], "seconds": -1},
        {"ice_servers": ["turn:x"], "seconds": 3600},
        {"ice_servers": [{"urls": "turn:x"}], "seconds": 3600},
        {"ice_servers": [{"urls": []}], "seconds": 3600},
        {"ice_servers": [{"urls": ["http://x"]}], "seconds": 3600},
        {"ice_servers": [{"urls": [7]}], "seconds": 3600},
        {"ice_servers": [SERVER | {"credential": "x" * 513}], "seconds": 3600},
        {"ice_servers": [SERVER | {"username": "a\nb"}], "seconds": 3600},
    ],
    ids=str,
)
def test_an_answer_that_makes_no_sense_is_none(world: World, answer: dict[str, Any]) -> None:
    world.portal.answer = answer
    assert world.lent() is None


def test_a_hostile_portal_is_asked_neither_every_second_nor_never_again(world: World) -> None:
    for seconds, longest in ((1, 300), (1e8, 24 * 3600)):
        world.portal.answer = {"ice_servers": [], "seconds": seconds}
        future = world.relays.ask(f"{longest:032d}")
        world.relays.fetch(world.portal)
        assert future.result(0).until == world.now + longest - MARGIN_SECONDS


def test_a_crowd_is_not_kept_waiting_without_bound(world: World) -> None:
    futures = [world.relays.ask(f"{number:032d}") for number in range(WAITING_MOST + 1)]
    assert futures[-1].result(0).servers is None
    for _ in range(WAITING_MOST):
        world.relays.fetch(world.portal)
    assert all(future.done() for future in futures)
    assert len(world.portal.said) == WAITING_MOST


def test_what_is_kept_has_an_end(world: World) -> None:
    for number in range(KEPT_MOST + 5):
        world.lent(f"{number:032d}")
    assert len(world.relays._kept) == KEPT_MOST


STUN = {"urls": "stun:stun.example.org"}
TCP = {"urls": ["turns:turn.example.org:443?transport=tcp"], "username": "u", "credential": "c"}


@pytest.mark.parametrize(
    ("ice", "own"),
    [
        (Ice(), []),
        (Ice.of_stun(["stun:a", "stun:b"]), [{"urls": "stun:a"}]),
        (Ice((STUN, SERVER)), [{"urls": "stun:stun.example.org"}]),
        (Ice((SERVER,)), [{"urls": "stun:turn.example.org:3478"}]),
        (Ice(({**SERVER, "urls": ["turn:turn.example.org"]},)), [{"urls": "stun:turn.example.org"}]),
        (Ice((TCP,)), []),
        (Ice((STUN, SERVER), relay_only=True), [SERVER]),
        (Ice((STUN,), relay_only=True), []),
    ],
    ids=str,
)
def test_which_servers_this_side_uses(ice: Ice, own: list[dict[str, Any]]) -> None:
    assert ice.own_servers() == own


def test_a_browser_is_told_for_how_long() -> None:
    assert Ice((SERVER,), 150.0, "ready").described(100.0) == {
        "ice_servers": [SERVER],
        "ice_seconds": 50.0,
        "relay": "ready",
    }
    assert Ice().described(100.0)["ice_seconds"] is None
    assert Ice(good_until=99.0).described(100.0)["ice_seconds"] == 0.0
