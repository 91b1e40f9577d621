"""Who came in from the portal, and how that ends; and whom the device belongs to."""

from __future__ import annotations

import pytest

from pi_cam.errors import Conflict, NotAllowed, NotFound
from pi_cam.store import Store
from pi_cam.trust.capabilities import Capability
from pi_cam.trust.entry import Entry
from pi_cam.trust.pairing import Pairing
from pi_cam.trust.portal_keys import KeySet
from pi_cam.trust.portal_sessions import EACH_MOST, IDLE_SECONDS, LONGEST_SECONDS, PortalSessions
from tests.portal_double import ISSUER, Signer
from tests.unit.clock import Clock

OWNER = "a***@example.org"
LOCKED: frozenset[Capability] = frozenset({"configure"})


@pytest.fixture
def portal() -> Signer:
    return Signer()


@pytest.fixture
def pairing(store: Store, portal: Signer) -> Pairing:
    pairing = Pairing(store)
    pairing.claimed(ISSUER, OWNER, portal.keys)
    pairing.accept(OWNER)
    return pairing


@pytest.fixture
def sessions(store: Store, pairing: Pairing, clock: Clock) -> PortalSessions:
    return PortalSessions(store, lambda: LOCKED, clock)


def entry(epoch: int = 1, subject: str = "account-7") -> Entry:
    return Entry(
        subject, "ada@example.org", "member", epoch, frozenset({"view", "configure"}), {"main": frozenset({"talk"})}
    )


def open_one(sessions: PortalSessions, epoch: int = 1) -> str:
    return sessions.open(entry(epoch), address="192.0.2.1", agent="a test")[0]


def test_a_session_is_worth_what_the_token_said_less_the_second_lock(sessions: PortalSessions) -> None:
    secret, opened = sessions.open(entry(), address="192.0.2.1", agent="a test")
    person = sessions.person(secret)
    assert person == opened
    assert (person.key, person.name, person.role) == ("portal account-7", "ada@example.org", "portal")
    assert person.can == {"view"}
    assert person.on == {"main": {"talk"}}


def test_who_comes_again_and_again_keeps_the_newest_twenty(sessions: PortalSessions, clock: Clock) -> None:
    other = sessions.open(entry(subject="account-8"), address="", agent="")[0]
    opened = []
    for _ in range(EACH_MOST + 5):
        clock.now += 1
        opened.append(open_one(sessions))
    alive = [sessions.person(secret) is not None for secret in opened]
    assert alive == [False] * 5 + [True] * EACH_MOST
    assert sessions.person(other) is not None


def test_a_raised_epoch_ends_it(store: Store, sessions: PortalSessions) -> None:
    secret, person = sessions.open(entry(), address="", agent="")
    other = sessions.open(entry(subject="account-8"), address="", agent="")[0]
    sessions.raise_epochs({"account-7": 2})
    assert sessions.person(secret) is None
    with store.transaction() as database:
        assert sessions.now(database, person.session or "") is None
    assert sessions.person(other) is not None
    with pytest.raises(NotAllowed):
        sessions.open(entry(), address="", agent="")
    sessions.open(entry(epoch=2), address="", agent="")


def test_an_epoch_never_falls(sessions: PortalSessions) -> None:
    sessions.raise_epochs({"account-7": 5})
    sessions.raise_epochs({"account-7": 1})
    with pytest.raises(NotAllowed):
        sessions.open(entry(epoch=4), address="", agent="")


def test_an_answer_that_says_nothing_new_writes_nothing(store: Store, sessions: PortalSessions) -> None:
    """It comes every two seconds, for as long as somebody watches, and the copy of the database lies on an SD card."""
    open_one(sessions)
    sessions.raise_epochs({"account-7": 3})
    session = sessions.open(entry(3), address="", agent="")[1].session or ""
    store.keep_good_copy()
    before = {path.name: path.stat().st_mtime_ns for path in store.folder.iterdir()}
    for _ in range(5):
        sessions.raise_epochs({"account-7": 3})
        sessions.end_all([])
        sessions.used([session])
    assert {path.name: path.stat().st_mtime_ns for path in store.folder.iterdir()} == before


def test_it_ends_when_it_is_not_used(sessions: PortalSessions, clock: Clock) -> None:
    secret = open_one(sessions)
    clock.now += IDLE_SECONDS + 1
    assert sessions.person(secret) is None


def test_whoever_watches_uses_it_but_not_for_ever(sessions: PortalSessions, clock: Clock) -> None:
    secret, person = sessions.open(entry(), address="", agent="")
    began = clock.now
    while clock.now - began < LONGEST_SECONDS - IDLE_SECONDS:
        clock.now += IDLE_SECONDS / 2
        sessions.used([person.session or ""])
        assert sessions.person(secret) is not None
    clock.now = began + LONGEST_SECONDS + 1
    sessions.used([person.session or ""])
    assert sessions.person(secret) is None


def test_signing_out_ends_it(sessions: PortalSessions) -> None:
    secret, person = sessions.open(entry(), address="", agent="")
    assert sessions.end(person.session or "")
    assert sessions.person(secret) is None
    assert not sessions.end(person.session or "")


def test_the_portal_is_asked_for_who_is_here(sessions: PortalSessions, clock: Clock) -> None:
    assert sessions.subjects() == []
    open_one(sessions)
    open_one(sessions)
    sessions.open(entry(subject="account-3"), address="", agent="")
    assert sessions.subjects() == ["account-3", "account-7"]
    clock.now += IDLE_SECONDS + 1
    assert sessions.subjects() == []


def test_the_end_of_the_pairing_is_the_end_of_every_session(sessions: PortalSessions, pairing: Pairing) -> None:
    secret = open_one(sessions)
    assert pairing.forget()
    assert sessions.person(secret) is None
    assert pairing.portal() is None
    assert not pairing.forget()


def test_nobody_comes_in_before_somebody_at_home_said_yes(store: Store, portal: Signer) -> None:
    pairing = Pairing(store)
    pairing.claimed(ISSUER, OWNER, portal.keys)
    assert pairing.accepted() is None
    assert PortalSessions(store, lambda: LOCKED).person(open_one(PortalSessions(store, lambda: LOCKED))) is None


def test_yes_is_said_to_the_owner_that_was_shown(store: Store, portal: Signer) -> None:
    pairing = Pairing(store)
    with pytest.raises(NotFound):
        pairing.accept(OWNER)
    pairing.claimed(ISSUER, OWNER, portal.keys)
    pairing.claimed(ISSUER, "m***@example.org", portal.keys)
    with pytest.raises(Conflict):
        pairing.accept(OWNER)
    assert pairing.accepted() is None


def test_a_paired_device_is_claimed_by_nobody_else(pairing: Pairing, portal: Signer) -> None:
    with pytest.raises(Conflict):
        pairing.claimed("https://other.example", "m***@example.org", portal.keys)


def test_newer_keys_are_kept(pairing: Pairing, portal: Signer) -> None:
    newer = Signer(version=2)
    pairing.rotate(portal.successor(newer.keys))
    found = pairing.accepted()
    assert found is not None
    assert found.keys == newer.keys
    with pytest.raises(NotAllowed):
        pairing.rotate(portal.successor(KeySet(3, portal.keys.keys)))
