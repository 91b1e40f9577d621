"""What the device says to its portal, and when; on a clock of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from webauthn.helpers import bytes_to_base64url

from pi_cam.errors import Conflict, NotFound, PortalRefused, PortalUnreachable, SettingError
from pi_cam.journal.actions import Entry
from pi_cam.remote.link import FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS, PRESENCE_SECONDS
from pi_cam.remote.portal_client import Answer
from tests.portal_double import ISSUER, Signer
from tests.unit.portal_world import OWNER, World, claim
from web.journal.forwarded import beginning


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_who_has_no_portal_says_nothing(world: World) -> None:
    assert world.link.step() is None
    assert world.portal.said == []


def test_from_the_code_to_the_claim(world: World) -> None:
    world.link.ask(ISSUER)
    shown = world.link.state()
    assert (shown["code"], shown["page"], shown["seconds_left"]) == ("BCDF-GHJK", f"{ISSUER}/pair", 600)
    assert world.link.step() == 5
    world.portal.polls = [claim(world)]
    assert world.link.step() is None
    assert "code" not in world.link.state()
    found = world.pairing.portal()
    assert found is not None
    assert (found.owner, found.accepted, found.keys) == (OWNER, False, world.signer.keys)
    assert world.notes == ["device-claimed"]
    assert world.link.step() is None, "it waits for somebody at home"
    assert world.portal.nouns() == ["authorize"]


def test_the_portal_may_ask_for_patience(world: World) -> None:
    world.link.ask(ISSUER)
    world.portal.polls = [Answer(400, {"error": "slow_down"})] * 2
    # "for this and all subsequent requests" (RFC 8628, section 3.5)
    assert [world.link.step(), world.link.step(), world.link.step()] == [10, 15, 15]


@pytest.mark.parametrize("why", ["access_denied", "expired_token", "", None, 7])
def test_a_code_that_nobody_wants_ends(world: World, why: Any) -> None:
    world.link.ask(ISSUER)
    world.portal.polls = [Answer(400, {"error": why})]
    assert world.link.step() is None
    assert world.link.state()["trouble"] == "Nobody claimed this device with this code: ask for a new one."


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_portal_that_cannot_answer_now_costs_no_code(world: World, status: int) -> None:
    world.link.ask(ISSUER)
    world.portal.polls = [Answer(status, {})]
    with pytest.raises(PortalUnreachable):
        world.link.step()
    assert world.link.state()["code"] == "BCDF-GHJK"


def test_of_two_codes_only_the_newer_one_counts(world: World) -> None:
    world.link.ask(ISSUER)
    world.portal.polls = [claim(world)]
    world.link.step()
    assert world.pairing.portal() is not None
    world.link.ask(ISSUER)
    assert world.pairing.portal() is None, "nobody can say yes to the first one any more"
    with pytest.raises(NotFound):
        world.pairing.accept(OWNER)


def test_a_code_grows_old(world: World) -> None:
    world.link.ask(ISSUER)
    world.now += 601
    assert world.link.step() is None
    assert world.link.state()["trouble"] == "The code is too old: ask for a new one."


@pytest.mark.parametrize(
    "changed",
    [
        {"user_code": ""},
        {"user_code": "x" * 600},
        {"user_code": "a\x1b[31m"},
        {"device_code": None},
        {"verification_uri": "https://evil.example/pair"},
        {"verification_uri_complete": f"{ISSUER}.evil.example/"},
        {"verification_uri": "javascript:alert(1)"},
        {"expires_in": None},
        {"expires_in": -5},
        {"interval": "5"},
        {"expires_in": float("nan")},
        {"expires_in": float("inf")},
    ],
    ids=str,
)
def test_a_code_that_makes_no_sense_is_not_shown(world: World, changed: dict[str, Any]) -> None:
    world.portal.code |= changed
    with pytest.raises(PortalUnreachable):
        world.link.ask(ISSUER)
    assert "code" not in world.link.state()


@pytest.mark.parametrize(
    "changed",
    [{"owner": ""}, {"owner": 7}, {"owner": "a\nb"}, {"keys": {}}, {"keys": {"version": 1, "keys": {"k": "x"}}}],
)
def test_a_claim_that_makes_no_sense_is_none(world: World, changed: dict[str, Any]) -> None:
    world.link.ask(ISSUER)
    world.portal.polls = [claim(world, **changed)]
    with pytest.raises((PortalRefused, SettingError)):
        world.link.step()
    assert world.pairing.portal() is None


def test_a_paired_device_asks_for_no_code(world: World) -> None:
    world.pair()
    with pytest.raises(Conflict):
        world.link.ask(ISSUER)


def test_it_says_that_it_is_there_twice_a_minute(world: World) -> None:
    world.pair()
    assert world.link.step() == PRESENCE_SECONDS
    world.now += PRESENCE_SECONDS - 1
    assert world.link.step() == 1
    world.now += 1
    world.link.step()
    assert world.portal.nouns() == ["presence", "presence"]
    assert world.link.state()["answered_seconds_ago"] == 0


def test_what_else_is_to_be_said_is_said_after_each_presence(world: World) -> None:
    heard: list[tuple[Any, dict[str, Any]]] = []
    world.link._after_presence = [lambda client, answer: heard.append((client, answer))]
    world.pair()
    world.portal.answers["presence"] = {"configuration": "x"}
    world.link.step()
    world.link.step()
    assert heard == [(world.portal, {"configuration": "x"})]
    world.link.speak_soon()
    world.link.step()
    assert len(heard) == 2
    assert world.portal.nouns() == ["presence", "presence"]


def test_the_waits_grow_to_five_minutes_and_differ(world: World) -> None:
    waits = [world.link._troubled("x") for _ in range(40)]
    assert waits[0] <= FIRST_WAIT_SECONDS
    assert max(waits) <= LONGEST_WAIT_SECONDS
    assert min(waits[12:]) >= LONGEST_WAIT_SECONDS / 2
    assert len(set(waits[12:])) > 20


def test_the_portal_may_end_it(world: World) -> None:
    world.pair()
    secret = world.come_in()
    world.portal.answers["presence"] = PortalRefused("The portal refused this (403).", "unpaired")
    world.link.step()
    assert world.pairing.portal() is None
    assert world.sessions.person(secret) is None
    assert world.notes == ["device-unpaired"]


def test_another_refusal_does_not_end_it(world: World) -> None:
    world.pair()
    world.portal.answers["presence"] = PortalRefused("The portal refused this (403).", "forbidden")
    with pytest.raises(PortalRefused):
        world.link.step()
    assert world.pairing.accepted() is not None


def test_newer_keys_are_taken_over_only_when_they_hold(world: World) -> None:
    world.pair()
    stranger, newer = Signer(version=9), Signer(version=2)
    world.portal.answers["presence"] = {"keys": stranger.successor(stranger.keys)}
    world.link.step()
    found = world.pairing.accepted()
    assert found is not None
    assert found.keys == world.signer.keys
    world.portal.answers["presence"] = {"keys": world.signer.successor(newer.keys)}
    world.now += PRESENCE_SECONDS
    world.link.step()
    found = world.pairing.accepted()
    assert found is not None
    assert found.keys == newer.keys
    assert world.notes == ["portal-keys-refused", "portal-keys-changed"]


def test_rows_of_the_journal_go_along(world: World) -> None:
    world.pair()
    world.link.accepted()
    world.ledger.add([Entry(0.0, "watched", "Ada")] * 250)
    first = {"seq": 0, "hash": bytes_to_base64url(beginning(ISSUER, world.key.id))}
    world.portal.answers |= {"presence": {"journal": first}, "journal": PortalUnreachable("gone")}
    with pytest.raises(PortalUnreachable):
        world.link.step()
    noun, body = world.portal.said[-1]
    assert (noun, len(body["rows"])) == ("journal", 200)
    last = {"seq": 200, "hash": body["rows"][-1]["hash"]}
    world.portal.answers |= {"presence": {"journal": last}, "journal": {"journal": last}}
    world.now += PRESENCE_SECONDS
    world.portal.answers["journal"] = PortalRefused("The portal refused this (422).", "journal")
    assert world.link.step() == PRESENCE_SECONDS, "a refusal keeps nothing else waiting"
    assert [row["seq"] for row in world.portal.said[-1][1]["rows"]] == list(range(201, 251))
    assert world.link.state()["trouble"] is None


def test_a_portal_that_ends_it_while_rows_go(world: World) -> None:
    world.pair()
    world.link.accepted()
    world.ledger.add([Entry(0.0, "watched", "Ada")])
    first = {"seq": 0, "hash": bytes_to_base64url(beginning(ISSUER, world.key.id))}
    world.portal.answers |= {"presence": {"journal": first}, "journal": PortalRefused("no", "unpaired")}
    world.link.step()
    assert world.pairing.portal() is None


def test_giving_up_shows_no_code_any_more(world: World) -> None:
    world.link.ask(ISSUER)
    world.link.give_up()
    assert "code" not in world.link.state()
    assert world.link.step() is None


def test_a_thread_does_it_by_itself(world: World) -> None:
    world.pair()
    world.link.start()
    try:
        _eventually(lambda: "presence" in world.portal.nouns())
    finally:
        world.link.stop()


def _eventually(true: Callable[[], bool]) -> None:
    import threading

    pause = threading.Event()
    for _ in range(500):
        if true():
            return
        pause.wait(0.01)
    raise AssertionError("not in five seconds")
