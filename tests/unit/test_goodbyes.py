"""A portal hears that this device left it, or that somebody at home said no: at once where it can be reached, else later."""

from __future__ import annotations

from pathlib import Path

import pytest

from pi_cam.errors import NotFound, PiCamError, PortalRefused, PortalUnreachable
from pi_cam.remote import goodbyes
from tests.portal_double import ISSUER
from tests.unit.portal_world import OWNER, World, claim


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.mark.parametrize("error", [None, PortalRefused("no", "unpaired")])
def test_it_leaves_at_once_and_tells_the_portal(world: World, error: PiCamError | None) -> None:
    world.pair()
    secret = world.come_in()
    if error is not None:
        world.portal.answers["unpair"] = error
    world.link.unpair()
    assert world.pairing.portal() is None
    assert world.sessions.person(secret) is None
    assert world.portal.said == [], "whoever ended it waits for nobody"
    assert world.link.step() is None
    assert world.portal.nouns() == ["unpair"]
    with pytest.raises(NotFound):
        world.link.unpair()


def test_a_portal_that_is_away_hears_of_it_later(world: World) -> None:
    world.pair()
    world.portal.answers["unpair"] = PortalUnreachable("gone")
    world.link.unpair()
    waits = []
    for _ in range(20):
        wait = world.link.step()
        assert wait is not None
        waits.append(wait)
        assert world.link.step() == pytest.approx(wait), "not before its time"
        world.now += wait
    assert waits[0] <= goodbyes.FIRST_WAIT_SECONDS
    assert goodbyes.LONGEST_WAIT_SECONDS / 2 <= max(waits) <= goodbyes.LONGEST_WAIT_SECONDS
    world.portal.answers["unpair"] = {}
    assert world.link.step() is None
    assert world.portal.nouns() == ["unpair"] * 21


def test_the_disk_is_asked_for_goodbyes_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    found = world.pairing.goodbyes

    def goodbyes_counted() -> list[str]:
        asked.append("goodbyes")
        return found()

    monkeypatch.setattr(world.pairing, "goodbyes", goodbyes_counted)
    world.pair()
    for _ in range(3):
        world.link.step()
    assert len(asked) == 1
    world.link.unpair()
    world.link.step()
    assert (len(asked), world.portal.nouns()[-1]) == (2, "unpair")


def test_whoever_leaves_while_the_disk_is_asked_is_not_forgotten(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    found = world.pairing.goodbyes

    def goodbyes_asked_too_early() -> list[str]:
        before = found()
        if world.pairing.portal() is not None:
            world.link.unpair()
        return before

    monkeypatch.setattr(world.pairing, "goodbyes", goodbyes_asked_too_early)
    world.pair()
    world.link.step()
    assert world.portal.nouns() == []
    world.link.step()
    assert world.portal.nouns() == ["unpair"]


def test_who_comes_back_to_a_portal_takes_no_leave_of_it(world: World) -> None:
    world.pair()
    world.portal.answers["unpair"] = PortalUnreachable("gone")
    world.link.unpair()
    world.link.step()
    world.pair()
    world.now += 3_600
    world.link.step()
    assert world.portal.nouns() == ["unpair", "presence"]


def test_another_portal_does_not_wait_for_the_old_one(world: World) -> None:
    world.pair()
    world.link.unpair()
    world.portal.answers["unpair"] = PortalUnreachable("gone")
    world.pairing.claimed("https://other.example", OWNER, world.signer.keys)
    world.pairing.accept(OWNER)
    world.link.step()
    assert "presence" in world.portal.nouns()
    assert world.pairing.goodbyes() == [ISSUER]


@pytest.mark.parametrize("away", [False, True])
def test_a_no_at_home_reaches_the_portal(world: World, away: bool) -> None:
    world.link.ask(ISSUER)
    world.portal.polls = [claim(world)]
    world.link.step()
    world.portal.answers["unpair"] = PortalUnreachable("gone") if away else {}
    world.link.give_up()
    assert world.pairing.portal() is None
    world.link.step()
    world.portal.answers["unpair"] = {}
    world.now += goodbyes.FIRST_WAIT_SECONDS
    assert world.link.step() is None
    assert world.portal.nouns() == ["authorize", *["unpair"] * (2 if away else 1)]


def test_a_code_that_nobody_typed_is_given_up_without_a_word(world: World) -> None:
    world.link.ask(ISSUER)
    world.link.give_up()
    assert world.link.step() is None
    assert world.portal.nouns() == ["authorize"]
