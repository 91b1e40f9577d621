"""Passkeys: of the person, for this site, unlocked, asked for and used once."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.authenticator import PRESENT, Authenticator
from tests.portal.conftest import Hands
from tests.portal.post_office import PostOffice
from tests.portal.test_factors import turn_on
from tests.portal.visitor import URL, Visitor

EVE = "eve@example.org"


def tell(person: Visitor, path: str, **said: Any) -> TestResponse:
    return person.send("POST", path, json=said, headers={"X-Form-Token": person.token})


def add_passkey(person: Visitor, device: Authenticator, name: str = "My phone", **lies: Any) -> TestResponse:
    person.get("/account")
    options = tell(person, "/account/passkeys/options").json
    assert options is not None
    return tell(person, "/account/passkeys", name=name, credential=device.create(options, **lies))


def use_passkey(person: Visitor, device: Authenticator, **lies: Any) -> TestResponse:
    person.get("/signin")
    options = tell(person, "/signin/passkey/options").json
    assert options is not None
    return tell(person, "/signin/passkey", credential=device.get(options, **lies))


def test_a_passkey_signs_in_without_code(zoe: Visitor, app: Flask, office: PostOffice, hands: Hands) -> None:
    turn_on(zoe, hands)
    device = Authenticator(origin=URL)
    assert add_passkey(zoe, device).status_code == 200
    assert "My phone" in zoe.get("/account").text
    person = Visitor(app, office)
    assert use_passkey(person, device).json == {"next": "/account"}
    assert person.is_in()


@pytest.mark.parametrize(
    "lies",
    [
        {"origin": "https://evil.example"},
        {"rp_id": "evil.example"},
        {"challenge": "AAAA"},
        {"type": "webauthn.create"},
        {"handle": b"somebody else"},
    ],
    ids=str,
)
def test_a_passkey_that_lies(zoe: Visitor, app: Flask, office: PostOffice, lies: dict[str, Any]) -> None:
    device = Authenticator(origin=URL)
    add_passkey(zoe, device)
    person = Visitor(app, office)
    refused = use_passkey(person, device, **lies)
    assert refused.status_code == 401
    assert refused.json == {"status": 401, "detail": "This passkey was not accepted."}
    assert not person.is_in()


@pytest.mark.parametrize(
    "lies", [{"origin": "https://evil.example"}, {"rp_id": "x"}, {"type": "webauthn.get"}], ids=str
)
def test_one_that_lies_is_not_added(zoe: Visitor, lies: dict[str, Any]) -> None:
    assert add_passkey(zoe, Authenticator(origin=URL), **lies).status_code == 422


def test_who_did_not_unlock_it_is_not_let_in(zoe: Visitor, app: Flask, office: PostOffice) -> None:
    device = Authenticator(origin=URL)
    add_passkey(zoe, device)
    device.flags = PRESENT
    assert use_passkey(Visitor(app, office), device).status_code == 401
    assert add_passkey(zoe, Authenticator(origin=URL, flags=PRESENT)).status_code == 422


def test_an_answer_counts_once_and_for_a_while(zoe: Visitor, app: Flask, office: PostOffice, hands: Hands) -> None:
    device = Authenticator(origin=URL)
    add_passkey(zoe, device)
    person = Visitor(app, office)
    person.get("/signin")
    options = tell(person, "/signin/passkey/options").json
    assert options is not None
    answer = device.get(options)
    assert tell(person, "/signin/passkey", credential=answer).status_code == 200
    thief = Visitor(app, office)
    thief.get("/signin")
    assert tell(thief, "/signin/passkey", credential=answer).status_code == 401
    options = tell(thief, "/signin/passkey/options").json
    assert options is not None
    hands.on(minutes=5, seconds=1)
    assert tell(thief, "/signin/passkey", credential=device.get(options)).status_code == 401


def test_a_copied_authenticator_is_noticed(zoe: Visitor, app: Flask, office: PostOffice) -> None:
    device = Authenticator(origin=URL, count=5)
    add_passkey(zoe, device)
    device.count = 2
    assert use_passkey(Visitor(app, office), device).status_code == 401


def test_challenges_are_not_exchanged(zoe: Visitor, app: Flask, office: PostOffice) -> None:
    """One that was made for proving, or for somebody else, does not sign in, nor the other way round."""
    device, hers = Authenticator(origin=URL), Authenticator(origin=URL)
    add_passkey(zoe, device)
    eve = Visitor(app, office).join(EVE)
    add_passkey(eve, hers)
    zoe.get("/account")
    eve.get("/account")
    for_zoe, for_eve = (tell(one, "/verify/passkey/options").json or {} for one in (zoe, eve))
    assert tell(eve, "/verify/passkey", credential=device.get(for_zoe)).status_code == 401
    assert tell(eve, "/verify/passkey", credential=device.get(for_eve)).status_code == 401
    options = tell(zoe, "/verify/passkey/options").json or {}
    person = Visitor(app, office)
    person.get("/signin")
    assert tell(person, "/signin/passkey", credential=device.get(options)).status_code == 401
    adding = tell(zoe, "/account/passkeys/options").json or {}
    stolen = Authenticator(origin=URL).create(adding)
    assert tell(eve, "/account/passkeys", name="x", credential=stolen).status_code == 422


def test_a_passkey_proves_again(zoe: Visitor, hands: Hands) -> None:
    device = Authenticator(origin=URL)
    add_passkey(zoe, device)
    hands.on(minutes=16)
    zoe.get("/account")
    assert tell(zoe, "/account/passkeys/options").status_code == 401
    options = tell(zoe, "/verify/passkey/options").json or {}
    assert tell(zoe, "/verify/passkey", credential=device.get(options), next="/account/delete").json == {
        "next": "/account/delete"
    }
    assert zoe.get("/account/delete").status_code == 200


def test_removed_is_removed(zoe: Visitor, app: Flask, office: PostOffice) -> None:
    device = Authenticator(origin=URL)
    add_passkey(zoe, device, "Blue token")
    (path,) = re.findall(r"/account/passkeys/\d+/remove", zoe.get("/account").text)
    assert zoe.post(path, page="/account").status_code == 303
    assert "Blue token" not in zoe.get("/account").text
    assert use_passkey(Visitor(app, office), device).status_code == 401


@pytest.mark.parametrize("name", ["", "   ", "x" * 65, "a\nb", "a\0b"])
def test_names_of_passkeys(zoe: Visitor, name: str) -> None:
    assert add_passkey(zoe, Authenticator(origin=URL), name).status_code == 422


def test_one_of_somebody_else_is_not_added_again(zoe: Visitor, app: Flask, office: PostOffice) -> None:
    device = Authenticator(origin=URL)
    add_passkey(zoe, device)
    assert add_passkey(Visitor(app, office).join(EVE), device).status_code == 422


def test_no_more_than_twenty(zoe: Visitor) -> None:
    for number in range(20):
        assert add_passkey(zoe, Authenticator(origin=URL), f"key {number}").status_code == 200
    refused = tell(zoe, "/account/passkeys/options")
    assert refused.status_code == 422
    assert "at most 20" in str(refused.json)
