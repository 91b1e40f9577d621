"""Passwords: what is accepted, and that every byte counts."""

from __future__ import annotations

import contextlib
import time

import bcrypt
import pytest

from pi_cam.errors import SettingError
from pi_cam.trust.passwords import PasswordHasher, check_password
from tests import common_words
from web.passwords.common import WORDS

KEY = bytes(range(32))


@pytest.fixture(scope="module")
def hasher() -> PasswordHasher:
    return PasswordHasher(KEY, cost=4)


@pytest.mark.parametrize(
    "password",
    [
        "a green door behind the house",
        "пароль на кириллице, шестьдесят букв и ещё немного слов" * 2,
        "x" * 72,
        "🦊" * 30,
        "with\0zero byte inside",
        "\udcff alone",
        "",
    ],
)
def test_the_right_one_is_right_and_no_neighbour_is(hasher: PasswordHasher, password: str) -> None:
    stored = hasher.hash(password)
    assert hasher.verify(password, stored)
    for wrong in (password + "x", password[:-1], password + "\0", password + " ", "y" + password[1:]):
        if wrong != password:
            assert not hasher.verify(wrong, stored)


def test_every_byte_of_a_long_password_counts(hasher: PasswordHasher) -> None:
    password = "é" * 36 + "abcdefgh" * 6
    assert len(password.encode()) == 120
    stored = hasher.hash(password)
    for index in range(len(password)):
        wrong = password[:index] + "Z" + password[index + 1 :]
        assert not hasher.verify(wrong, stored), f"character {index} does not count"


def test_different_keyboards_write_the_same_password(hasher: PasswordHasher) -> None:
    assert hasher.verify("café au lait, sucré", hasher.hash("cafe\u0301 au lait, sucre\u0301"))


def test_a_hash_is_worth_nothing_without_the_key_and_tells_nothing_of_equal_ones(hasher: PasswordHasher) -> None:
    stored = hasher.hash("a green door")
    assert not PasswordHasher(bytes(32), cost=4).verify("a green door", stored)
    assert stored != hasher.hash("a green door")
    assert "green" not in stored


def test_an_unknown_user_costs_as_many_rounds(hasher: PasswordHasher, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[bytes] = []

    def count(password: bytes, stored: bytes) -> bool:
        checked.append(stored)
        return original(password, stored)

    original = bcrypt.checkpw
    monkeypatch.setattr(bcrypt, "checkpw", count)
    assert not hasher.verify("nobody has this password", None)
    assert not hasher.verify("wrong", hasher.hash("right"))
    assert len(checked) == 2
    assert [stored[:7] for stored in checked] == [b"$2b$04$"] * 2


@pytest.mark.parametrize(
    "password",
    [
        "",
        "short",
        "fourteen chars",
        "x" * 1025,
        "aaaaaaaaaaaaaaaa",
        "abababababababab",
        "abcdefghijklmnop",
        "ponmlkjihgfedcba",
        "123456789012345",
        "AdaAdaAdaAdaAda",
        "adaadaadaadaada",
    ],
)
def test_easy_ones_are_refused_with_a_sentence(password: str) -> None:
    with pytest.raises(SettingError, match=r"\.$"):
        check_password(password, name="Ada")


@pytest.mark.parametrize(
    "password", ["fifteen letters", "a green door behind the house", "x1y2z3" * 170, "🦊🐻🐼🐨🐯" * 3]
)
def test_good_ones_are_accepted(password: str) -> None:
    check_password(password, name="Ada")


@pytest.mark.parametrize(
    "password",
    [
        "password",
        "Passw0rd!2024!!!",
        "p@$$word",
        "password12345678",
        "motdepasse2024!!",
        "sunshinesunshine",
        "soleil-sunshine-1",
        "iloveyou",
        "princess",
        "changeme",
        "administrator",
        "qwertyuiopasdfghjkl",
        "azertyuiop12345",
        "1qaz2wsx3edc4rfv",
        "q1w2e3r4t5y6u7i8",
        "qwertyqwertyqwerty",
        "abcabcabcabcabc",
        "1234-5678-9012-345",
        "987654321987654",
        "19840512",
        "12.05.1984",
        "AdaLovelace2024!",
        "ada.lovelace.ada",
        "LovelaceLovelace",
        "caméra-connectée-1",
        "picamera picamera",
        "raspberrypi12345",
    ],
)
@pytest.mark.parametrize("second_factor", [False, True])
def test_what_everybody_tries_is_refused_whatever_its_length(password: str, second_factor: bool) -> None:
    with pytest.raises(SettingError, match="too easy to guess" if second_factor else "too easy|at least 15"):
        check_password(password, name="Ada Lovelace", second_factor=second_factor)


@pytest.mark.parametrize(
    "password",
    [
        "kvz7pq2m",
        "wobble-cactus-47",
        "Correct donkey battery",
        "tramway bleu",
        "83920174659203",
        "パスワードは長い文です",
    ],
)
def test_eight_characters_are_enough_beside_a_code(password: str) -> None:
    check_password(password, name="Ada Lovelace", second_factor=True)
    with pytest.raises(SettingError, match="at least 8"):
        check_password(password[:7], name="Ada Lovelace", second_factor=True)


@pytest.mark.parametrize("name", ["", "a", "💡", "Борис", "x" * 64, "a.b", "1984"])
def test_any_name_may_stand_beside_a_good_password(name: str) -> None:
    check_password("a green door behind the house", name=name)


def test_a_name_of_any_alphabet_is_no_password() -> None:
    with pytest.raises(SettingError, match="too easy"):
        check_password("Борис Борис Борис 1", name="Борис")


def test_checking_takes_no_time_whatever_is_sent() -> None:
    began = time.process_time()
    for password in ("sunshine" * 128, "a" * 1023 + "b", "ab" * 512, "1" * 1024, "ada" * 341, "p4" * 512, "🦊a1" * 341):
        with contextlib.suppress(SettingError):
            check_password(password, name="Ada " * 16)
    assert time.process_time() - began < 1


def test_the_list_is_the_one_that_its_maker_makes() -> None:
    assert WORDS.read_text("utf-8") == common_words.text(), "run `python -m tests.common_words`"
    assert len(common_words.entries()) > 2000
    assert all(entry == entry.casefold() and entry.isascii() and " " not in entry for entry in common_words.entries())
