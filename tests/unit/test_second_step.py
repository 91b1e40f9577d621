"""Signing in with a password and a code; and what a password may be beside one."""

from __future__ import annotations

from pathlib import Path

import pytest

from pi_cam.errors import Conflict, NotSignedIn, SecondFactorNeeded, SettingError, TooManyTries
from tests.unit.people import PASSWORD, People

SHORT = "kvz7pq2m"


@pytest.fixture
def people(tmp_path: Path) -> People:
    return People(tmp_path)


def wrong(people: People) -> str:
    """Six digits that are none of those that count now."""
    near = {people.code(steps) for steps in (-1, 0, 1)}
    return next(code for code in ("000000", "111111", "222222", "333333") if code not in near)


def ticket(people: People, code: str | None = None) -> str:
    with pytest.raises(SecondFactorNeeded) as error:
        people.sign_in(code)
    return error.value.ticket


def test_the_password_alone_opens_nothing_any_more(people: People) -> None:
    assert people.sign_in()
    assert people.sign_in("123456")  # a code that nobody asked for does no harm
    people.turn_on()
    for code in (None, ""):
        with pytest.raises(SecondFactorNeeded, match="needs a code"):
            people.sign_in(code)
    assert people.sign_in(people.code())


def test_a_code_opens_once(people: People) -> None:
    people.turn_on()
    assert people.sign_in(people.code())
    with pytest.raises(SecondFactorNeeded, match="used already"):
        people.sign_in(people.code())


def test_a_recovery_code_stands_for_a_code_once(people: People) -> None:
    code = people.turn_on()[3]
    assert people.sign_in(code)
    with pytest.raises(SecondFactorNeeded):
        people.sign_in(code)


def test_whether_the_code_was_right_is_not_said_to_whoever_lacks_the_password(people: People) -> None:
    people.turn_on()
    for code in (people.code(), wrong(people), None):
        with pytest.raises(NotSignedIn, match=r"^The name or the password is wrong\.$") as error:
            people.sign_in(code, "not the password", address=str(code))
        assert not isinstance(error.value, SecondFactorNeeded)
    assert people.sign_in(people.code())  # it was not even used up


def test_wrong_codes_are_slowed_down_like_wrong_passwords(people: People) -> None:
    people.turn_on()
    for _ in range(5):
        ticket(people, wrong(people))
    with pytest.raises(TooManyTries):
        people.sign_in(people.code())
    people.clock.now += 60
    assert people.sign_in(people.code())


def test_the_right_password_in_between_forgives_no_wrong_code(people: People) -> None:
    people.turn_on()
    for code in (wrong(people), None, wrong(people), None, wrong(people)):
        ticket(people, code)
    with pytest.raises(TooManyTries):
        people.sign_in(people.code())


def test_codes_are_not_guessed_from_many_addresses_at_once_and_a_recovery_code_still_opens(people: People) -> None:
    codes = people.turn_on()
    for number in range(5):
        with pytest.raises(SecondFactorNeeded):
            people.sign_in(wrong(people), address=f"10.9.9.{number}")
    with pytest.raises(TooManyTries):
        people.sign_in(people.code(), address="10.0.0.2")
    waiting = ticket(people)
    with pytest.raises(TooManyTries):
        people.go_on(waiting, people.code())
    assert people.go_on(waiting, codes[0])


def test_the_ticket_stands_for_the_password(people: People) -> None:
    people.turn_on()
    first = ticket(people)
    assert PASSWORD not in first
    assert people.go_on(first, people.code())
    with pytest.raises(NotSignedIn, match="too long"):
        people.go_on(first, people.code(1))


def test_a_wrong_code_costs_the_ticket_and_gives_another_that_ends_no_later(people: People) -> None:
    people.turn_on()
    first = ticket(people)
    people.clock.now += 200
    with pytest.raises(SecondFactorNeeded) as error:
        people.go_on(first, wrong(people))
    with pytest.raises(NotSignedIn, match="too long"):
        people.go_on(first, people.code())
    people.clock.now += 99
    assert people.accounts._tickets.look(error.value.ticket)
    people.clock.now += 1
    with pytest.raises(NotSignedIn, match="too long"):
        people.go_on(error.value.ticket, people.code())


def test_while_it_is_slowed_down_the_ticket_stays_good(people: People) -> None:
    people.turn_on()
    current = ticket(people)
    for _ in range(4):
        with pytest.raises(SecondFactorNeeded) as error:
            people.go_on(current, wrong(people))
        current = error.value.ticket
    with pytest.raises(TooManyTries):
        people.go_on(current, people.code())
    people.clock.now += 2
    assert people.go_on(current, people.code())


def test_a_ticket_ends_with_the_password_that_it_stands_for(people: People) -> None:
    people.turn_on()
    old = ticket(people)
    people.accounts.change_password(1, PASSWORD, "another door, a red one", session="")
    with pytest.raises(NotSignedIn):
        people.go_on(old, people.code())


def test_a_ticket_ends_with_the_access(people: People) -> None:
    user = people.users.add("guest", PASSWORD, "guest", {}, people.clock() + 60).id
    people.turn_on(user)
    with pytest.raises(SecondFactorNeeded) as error:
        people.accounts.sign_in("guest", PASSWORD, address="", agent="")
    people.clock.now += 31
    with pytest.raises(NotSignedIn, match="has ended"):
        people.go_on(error.value.ticket, people.code())


def test_eight_characters_are_enough_beside_a_code_and_only_there(people: People) -> None:
    with pytest.raises(SettingError, match="at least 15"):
        people.accounts.change_password(1, PASSWORD, SHORT, session="")
    people.totp.begin(1, "Ada")
    with pytest.raises(SettingError, match="at least 15"):  # begun is not turned on
        people.accounts.change_password(1, PASSWORD, SHORT, session="")
    people.turn_on()
    with pytest.raises(SettingError, match="at least 8"):
        people.accounts.change_password(1, PASSWORD, SHORT[:7], session="")
    people.accounts.change_password(1, PASSWORD, SHORT, session="")
    assert people.sign_in(people.code(), SHORT)


def test_a_short_password_keeps_its_code_until_there_is_a_longer_one(people: People) -> None:
    people.turn_on()
    people.accounts.change_password(1, PASSWORD, SHORT, session="")
    with pytest.raises(SettingError, match="Without a second factor a password has at least 15"):
        people.accounts.turn_second_factor_off(1, SHORT)
    assert people.totp.state(1).on
    people.accounts.change_password(1, SHORT, PASSWORD, session="")
    people.accounts.turn_second_factor_off(1, PASSWORD)
    assert people.sign_in()
    assert people.totp.state(1).recovery_codes_left == 0


def test_turning_it_off_needs_the_password(people: People) -> None:
    people.turn_on()
    for _ in range(5):
        with pytest.raises(SettingError, match="present password"):
            people.accounts.turn_second_factor_off(1, "not the password")
    with pytest.raises(TooManyTries):
        people.accounts.turn_second_factor_off(1, PASSWORD)
    assert people.totp.state(1).on


def test_a_password_that_changes_meanwhile_is_noticed(people: People) -> None:
    people.turn_on()
    row = people.accounts._proved(1, PASSWORD)
    people.accounts.change_password(1, PASSWORD, SHORT, session="")
    with people.store.transaction() as database, pytest.raises(Conflict):
        people.accounts._require_unchanged(database, row)


def test_setting_the_owner_anew_clears_every_factor(people: People) -> None:
    codes = people.turn_on()
    old = ticket(people)
    people.accounts.set_owner("Ada", "another door, a red one")
    assert people.sign_in(password="another door, a red one")
    with pytest.raises(NotSignedIn):
        people.go_on(old, codes[0])
    with people.store.transaction() as database:
        for table in ("totp", "recovery_codes", "passkeys"):
            assert database.execute(f"SELECT count(*) FROM {table}").fetchone()[0] == 0  # noqa: S608 - our own words
