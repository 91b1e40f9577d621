"""Passwords: what is accepted, and that every byte counts."""

from __future__ import annotations

import bcrypt
import pytest

from pi_cam.errors import SettingError
from pi_cam.trust.passwords import PasswordHasher, check_password

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
