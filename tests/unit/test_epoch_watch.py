"""Whoever lost their rights at the portal is sent away within seconds, whatever else the portal is asked."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from pi_cam.errors import PortalRefused, PortalUnreachable
from pi_cam.remote.epoch_watch import EPOCH_SECONDS, LONGEST_WAIT_SECONDS, SOONEST_SECONDS
from pi_cam.remote.portal_answers import Client
from tests.unit.portal_world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.pair()
    return world


def test_while_nobody_from_there_is_here_nothing_is_asked(world: World, tmp_path: Path) -> None:
    assert world.epochs.step() is None
    assert World(tmp_path / "unpaired").epochs.step() is None
    assert world.portal.said == []


def test_while_somebody_from_there_is_here_it_asks_for_the_epoch(world: World) -> None:
    secret = world.come_in()
    world.portal.answers["epoch"] = {"epochs": {"account-7": 1}}
    assert world.epochs.step() == EPOCH_SECONDS
    assert world.sessions.person(secret) is not None
    assert world.portal.said == [("epoch", {"subjects": ["account-7"]})]
    world.portal.answers["epoch"] = {"epochs": {"account-7": 2}}
    world.now += EPOCH_SECONDS
    assert world.epochs.step() == EPOCH_SECONDS
    assert world.sessions.person(secret) is None
    world.now += EPOCH_SECONDS
    assert world.epochs.step() is None, "nobody is left"


def test_whoever_comes_again_and_again_makes_it_ask_no_more_often(world: World) -> None:
    world.portal.answers["epoch"] = {"epochs": {"account-7": 1}}
    for _ in range(50):
        world.come_in()
        wait = world.epochs.step()
        assert wait is not None
        assert wait <= EPOCH_SECONDS
        world.now += 0.1
    assert len(world.portal.said) == 5 / SOONEST_SECONDS


def test_who_is_not_known_there_any_more_is_sent_away(world: World) -> None:
    secret = world.come_in()
    world.epochs.step()
    assert world.sessions.person(secret) is None


@pytest.mark.parametrize("epochs", [None, [], "x"])
def test_an_answer_that_makes_no_sense_ends_nobody(world: World, epochs: Any) -> None:
    secret = world.come_in()
    world.portal.answers["epoch"] = {"epochs": epochs}
    with pytest.raises(PortalUnreachable):
        world.epochs.step()
    assert world.sessions.person(secret) is not None


@pytest.mark.parametrize("epochs", [{"account-7": 2**70}, {"\ud800": 3}, {"account-8": 3}, {"account-7": True}])
def test_epochs_that_nobody_asked_for_or_that_make_no_sense_are_none(world: World, epochs: dict[str, Any]) -> None:
    world.come_in()
    world.portal.answers["epoch"] = {"epochs": epochs}
    world.epochs.step()
    assert world.sessions.subjects() == []


def test_a_portal_that_is_gone_ends_nothing_and_is_asked_again_soon(world: World) -> None:
    secret = world.come_in()
    world.portal.answers["epoch"] = error = PortalUnreachable("The portal portal.example does not answer.")
    for _ in range(20):
        with pytest.raises(PortalUnreachable):
            world.epochs.step()
        world.now += LONGEST_WAIT_SECONDS
        assert 0 < world.epochs._troubled(str(error)) <= LONGEST_WAIT_SECONDS
    assert world.sessions.person(secret) is not None
    assert world.epochs.state() == {"trouble": str(error)}
    world.portal.answers["epoch"] = {"epochs": {"account-7": 1}}
    world.epochs.step()
    assert world.epochs.state() == {"trouble": None}


def test_a_device_that_is_nobodys_there_any_more_ends_its_pairing(world: World) -> None:
    secret = world.come_in()
    world.link.step()
    refused = PortalRefused("The portal refused this (403).", "unpaired")
    world.portal.answers |= {"epoch": refused, "presence": refused}
    with pytest.raises(PortalRefused):
        world.epochs.step()
    world.link.step()
    assert world.pairing.portal() is None
    assert world.sessions.person(secret) is None


def test_a_thread_asks_while_the_link_is_held(world: World) -> None:
    secret = world.come_in()
    held, release = threading.Event(), threading.Event()

    def hold(client: Client) -> None:
        held.set()
        release.wait(10)

    world.link._errands = [hold]
    world.link.start()
    try:
        assert held.wait(5)
        world.epochs.start()
        world.epochs.came_in()
        pause = threading.Event()
        for _ in range(500):
            if world.sessions.person(secret) is None:
                break
            pause.wait(0.01)
        assert world.sessions.person(secret) is None
    finally:
        release.set()
        world.epochs.stop()
        world.link.stop()
