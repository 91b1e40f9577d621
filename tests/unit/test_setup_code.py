"""The one-time code of the first owner."""

from __future__ import annotations

import re

import pytest

from pi_cam.errors import NotAllowed, TooManyTries
from pi_cam.trust.setup_code import ALPHABET, SetupCode


def test_it_can_be_copied_by_eye_and_is_new_each_time() -> None:
    codes = {SetupCode().code for _ in range(200)}
    assert len(codes) == 200
    assert all(re.fullmatch(rf"[{ALPHABET}]{{4}}-[{ALPHABET}]{{4}}", code) for code in codes)
    assert not set("IO01") & set(ALPHABET)


def test_it_is_taken_however_a_person_writes_it() -> None:
    code = SetupCode()
    for written in (code.code, code.code.lower(), code.code.replace("-", ""), f" {code.code.replace('-', ' ')}\n"):
        code.check(written)


@pytest.mark.parametrize("given", ["", "AAAA-AAAA", "é" * 8, "\0", "x" * 100_000])
def test_a_wrong_one_is_refused(given: str) -> None:
    with pytest.raises(NotAllowed, match="setup code is wrong"):
        SetupCode().check(given)


def test_part_of_it_or_more_than_it_is_wrong() -> None:
    code = SetupCode()
    for given in (code.code[:-1], code.code + "A"):
        with pytest.raises(NotAllowed):
            code.check(given)


def test_after_five_wrong_ones_even_the_right_one_has_to_wait() -> None:
    code = SetupCode()
    for _ in range(5):
        with pytest.raises(NotAllowed):
            code.check("wrong")
    with pytest.raises(TooManyTries):
        code.check(code.code)
