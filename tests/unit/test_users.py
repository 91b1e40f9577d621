"""Members and guests: who is let in, with what, until when."""

from __future__ import annotations

import time

import pytest

from pi_cam.errors import Conflict, NotAllowed, NotFound, SettingError
from pi_cam.store import Store
from pi_cam.trust.accounts import Accounts
from pi_cam.trust.capabilities import Capability, Person, allowed, allowed_somewhere, require_own, rights
from pi_cam.trust.passwords import PasswordHasher
from pi_cam.trust.sessions import Sessions
from pi_cam.trust.totp import Totp
from pi_cam.trust.users import Users

PASSWORD = "a green door behind the house"
NOW = 1_000_000.0
VIEW: frozenset[Capability] = frozenset({"view"})
CONFIGURE: frozenset[Capability] = frozenset({"view", "configure"})
TALK: frozenset[Capability] = frozenset({"view", "talk"})
DAY = 86_400.0


@pytest.fixture
def users(store: Store) -> Users:
    return Users(store, PasswordHasher(bytes(32), cost=4), lambda: NOW)


@pytest.fixture
def owner(store: Store, users: Users) -> int:
    hasher = PasswordHasher(bytes(32), cost=4)
    Accounts(store, hasher, Sessions(store, lambda: 60.0), Totp(store, bytes(32))).create_owner("Ada", PASSWORD)
    return users.list()[0].id


def test_the_owner_comes_first_and_the_others_by_name(users: Users, owner: int) -> None:
    for name in ("zoe", "Bob"):
        users.add(name, PASSWORD, "member", {"main": VIEW}, None)
    assert [(row.name, row.role) for row in users.list()] == [("Ada", "owner"), ("Bob", "member"), ("zoe", "member")]


def test_a_name_is_had_by_one_person_only(users: Users) -> None:
    users.add("Bob", PASSWORD, "member", {}, None)
    with pytest.raises(Conflict, match="of this name already"):
        users.add("BOB", PASSWORD, "member", {}, None)
    assert len(users.list()) == 1


@pytest.mark.parametrize("end", [None, NOW, NOW - 1, NOW + 400 * DAY, float("nan"), float("inf")])
def test_a_guest_has_an_end_that_makes_sense(users: Users, end: float | None) -> None:
    with pytest.raises(SettingError):
        users.add("Guest", PASSWORD, "guest", {"main": VIEW}, end)
    assert users.list() == []


def test_a_guest_never_gets_more_than_the_role_allows(users: Users) -> None:
    with pytest.raises(SettingError, match="cannot be given the right to configure"):
        users.add("Guest", PASSWORD, "guest", {"main": CONFIGURE}, NOW + DAY)
    assert users.list() == []
    bob = users.add("Bob", PASSWORD, "member", {"main": CONFIGURE}, None)
    with pytest.raises(SettingError):
        users.change(bob.id, role="guest", grants=bob.grants, expires_at=NOW + DAY)
    assert users.get(bob.id) == bob


def test_what_is_left_out_of_a_change_stays(users: Users) -> None:
    bob = users.add("Bob", PASSWORD, "guest", {"main": VIEW}, NOW + DAY)
    assert users.change(bob.id, grants={"main": TALK}).expires_at == NOW + DAY
    assert users.change(bob.id, role="member", expires_at=None).grants == {"main": TALK}
    assert users.change(bob.id) == users.get(bob.id)


def test_a_guest_whose_time_is_over_may_still_be_seen_to(users: Users, store: Store) -> None:
    bob = users.add("Bob", PASSWORD, "guest", {"main": VIEW}, NOW + DAY)
    later = Users(store, PasswordHasher(bytes(32), cost=4), lambda: NOW + 2 * DAY)
    assert later.change(bob.id, grants={}).grants == {}
    with pytest.raises(SettingError, match="not in the past"):
        later.change(bob.id, expires_at=NOW + 1.5 * DAY)
    assert later.change(bob.id, expires_at=NOW + 3 * DAY).expires_at == NOW + 3 * DAY


def test_the_owner_can_neither_be_changed_nor_removed(users: Users, owner: int) -> None:
    with pytest.raises(NotAllowed):
        users.change(owner, role="guest", grants={}, expires_at=NOW + DAY)
    with pytest.raises(NotAllowed):
        users.remove(owner)
    with pytest.raises(NotAllowed):
        users.set_password(owner, "another door, a red one")
    assert users.get(owner).role == "owner"


def test_nobody_is_nobody(users: Users) -> None:
    for change in (users.get, users.remove):
        with pytest.raises(NotFound):
            change(7)
    with pytest.raises(NotFound):
        users.set_password(7, PASSWORD)


def test_rights_are_those_on_the_camera_and_no_others() -> None:
    person = Person("user 2", "Bob", "member", frozenset(), "s", {"main": VIEW, "door": TALK})
    assert allowed(person, "view", "main")
    assert not allowed(person, "talk", "main")
    assert not allowed(person, "view", "garden")
    assert not allowed(person, "view")
    assert allowed_somewhere(person, "talk")
    assert not allowed_somewhere(person, "control")
    assert rights(person, "door") == ["view", "talk"]


def test_nobody_gives_away_what_they_do_not_have() -> None:
    person = Person("token x", "token x", None, frozenset({"configure"}), None, {"main": VIEW})
    require_own(person, {"view", "configure"}, "main")
    for camera in ("door", None):
        with pytest.raises(NotAllowed):
            require_own(person, {"view"}, camera)


def test_deciding_takes_less_than_fifty_microseconds() -> None:
    cameras = {f"camera-{number}": VIEW for number in range(32)}
    person = Person("user 2", "Bob", "member", frozenset(), "s", cameras)
    rounds = 2_000
    began = time.process_time()
    for _ in range(rounds):
        assert allowed(person, "view", "camera-31")
        assert not allowed(person, "talk", "camera-31")
    assert (time.process_time() - began) / rounds / 2 < 50e-6
