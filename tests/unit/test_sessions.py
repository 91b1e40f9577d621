"""Sessions: how they live, end, and what they are worth."""

from __future__ import annotations

import pytest

from pi_cam.store import Store
from pi_cam.trust.capabilities import Person
from pi_cam.trust.passwords import PasswordHasher
from pi_cam.trust.sessions import SessionRow, Sessions
from pi_cam.trust.users import Users
from tests.unit.clock import Clock

PASSWORD = "a green door behind the house"
HOUR = 3600.0


@pytest.fixture
def users(store: Store, clock: Clock) -> Users:
    return Users(store, PasswordHasher(bytes(32), cost=4), clock)


@pytest.fixture
def sessions(store: Store, clock: Clock) -> Sessions:
    return Sessions(store, lambda: HOUR, clock)


@pytest.fixture
def ada(users: Users) -> int:
    return users.add("Ada", PASSWORD, "member", {"main": frozenset({"view"})}, None).id


def opened(sessions: Sessions, user: int) -> tuple[str, Person]:
    secret = sessions.open(user, address="10.0.0.2", agent="a browser")
    person = sessions.person(secret)
    assert person is not None
    return secret, person


def test_they_expire_when_they_are_not_used(sessions: Sessions, ada: int, clock: Clock) -> None:
    secret, _ = opened(sessions, ada)
    for _ in range(5):
        clock.now += HOUR * 0.9
        assert sessions.person(secret) is not None
    clock.now += HOUR
    assert sessions.person(secret) is None
    assert sessions.of(ada) == []


def test_one_in_use_does_not_write_at_every_request(sessions: Sessions, ada: int, clock: Clock) -> None:
    secret, _ = opened(sessions, ada)
    began = clock.now
    clock.now += 30
    sessions.person(secret)
    assert sessions.of(ada)[0].seen_at == began
    clock.now += 31
    sessions.person(secret)
    assert sessions.of(ada)[0].seen_at == clock.now


def test_one_ends_when_told_and_others_go_on(sessions: Sessions, ada: int) -> None:
    (one, person), (other, _) = opened(sessions, ada), opened(sessions, ada)
    assert person.session is not None
    assert sessions.end(person.session)
    assert not sessions.end(person.session)
    assert sessions.person(one) is None
    assert sessions.person(other) is not None


def test_nobody_ends_anothers(sessions: Sessions, users: Users, ada: int) -> None:
    eve = users.add("Eve", PASSWORD, "member", {}, None).id
    secret, person = opened(sessions, ada)
    assert person.session is not None
    assert not sessions.end(person.session, of=eve)
    assert sessions.person(secret) is not None


def test_expired_ones_are_swept_away(sessions: Sessions, ada: int, store: Store, clock: Clock) -> None:
    opened(sessions, ada)
    clock.now += HOUR * 2
    opened(sessions, ada)
    with store.transaction() as database:
        assert database.execute("SELECT count(*) FROM sessions").fetchone()[0] == 1


def test_what_somebody_may_do_is_looked_up_each_time(sessions: Sessions, users: Users, ada: int) -> None:
    secret, person = opened(sessions, ada)
    assert not person.can
    assert person.on == {"main": {"view"}}
    users.change(ada, role="member", grants={"main": frozenset({"view", "talk"})}, expires_at=None)
    changed = sessions.person(secret)
    assert changed is not None
    assert changed.on == {"main": {"view", "talk"}}


def test_a_guests_session_ends_with_the_access(sessions: Sessions, users: Users, clock: Clock) -> None:
    guest = users.add("Guest", PASSWORD, "guest", {"main": frozenset({"view"})}, clock.now + 600)
    secret, _ = opened(sessions, guest.id)
    clock.now += 601
    assert sessions.person(secret) is None


def test_removing_somebody_ends_their_sessions(sessions: Sessions, users: Users, ada: int) -> None:
    secret, _ = opened(sessions, ada)
    users.remove(ada)
    assert sessions.person(secret) is None


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0 Safari/537.36",
            "Chrome · Linux",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Mobile/15E148 Safari/604.1",
            "Safari · iPhone",
        ),
        ("Mozilla/5.0 (Windows NT 10.0; Win64) Chrome/156.0 Safari/537.36 Edg/156.0", "Edge · Windows"),
        ("Mozilla/5.0 (Android 16; Mobile; rv:150.0) Gecko/150.0 Firefox/150.0", "Firefox · Android"),
        ("", ""),
        ("<img onerror=x>", ""),
    ],
)
def test_a_session_is_named_by_browser_and_system(agent: str, words: str) -> None:
    assert SessionRow("id", agent, "", 0.0, 0.0).browser == words


@pytest.mark.parametrize("secret", ["", "x", "é", "'; --", "x" * 10_000])
def test_a_made_up_secret_is_nobodys(sessions: Sessions, ada: int, secret: str) -> None:
    opened(sessions, ada)
    assert sessions.person(secret) is None
