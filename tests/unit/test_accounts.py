"""The owner and the sessions of people who signed in."""

from __future__ import annotations

import threading

import pytest

from pi_cam.errors import Conflict, NotSignedIn, SettingError, TooManyTries
from pi_cam.store import Store
from pi_cam.trust.accounts import Accounts
from pi_cam.trust.passwords import PasswordHasher
from pi_cam.trust.sessions import Sessions
from pi_cam.trust.totp import Totp
from tests.unit.clock import Clock

PASSWORD = "a green door behind the house"
HOUR = 3600.0


@pytest.fixture
def sessions(store: Store, clock: Clock) -> Sessions:
    return Sessions(store, lambda: HOUR, clock)


@pytest.fixture
def accounts(store: Store, sessions: Sessions, clock: Clock) -> Accounts:
    return Accounts(store, PasswordHasher(bytes(32), cost=4), sessions, Totp(store, bytes(32), clock), clock=clock)


@pytest.fixture
def owned(accounts: Accounts) -> Accounts:
    accounts.create_owner("Ada", PASSWORD)
    return accounts


def sign_in(accounts: Accounts, name: str = "Ada", password: str = PASSWORD, address: str = "10.0.0.2") -> str:
    return accounts.sign_in(name, password, address=address, agent="a browser")[0]


def test_a_new_device_has_no_owner_until_one_is_made(accounts: Accounts, sessions: Sessions) -> None:
    assert not accounts.has_owner()
    accounts.create_owner("  Ada ", PASSWORD)
    assert accounts.has_owner()
    person = sessions.person(sign_in(accounts))
    assert person is not None
    assert (person.name, person.role) == ("Ada", "owner")
    assert person.can >= {"view", "control", "configure"}


def test_there_is_one_owner_only(owned: Accounts) -> None:
    with pytest.raises(Conflict, match="an owner already"):
        owned.create_owner("Eve", PASSWORD)
    with pytest.raises(NotSignedIn):
        sign_in(owned, "Eve")


def test_of_many_who_race_one_becomes_the_owner(accounts: Accounts) -> None:
    ready = threading.Barrier(6)
    outcomes: list[str] = []

    def claim(name: str) -> None:
        ready.wait()
        try:
            accounts.create_owner(name, PASSWORD)
            outcomes.append(name)
        except Conflict:
            outcomes.append("conflict")

    threads = [threading.Thread(target=claim, args=(f"person {number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("conflict") == 5
    winner = next(name for name in outcomes if name != "conflict")
    assert sign_in(accounts, winner)


@pytest.mark.parametrize("name", ["", "   ", "x" * 65, "Ada\nEve", "Ada\0", "\x7f", "Ada\ud800"])
def test_names_that_make_no_sense_are_refused(accounts: Accounts, name: str) -> None:
    with pytest.raises(SettingError):
        accounts.create_owner(name, PASSWORD)
    assert not accounts.has_owner()


def test_a_weak_password_is_refused(accounts: Accounts) -> None:
    with pytest.raises(SettingError):
        accounts.create_owner("Ada", "short")
    assert not accounts.has_owner()


@pytest.mark.parametrize(
    ("name", "password"),
    [("Ada", PASSWORD + "x"), ("Eve", PASSWORD), ("", ""), ("Ada'--", PASSWORD), ("\ud800", "\udfff"), ("%", PASSWORD)],
)
def test_wrong_credentials_get_one_and_the_same_answer(owned: Accounts, name: str, password: str) -> None:
    with pytest.raises(NotSignedIn, match=r"^The name or the password is wrong\.$"):
        sign_in(owned, name, password)


def test_case_of_the_name_does_not_matter(owned: Accounts, sessions: Sessions) -> None:
    person = sessions.person(sign_in(owned, "ADA"))
    assert person is not None
    assert person.name == "Ada"


def test_guessing_is_slowed_down_for_one_name_at_one_address(owned: Accounts) -> None:
    for _ in range(5):
        with pytest.raises(NotSignedIn):
            sign_in(owned, "Ada", "wrong")
    with pytest.raises(TooManyTries):
        sign_in(owned)
    assert sign_in(owned, address="10.0.0.3")


def test_setting_the_owner_anew_replaces_name_and_password_and_ends_every_session(
    owned: Accounts, sessions: Sessions
) -> None:
    secret = sign_in(owned)
    owned.set_owner("Grace", "another door, a red one")
    assert sessions.person(secret) is None
    with pytest.raises(NotSignedIn):
        sign_in(owned)
    assert sign_in(owned, "Grace", "another door, a red one")
    with pytest.raises(Conflict):
        owned.create_owner("Ada", PASSWORD)


def test_neither_secrets_nor_passwords_are_stored_in_clear(owned: Accounts, store: Store) -> None:
    secret = sign_in(owned)
    stored = b"".join(path.read_bytes() for path in store.folder.iterdir())
    assert secret.encode() not in stored
    assert PASSWORD.encode() not in stored


def test_a_new_password_needs_the_present_one_and_ends_all_other_sessions(owned: Accounts, sessions: Sessions) -> None:
    here, there = sign_in(owned), sign_in(owned)
    person = sessions.person(here)
    assert person is not None
    assert person.session is not None
    with pytest.raises(SettingError, match="present password"):
        owned.change_password(1, "wrong", "another door, a red one", session=person.session)
    with pytest.raises(SettingError, match="at least 15"):
        owned.change_password(1, PASSWORD, "short", session=person.session)
    owned.change_password(1, PASSWORD, "another door, a red one", session=person.session)
    assert sessions.person(here) is not None
    assert sessions.person(there) is None
    assert sign_in(owned, password="another door, a red one")
    with pytest.raises(NotSignedIn):
        sign_in(owned)


def test_guessing_the_present_password_is_slowed_down(owned: Accounts) -> None:
    for _ in range(5):
        with pytest.raises(SettingError):
            owned.change_password(1, "wrong", "another door, a red one", session="x")
    with pytest.raises(TooManyTries):
        owned.change_password(1, PASSWORD, "another door, a red one", session="x")
