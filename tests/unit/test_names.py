"""What people and cameras may be called: nothing that looks like somebody else."""

from __future__ import annotations

import pytest

from pi_cam.errors import SettingError
from pi_cam.trust.names import checked_name, plain_name


@pytest.mark.parametrize("name", ["Ada", "  Zoé ", "李雷", "O'Brien <b>", "x" * 64, "Ada 🐔"])
def test_ordinary_names_are_taken(name: str) -> None:
    assert checked_name(name) == name.strip()


def test_one_name_has_one_form() -> None:
    assert checked_name("Zoe\u0301") == checked_name("Zoé")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "  ",
        "x" * 65,
        "Ada\nEve",
        "Ada\0",
        "\u200b",
        "owner\u200b",
        "\u202eevil",
        "a\u2028b",
        "Ada\ud800",
        "\ufeffAda",
        "\x7f",
    ],
)
def test_names_that_make_no_sense_or_hide_something_are_refused(name: str) -> None:
    for check in (checked_name, plain_name):
        with pytest.raises(SettingError):
            check(name)


@pytest.mark.parametrize(
    "name",
    [
        "command line",
        "Command Line",
        "token",
        "token conf",
        "TOKEN x",
        "user 3",
        "token\u00a0x",
        "ｔｏｋｅｎ x",
        "command  line",
    ],
)
def test_what_the_journal_calls_others_is_nobodys_name(name: str) -> None:
    with pytest.raises(SettingError, match="kept for the camera itself"):
        checked_name(name)
    assert plain_name(name)


def test_words_that_only_begin_so_are_fine() -> None:
    assert checked_name("tokenize") == "tokenize"


@pytest.mark.parametrize("name", ["rtsp://ada:secret@10.0.0.7/live", "Garden http://x:y@z", "RTSP://user@camera"])
def test_an_address_with_a_password_is_no_name(name: str) -> None:
    with pytest.raises(SettingError, match="leave an address with a password out of it"):
        plain_name(name)
