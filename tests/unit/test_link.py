"""What the device says to its portal, and when; on a clock of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from webauthn.helpers import bytes_to_base64url

from pi_cam.errors import Conflict, NotFound, PiCamError, PortalRefused, PortalUnreachable, SettingError
from pi_cam.journal import Journal
from pi_cam.journal.actions import Entry
from pi_cam.journal.ledger import Ledger
from pi_cam.remote import goodbyes
from pi_cam.remote.journal_forward import JournalForward
from pi_cam.remote.link import EPOCH_SECONDS, LONGEST_WAIT_SECONDS, PRESENCE_SECONDS, Link
from pi_cam.remote.portal_client import Answer
from pi_cam.store import Store
from pi_cam.trust import entry
from pi_cam.trust.device_key import DeviceKey
from pi_cam.trust.pairing import Pairing
from pi_cam.trust.portal_sessions import PortalSessions
from tests.portal_double import ISSUER, Signer
from web.journal.forwarded import beginning

OWNER = "a***@example.org"
CODE = {
    "device_code": "d" * 43,
    "user_code": "BCDF-GHJK",
    "verification_uri": f"{ISSUER}/pair",
    "verification_uri_complete": f"{ISSUER}/pair?code=BCDF-GHJK",
    "interval": 5,
    "expires_in": 600,
}


class FakePortal:
    """A client that answers what a test says, and keeps what was said to it."""

    def __init__(self) -> None:
        self.address = ISSUER
        self.code: dict[str, Any] = dict(CODE)
        self.polls: list[Answer] = []
        self.answers: dict[str, Any] = {"presence": {}, "epoch": {"epochs": {}}, "unpair": {}}
        self.said: list[tuple[str, dict[str, Any]]] = []

    def authorize(self, device: dict[str, Any], nonce: str) -> dict[str, Any]:
        self.said.append(("authorize", device))
        return self.code

    def poll(self, device_code: str) -> Answer:
        return self.polls.pop(0) if self.polls else Answer(400, {"error": "authorization_pending"})

    def say(self, noun: str, body: dict[str, Any]) -> dict[str, Any]:
        self.said.append((noun, body))
        answer = self.answers[noun]
        if isinstance(answer, PiCamError):
            raise answer
        return dict(answer)

    def nouns(self) -> list[str]:
        return [noun for noun, _ in self.said]


class World:
    def __init__(self, folder: Path) -> None:
        store = Store(folder)
        store.open()
        self.ledger, self.key = Ledger(folder, store.secret()), DeviceKey.load(folder)
        self.ledger.open(0.0)
        self.now = 1_000.0
        self.portal, self.signer = FakePortal(), Signer()
        self.pairing = Pairing(store)
        self.sessions = PortalSessions(store, lambda: frozenset(), lambda: 1_800_000_000 + self.now)
        self.notes: list[str] = []
        self.link = Link(
            self.pairing,
            self.sessions,
            lambda address: self.portal,
            lambda: {"name": "porch"},
            lambda: {"cameras": []},
            lambda action, **_: self.notes.append(action),
            JournalForward(Journal(self.ledger), folder, self.key),
            lambda: self.now,
        )

    def pair(self) -> None:
        self.pairing.claimed(ISSUER, OWNER, self.signer.keys)
        self.pairing.accept(OWNER)

    def come_in(self, subject: str = "account-7") -> str:
        came = entry.Entry(subject, "Ada", "member", 1, frozenset({"view"}), {})
        return self.sessions.open(came, address="", agent="")[0]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def claim(world: World, **changed: Any) -> Answer:
    return Answer(200, {"owner": OWNER, "keys": world.signer.keys.as_json(), **changed})


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


def test_while_somebody_from_there_is_here_it_asks_for_the_epoch(world: World) -> None:
    world.pair()
    secret = world.come_in()
    world.portal.answers["epoch"] = {"epochs": {"account-7": 1}}
    assert world.link.step() == EPOCH_SECONDS
    assert world.sessions.person(secret) is not None
    assert ("epoch", {"subjects": ["account-7"]}) in world.portal.said
    world.portal.answers["epoch"] = {"epochs": {"account-7": 2}}
    world.link.step()
    assert world.sessions.person(secret) is None


def test_who_is_not_known_there_any_more_is_sent_away(world: World) -> None:
    world.pair()
    secret = world.come_in()
    world.link.step()
    assert world.sessions.person(secret) is None


@pytest.mark.parametrize("epochs", [None, [], "x"])
def test_an_answer_about_epochs_that_makes_no_sense_ends_nobody(world: World, epochs: Any) -> None:
    world.pair()
    secret = world.come_in()
    world.portal.answers["epoch"] = {"epochs": epochs}
    with pytest.raises(PortalUnreachable):
        world.link.step()
    assert world.sessions.person(secret) is not None


@pytest.mark.parametrize("epochs", [{"account-7": 2**70}, {"\ud800": 3}, {"account-8": 3}, {"account-7": True}])
def test_epochs_that_nobody_asked_for_or_that_make_no_sense_are_none(world: World, epochs: dict[str, Any]) -> None:
    world.pair()
    world.come_in()
    world.portal.answers["epoch"] = {"epochs": epochs}
    world.link.step()
    assert world.sessions.subjects() == []


def test_while_somebody_is_here_the_pauses_stay_short(world: World) -> None:
    world.pair()
    world.come_in()
    world.portal.answers["epoch"] = PortalUnreachable("gone")
    for _ in range(20):
        with pytest.raises(PortalUnreachable):
            world.link.step()
        assert world.link._troubled("gone") <= 5


def test_a_portal_that_is_gone_ends_nothing(world: World) -> None:
    world.pair()
    secret = world.come_in()
    world.portal.answers["epoch"] = PortalUnreachable("The portal portal.example does not answer.")
    with pytest.raises(PortalUnreachable):
        world.link.step()
    assert world.sessions.person(secret) is not None
    assert world.pairing.accepted() is not None


def test_the_waits_grow_to_five_minutes_and_differ(world: World) -> None:
    waits = [world.link._troubled("x") for _ in range(40)]
    assert waits[0] <= 2 * EPOCH_SECONDS
    assert max(waits) <= LONGEST_WAIT_SECONDS
    assert min(waits[12:]) >= LONGEST_WAIT_SECONDS / 2
    assert len(set(waits[12:])) > 20


def test_the_portal_may_end_it(world: World) -> None:
    world.pair()
    secret = world.come_in()
    world.portal.answers["epoch"] = PortalRefused("The portal refused this (403).", "unpaired")
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
