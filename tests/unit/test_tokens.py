"""Bearer tokens."""

from __future__ import annotations

from pathlib import Path

import pytest

from pi_cam.errors import Conflict, NotAllowed, NotFound, SettingError
from pi_cam.store import Store
from pi_cam.trust.capabilities import CAPABILITIES, in_order, parse_capabilities, require
from pi_cam.trust.tokens import Tokens


@pytest.fixture
def tokens(tmp_path: Path) -> Tokens:
    store = Store(tmp_path)
    store.open()
    return Tokens(store, clock=lambda: 77.0)


def test_a_token_carries_its_capabilities_and_no_more(tokens: Tokens) -> None:
    person = tokens.bearer(tokens.create("door bell", ["view", "listen"]))
    assert person is not None
    assert (person.name, person.role, person.session) == ("token door bell", None, None)
    assert person.can == {"view", "listen"}
    require(person, "view")
    with pytest.raises(NotAllowed, match="right to control"):
        require(person, "control")


def test_it_is_never_stored_in_clear(tokens: Tokens, tmp_path: Path) -> None:
    secret = tokens.create("one", ["view"])
    assert secret.startswith("pct_")
    assert len(secret) > 40
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert secret.encode() not in stored
    assert secret[4:].encode() not in stored


def test_a_revoked_token_is_nobodys_and_its_name_is_free_again(tokens: Tokens) -> None:
    secret = tokens.create("one", ["view"])
    tokens.revoke("one")
    assert tokens.bearer(secret) is None
    with pytest.raises(NotFound, match="no token named one"):
        tokens.revoke("one")
    assert tokens.create("one", ["view"]) != secret


def test_a_name_is_taken_once(tokens: Tokens) -> None:
    secret = tokens.create("one", ["view"])
    with pytest.raises(Conflict, match="a token named one already"):
        tokens.create("one", ["control"])
    person = tokens.bearer(secret)
    assert person is not None
    assert person.can == {"view"}


@pytest.mark.parametrize("name", ["", " one", "x" * 65, "a/b", "a\nb", "<b>", "-x", "\ud800"])
def test_names_that_make_no_sense_are_refused(tokens: Tokens, name: str) -> None:
    with pytest.raises(SettingError, match="A token's name"):
        tokens.create(name, ["view"])


@pytest.mark.parametrize("secret", ["", "pct_", "é", "x" * 10_000, "'; --"])
def test_a_made_up_token_is_nobodys(tokens: Tokens, secret: str) -> None:
    tokens.create("one", ["view"])
    assert tokens.bearer(secret) is None


def test_the_list_shows_names_capabilities_and_age(tokens: Tokens) -> None:
    tokens.create("b", ["control", "view"])
    tokens.create("a", CAPABILITIES)
    assert [(row.name, row.can, row.created_at) for row in tokens.list()] == [
        ("a", list(CAPABILITIES), 77.0),
        ("b", ["view", "control"], 77.0),
    ]


def test_capabilities_are_read_from_a_list() -> None:
    assert parse_capabilities(" control, view ,,view") == {"view", "control"}
    assert in_order({"control", "view", "talk"}) == ["view", "talk", "control"]


@pytest.mark.parametrize(
    ("text", "word"), [("", "at least one"), (" , ", "at least one"), ("view,fly", "named fly"), ("View", "named View")]
)
def test_words_that_are_no_capabilities_are_refused(text: str, word: str) -> None:
    with pytest.raises(SettingError, match=word):
        parse_capabilities(text)
