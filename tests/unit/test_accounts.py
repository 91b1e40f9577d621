"""The owner and the sessions of people who signed in."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from pi_cam.errors import Conflict, NotSignedIn, SettingError, TooManyTries
from pi_cam.store import Store
from pi_cam.trust.accounts import Accounts
from pi_cam.trust.passwords import PasswordHasher

PASSWORD = "a green door behind the house"
HOUR = 3600.0


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path)
    store.open()
    return store


@pytest.fixture
def accounts(store: Store, clock: Clock) -> Accounts:
    return Accounts(store, PasswordHasher(bytes(32), cost=4), session_seconds=HOUR, clock=clock)


@pytest.fixture
def owned(accounts: Accounts) -> Accounts:
    accounts.create_owner("Ada", PASSWORD)
    return accounts


def sign_in(accounts: Accounts, name: str = "Ada", password: str = PASSWORD, address: str = "10.0.0.2") -> str:
    return accounts.sign_in(name, password, address=address, agent="a browser")[0]


def test_a_new_device_has_no_owner_until_one_is_made(accounts: Accounts) -> None:
    assert not accounts.has_owner()
    accounts.create_owner("  Ada ", PASSWORD)
    assert accounts.has_owner()
    person = accounts.person(sign_in(accounts))
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


def test_case_of_the_name_does_not_matter(owned: Accounts) -> None:
    person = owned.person(sign_in(owned, "ADA"))
    assert person is not None
    assert person.name == "Ada"


def test_guessing_is_slowed_down_for_one_name_at_one_address(owned: Accounts) -> None:
    for _ in range(5):
        with pytest.raises(NotSignedIn):
            sign_in(owned, "Ada", "wrong")
    with pytest.raises(TooManyTries):
        sign_in(owned)
    assert sign_in(owned, address="10.0.0.3")


def test_sessions_expire_when_they_are_not_used(owned: Accounts, clock: Clock) -> None:
    secret = sign_in(owned)
    for _ in range(5):
        clock.now += HOUR * 0.9
        assert owned.person(secret) is not None
    clock.now += HOUR
    assert owned.person(secret) is None
    assert owned.sessions("Ada") == []


def test_a_session_in_use_does_not_write_at_every_request(owned: Accounts, clock: Clock) -> None:
    secret = sign_in(owned)
    began = clock.now
    clock.now += 30
    owned.person(secret)
    assert owned.sessions("Ada")[0].seen_at == began
    clock.now += 31
    owned.person(secret)
    assert owned.sessions("Ada")[0].seen_at == clock.now


def test_a_session_ends_when_told_and_others_go_on(owned: Accounts) -> None:
    one, other = sign_in(owned), sign_in(owned)
    person = owned.person(one)
    assert person is not None
    assert person.session is not None
    owned.end_session(person.session)
    owned.end_session(person.session)
    assert owned.person(one) is None
    assert owned.person(other) is not None


def test_expired_sessions_are_swept_away(owned: Accounts, store: Store, clock: Clock) -> None:
    sign_in(owned)
    clock.now += HOUR * 2
    sign_in(owned)
    with store.transaction() as database:
        assert database.execute("SELECT count(*) FROM sessions").fetchone()[0] == 1


def test_setting_the_owner_anew_replaces_name_and_password_and_ends_every_session(owned: Accounts) -> None:
    secret = sign_in(owned)
    owned.set_owner("Grace", "another door, a red one")
    assert owned.person(secret) is None
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


@pytest.mark.parametrize("secret", ["", "x", "é", "'; --", "x" * 10_000])
def test_a_made_up_secret_is_nobodys(owned: Accounts, secret: str) -> None:
    assert owned.person(secret) is None
