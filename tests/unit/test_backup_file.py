"""A backup as a file: what was put in comes out, and nothing else is taken for one."""

from __future__ import annotations

import functools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi_cam.errors import SettingError
from pi_cam.keeping.sealed import FAMILY, MAGIC, NEWER, NO_BACKUP, WRONG, opened, seal

PASSPHRASE = "a lamp, two chairs 🪑"
FILES = {"secret.key": b"x" * 32, "tls/served.pem": b"", "settings.json": "é\n".encode()}


@functools.cache
def made() -> bytes:
    return seal(FILES, PASSPHRASE)


def test_what_was_put_in_comes_out() -> None:
    assert opened(made(), PASSPHRASE) == FILES
    assert b"served.pem" not in made()
    assert made() != seal(FILES, PASSPHRASE), "each has a key and a number of its own"


def test_the_wrong_passphrase() -> None:
    with pytest.raises(SettingError, match=WRONG):
        opened(made(), PASSPHRASE + " ")


def test_a_passphrase_that_is_guessed_quickly() -> None:
    with pytest.raises(SettingError, match="at least 12"):
        seal(FILES, "12345678901")


@pytest.mark.parametrize(
    "data", [b"", b"PK\3\4", MAGIC, MAGIC + b"{}\n", MAGIC + b"[" * 500 + b"\n", MAGIC + b"x" * 5000]
)
def test_what_is_no_backup(data: bytes) -> None:
    with pytest.raises(SettingError, match=NO_BACKUP):
        opened(data, PASSPHRASE)


def test_one_of_a_later_format() -> None:
    with pytest.raises(SettingError, match=NEWER):
        opened(FAMILY + b"2\n" + made(), PASSPHRASE)


def test_a_file_does_not_choose_what_it_costs_to_look_at_it() -> None:
    with pytest.raises(SettingError, match=NEWER):
        opened(made().replace(b'"n":32768', b'"n":1073741824'), PASSPHRASE)


@settings(max_examples=12)
@given(st.integers(0, len(made()) - 1), st.integers(1, 255))
def test_any_change_is_seen(place: int, change: int) -> None:
    data = bytearray(made())
    data[place] ^= change
    with pytest.raises(SettingError):
        opened(bytes(data), PASSPHRASE)


@settings(max_examples=12)
@given(st.integers(0, len(made()) - 1))
def test_a_part_of_it(length: int) -> None:
    with pytest.raises(SettingError):
        opened(made()[:length], PASSPHRASE)
