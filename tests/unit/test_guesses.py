"""Guesses are slowed down wherever they come from; a browser that signed in before is not kept out by them."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from pi_cam.errors import NotReady, NotSignedIn, TooManyTries
from pi_cam.trust.guesses import (
    FREE_PER_ACCOUNT,
    FREE_PER_ADDRESS,
    Guess,
    Guesses,
    KnownBrowsers,
    network_of,
)
from pi_cam.trust.passwords import WAITING_MAX, PasswordHasher
from tests.unit.clock import Clock
from tests.unit.people import PASSWORD, People


def wrong(guesses: Guesses, *tries: Guess) -> int:
    """How many of these wrong guesses got through."""
    through = 0
    for guess in tries:
        try:
            guesses.attempt(guess)
            through += 1
        except TooManyTries:
            pass
    return through


def test_another_address_is_no_way_around() -> None:
    guesses = Guesses(Clock(0.0))
    tries = [Guess("ada", f"10.0.{number}.1") for number in range(200)]
    assert wrong(guesses, *tries) == FREE_PER_ACCOUNT


def test_another_name_is_no_way_around() -> None:
    guesses = Guesses(Clock(0.0))
    tries = [Guess(f"person {number}", "10.0.0.1") for number in range(200)]
    assert wrong(guesses, *tries) == FREE_PER_ADDRESS


def test_a_whole_ipv6_neighbourhood_is_one_address() -> None:
    assert network_of("2001:db8:1:2::3") == network_of("2001:db8:1:2:ffff::9") != network_of("2001:db8:1:3::3")
    assert network_of("::ffff:10.0.0.1") != network_of("::ffff:10.0.0.2")
    assert network_of("192.168.1.7") == "192.168.1.7"


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "", "nonsense"])
def test_an_address_that_stands_for_everybody_has_no_budget_of_its_own(address: str) -> None:
    guesses = Guesses(Clock(0.0))
    tries = [Guess(f"person {number}", network_of(address)) for number in range(200)]
    assert wrong(guesses, *tries) == 200


def test_an_account_of_ones_own_does_not_pay_for_guesses_at_others() -> None:
    guesses, mine = Guesses(Clock(0.0)), Guess("eve", "10.0.0.1")
    through = 0
    for number in range(200):
        through += wrong(guesses, Guess(f"person {number}", "10.0.0.1"))
        if wrong(guesses, mine):
            guesses.succeeded(mine)
    assert through <= FREE_PER_ADDRESS


def test_a_browser_that_signed_in_before_is_kept_out_by_nobody() -> None:
    clock = Clock(0.0)
    guesses = Guesses(clock)
    own = Guess("ada", "", "1 word")
    for _ in range(300):
        clock.now += 0.15
        wrong(guesses, Guess("ada", ""))
        assert wrong(guesses, own) == 1
        guesses.succeeded(own)
    assert wrong(guesses, *[own] * 20) == 5


def test_what_a_browser_is_known_by_is_of_one_user_and_one_device() -> None:
    browsers = KnownBrowsers(bytes(32))
    value = browsers.issue(3)
    assert browsers.recognise(value, 3) is not None
    assert value != browsers.issue(3)
    for other in (
        browsers.recognise(value, 4),
        browsers.recognise(value, None),
        KnownBrowsers(b"x" * 32).recognise(value, 3),
    ):
        assert other is None
    for made_up in (None, "", ".", "x.y", value[:-1], "é.é", "\ud800.x", value + "x"):
        assert browsers.recognise(made_up, 3) is None


def test_the_owner_comes_in_while_a_stranger_guesses(tmp_path: Path) -> None:
    people = People(tmp_path)
    known = people.accounts.browsers.issue(1)
    for _ in range(5):
        with pytest.raises(NotSignedIn):
            people.accounts.sign_in("Ada", "wrong", address="127.0.0.1", agent="")
    with pytest.raises(TooManyTries):
        people.accounts.sign_in("Ada", PASSWORD, address="127.0.0.1", agent="")
    assert people.accounts.sign_in(" Ada ", PASSWORD, address="127.0.0.1", agent="", known=known)


def test_only_so_many_wait_for_their_password_to_be_looked_at() -> None:
    hasher = PasswordHasher(bytes(32), cost=4)
    stored = hasher.hash(PASSWORD)
    outcomes: list[object] = []
    ready = threading.Barrier(21)

    def attempt() -> None:
        ready.wait()
        try:
            outcomes.append(hasher.verify("wrong", stored))
        except NotReady as error:
            outcomes.append(error)

    threads = [threading.Thread(target=attempt) for _ in range(20)]
    with hasher._turn:
        for thread in threads:
            thread.start()
        ready.wait()
        while len(outcomes) < 20 - WAITING_MAX:
            pass
        patient = threading.Thread(target=lambda: outcomes.append(hasher.verify(PASSWORD, stored, patient=True)))
        patient.start()
    for thread in [*threads, patient]:
        thread.join()
    assert [outcome for outcome in outcomes if isinstance(outcome, bool)].count(False) == WAITING_MAX
    assert outcomes.count(True) == 1
