"""The one-time code of the first owner."""

from __future__ import annotations

import ipaddress
import re

import pytest

from pi_cam.errors import NotAllowed, TooManyTries
from pi_cam.trust.setup_code import ALPHABET, COMPARED_AT_ONCE, COMPARED_PER_SECOND, SetupCode
from tests.unit.clock import Clock

HERE = "192.168.1.7"


def test_it_can_be_copied_by_eye_and_is_new_each_time() -> None:
    codes = {SetupCode().code for _ in range(200)}
    assert len(codes) == 200
    assert all(re.fullmatch(rf"[{ALPHABET}]{{4}}-[{ALPHABET}]{{4}}", code) for code in codes)
    assert not set("IO01") & set(ALPHABET)


def test_it_is_taken_however_a_person_writes_it() -> None:
    code = SetupCode()
    for written in (code.code, code.code.lower(), code.code.replace("-", ""), f" {code.code.replace('-', ' ')}\n"):
        code.check(written, HERE)


@pytest.mark.parametrize("given", ["", "AAAA-AAAA", "é" * 8, "\0", "x" * 100_000])
def test_a_wrong_one_is_refused(given: str) -> None:
    with pytest.raises(NotAllowed, match=r"pi-cam-setup\.txt on the memory card"):
        SetupCode().check(given, HERE)


def test_part_of_it_or_more_than_it_is_wrong() -> None:
    code = SetupCode()
    for given in (code.code[:-1], code.code + "A"):
        with pytest.raises(NotAllowed):
            code.check(given, HERE)


def refused(code: SetupCode, given: str, address: str) -> bool:
    """Whether it was not even looked at."""
    try:
        code.check(given, address)
    except TooManyTries:
        return True
    except NotAllowed:
        pass
    return False


def test_after_five_wrong_ones_even_the_right_one_has_to_wait_at_the_same_address() -> None:
    clock = Clock()
    code = SetupCode(clock=clock)
    assert [refused(code, "wrong", HERE) for _ in range(6)] == [False] * 5 + [True]
    assert refused(code, code.code, HERE)
    clock.now += 1.0
    code.check(code.code, HERE)


def test_whoever_guesses_keeps_nobody_else_waiting() -> None:
    """Three hours of all addresses of a home's network, each as fast as it may."""
    clock = Clock()
    code = SetupCode(clock=clock)
    looked_at = 0
    for _ in range(3 * 60):
        looked_at += sum(not refused(code, "wrong", f"192.168.1.{number}") for number in range(2, 255))
        clock.now += 60.0
        code.check(code.code, "192.168.1.1")
    assert 253 * 3 * 6 < looked_at < 253 * (3 * 6 + 20)


@pytest.mark.parametrize(("strangers", "mine"), [("fe80::1", "192.168.1.1"), ("::ffff:10.0.0.1", "2001:db8::1")])
def test_a_new_address_for_each_guess_is_no_way_around(strangers: str, mine: str) -> None:
    clock = Clock()
    code = SetupCode(clock=clock)
    first = ipaddress.IPv6Address(strangers)
    looked_at = 0
    for number in range(10_000):
        looked_at += not refused(code, "wrong", str(first + number))
        clock.now += 0.1
    assert COMPARED_AT_ONCE < looked_at <= COMPARED_AT_ONCE + 1000 * COMPARED_PER_SECOND
    code.check(code.code, mine)


def test_the_chance_to_guess_it_is_below_one_in_a_million_for_twelve_days() -> None:
    tried = 2 * (COMPARED_AT_ONCE + 12 * 24 * 3600 * COMPARED_PER_SECOND)
    assert tried / len(ALPHABET) ** 8 < 1e-6
