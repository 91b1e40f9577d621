"""The way in from the portal: what a token must be, and a table of forgeries."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from webauthn.helpers import bytes_to_base64url

from pi_cam.errors import NotAllowed, SettingError
from pi_cam.trust import entry, portal_keys
from pi_cam.trust.entry import Entries
from pi_cam.trust.portal_keys import KeySet, parse, successor
from tests.portal_double import ISSUER, Signer

DEVICE = "abcdefghij0123456789"
NOW = int(time.time())
BROWSER = "the secret of one browser"


@pytest.fixture
def portal() -> Signer:
    return Signer()


@pytest.fixture
def entries() -> Entries:
    return Entries(DEVICE)


def enter(entries: Entries, portal: Signer, token: str, browser: str = BROWSER) -> entry.Entry:
    return entries.check(token, browser, ISSUER, portal.keys)


def test_a_token_lets_in_with_what_it_says(entries: Entries, portal: Signer) -> None:
    token = portal.token(DEVICE, entries.nonce(BROWSER), can={"main": ["view", "talk"], "*": ["configure"]}, epoch=4)
    found = enter(entries, portal, token)
    assert (found.subject, found.name, found.role, found.epoch) == ("account-7", "ada@example.org", "member", 4)
    assert found.can == {"configure"}
    assert found.on == {"main": {"view", "talk"}}


def test_nobody_gets_more_than_the_role_may_have(entries: Entries, portal: Signer) -> None:
    token = portal.token(DEVICE, entries.nonce(BROWSER), role="guest", can={"main": ["view", "configure"]})
    assert enter(entries, portal, token).on == {"main": {"view"}}


def test_it_is_good_once(entries: Entries, portal: Signer) -> None:
    token = portal.token(DEVICE, entries.nonce(BROWSER))
    enter(entries, portal, token)
    with pytest.raises(NotAllowed):
        enter(entries, portal, token)


def test_it_is_good_for_the_browser_that_asked(entries: Entries, portal: Signer) -> None:
    token = portal.token(DEVICE, entries.nonce("another browser"))
    with pytest.raises(NotAllowed):
        enter(entries, portal, token)


def test_a_nonce_of_another_start_is_worth_nothing(entries: Entries, portal: Signer) -> None:
    token = portal.token(DEVICE, Entries(DEVICE).nonce(BROWSER))
    with pytest.raises(NotAllowed):
        enter(entries, portal, token)


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "dev:another"},
        {"aud": DEVICE},
        {"iss": "https://other.example"},
        {"exp": 3600 + NOW},
        {"iat": NOW - 600, "exp": NOW - 541},
        {"iat": 2, "exp": 1},
        {"iat": "1", "exp": "2"},
        {"can": {}},
        {"can": ["view"]},
        {"can": {"main": ["fly"]}},
        {"can": {"main": "view"}},
        {"can": {"main": None}},
        {"can": {str(number): ["view"] for number in range(101)}},
        {"role": "admin"},
        {"role": ["owner"]},
        {"sub": ""},
        {"sub": 7},
        {"name": "a\nb"},
        {"name": "x" * 300},
        {"epoch": "1"},
        {"epoch": True},
        {"epoch": None},
        {"epoch": -1},
        {"epoch": 2**70},
        {"nonce": None},
        {"nonce": "x"},
    ],
    ids=lambda changed: ", ".join(changed),
)
def test_a_claim_that_is_not_right_lets_nobody_in(entries: Entries, portal: Signer, changed: dict[str, Any]) -> None:
    with pytest.raises(NotAllowed):
        claims = {**portal.claims(DEVICE, entries.nonce(BROWSER)), **changed}
        enter(entries, portal, portal.sign(claims, entry.TYPE))


@pytest.mark.parametrize("claim", sorted(Signer().claims("", "")))
def test_no_claim_may_be_missing(entries: Entries, portal: Signer, claim: str) -> None:
    claims = portal.claims(DEVICE, entries.nonce(BROWSER))
    del claims[claim]
    with pytest.raises(NotAllowed):
        enter(entries, portal, portal.sign(claims, entry.TYPE))


def _unsigned(portal: Signer, claims: dict[str, Any]) -> str:
    return jwt.encode(claims, None, "none", {"typ": entry.TYPE, "kid": portal.kid})  # type: ignore[arg-type]


def _by_the_public_key(portal: Signer, claims: dict[str, Any]) -> str:
    return jwt.encode(claims, portal.keys.keys[portal.kid], "HS256", {"typ": entry.TYPE, "kid": portal.kid})


def _by_a_key_of_its_own(portal: Signer, claims: dict[str, Any]) -> str:
    own = Signer()
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": bytes_to_base64url(own.keys.keys[own.kid])}
    return own.sign(claims, entry.TYPE, kid=portal.kid, jwk=jwk, jku="https://evil.example/keys")


def _changed(portal: Signer, claims: dict[str, Any]) -> str:
    header, _, signature = portal.sign(claims, entry.TYPE).split(".")
    claims = {**claims, "role": "owner", "can": {"*": ["configure"]}}
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"{header}.{body}.{signature}"


FORGERIES: list[Callable[[Signer, dict[str, Any]], str]] = [
    _unsigned,
    _by_the_public_key,
    _by_a_key_of_its_own,
    _changed,
    lambda portal, claims: portal.sign(claims, "JWT"),
    lambda portal, claims: portal.sign(claims, portal_keys.TYPE),
    lambda portal, claims: portal.sign(claims, entry.TYPE, kid="../../key"),
    lambda portal, claims: portal.sign({**claims, "more": "x" * 10_000}, entry.TYPE),
    lambda portal, claims: portal.sign(claims, entry.TYPE)[:-3],
]


@pytest.mark.parametrize("forge", FORGERIES)
def test_forgeries(entries: Entries, portal: Signer, forge: Callable[[Signer, dict[str, Any]], str]) -> None:
    with pytest.raises(NotAllowed):
        enter(entries, portal, forge(portal, portal.claims(DEVICE, entries.nonce(BROWSER))))


@given(st.text())
def test_any_text_is_refused_in_words(text: str) -> None:
    portal = Signer()
    with pytest.raises(NotAllowed):
        enter(Entries(DEVICE), portal, text)


def test_before_the_clock_was_set_the_nonce_alone_tells_old_from_new(portal: Signer) -> None:
    entries = Entries(DEVICE, clock=lambda: 100.0)
    enter(entries, portal, portal.token(DEVICE, entries.nonce(BROWSER)))
    with pytest.raises(NotAllowed):
        enter(entries, portal, portal.token(DEVICE, Entries(DEVICE).nonce(BROWSER)))


def test_a_check_takes_less_than_a_millisecond(entries: Entries, portal: Signer) -> None:
    tokens = [portal.token(DEVICE, entries.nonce(BROWSER)) for _ in range(50)]
    began = time.thread_time()
    for token in tokens:
        enter(entries, portal, token)
    assert (time.thread_time() - began) / len(tokens) < 0.001


def test_newer_keys_signed_by_a_pinned_one_take_their_place(portal: Signer) -> None:
    newer = Signer(version=2)
    assert successor(portal.keys, portal.successor(newer.keys), ISSUER) == newer.keys


@pytest.mark.parametrize("version", [0, 1, -1, True, "2", 1.5, None])
def test_keys_that_are_not_newer_are_refused(portal: Signer, version: Any) -> None:
    claims = {"iss": ISSUER, "set": {**Signer().keys.as_json(), "version": version}}
    with pytest.raises(NotAllowed):
        successor(portal.keys, portal.sign(claims, portal_keys.TYPE), ISSUER)


def test_keys_that_nobody_known_signed_are_refused(portal: Signer) -> None:
    stranger = Signer()
    for token in (
        stranger.successor(KeySet(9, stranger.keys.keys)),
        portal.token(DEVICE, "x"),
        Signer(issuer="https://other.example").successor(stranger.keys),
    ):
        with pytest.raises(NotAllowed):
            successor(portal.keys, token, ISSUER)


@pytest.mark.parametrize(
    "given_keys",
    [None, [], {}, {"x": 1}, {"x": "AA"}, {"a/b": "A" * 43}, {"x": "é" * 43}, {str(n): "A" * 43 for n in range(9)}],
    ids=str,
)
def test_keys_that_make_no_sense(given_keys: Any) -> None:
    with pytest.raises(SettingError):
        parse({"version": 1, "keys": given_keys})


def test_what_was_pinned_can_be_read_again(portal: Signer) -> None:
    assert parse(portal.keys.as_json()) == portal.keys
