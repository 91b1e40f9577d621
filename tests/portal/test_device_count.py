"""An account has twenty devices at most: what relays and mails for it cost is bounded."""

from __future__ import annotations

import threading

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask import Flask
from sqlalchemy import Engine, select

from tests.portal import planted
from tests.portal.conftest import Build
from tests.portal.post_office import PostOffice
from tests.portal.speaking import Speaker
from tests.portal.test_devices import ZOE, claim, other, pair
from tests.portal.visitor import Visitor
from web.portal.accounts.models import User
from web.portal.devices import claims


@pytest.fixture
def device(app: Flask) -> Speaker:
    return Speaker(app)


def test_an_account_has_so_many_devices_and_no_more(
    app: Flask, zoe: Visitor, device: Speaker, office: PostOffice, engine: Engine
) -> None:
    with engine.begin() as connection:
        owner = connection.execute(select(User.id)).scalar_one()
        planted.devices(connection, [owner], [Ed25519PrivateKey.generate() for _ in range(claims.DEVICES_MOST - 2)])
    pair(zoe, device)
    waits, more = Speaker(app), Speaker(app)
    waits.authorize()
    claim(zoe, waits)  # nobody at home said yes yet
    code = more.authorize().get_json()["user_code"]
    for path in ("/pair", "/pair/claim"):
        refused = zoe.post(path, page="/pair", code=code)
        assert refused.status_code == 422
        assert "An account has at most 20 devices: remove one first." in refused.text
    assert more.poll().get_json() == {"error": "authorization_pending"}, "it is still to be had"
    pair(zoe, device)  # once more: that is no other one
    pair(other(app, office), more)
    zoe.get("/cameras")
    zoe.send("POST", f"/devices/{device.id}/remove", data={"form_token": zoe.token})
    pair(zoe, Speaker(app))


def test_of_two_claims_at_the_same_moment_one_is_the_last(build: Build, office: PostOffice, engine: Engine) -> None:
    app = build()
    zoe = Visitor(app, office).join(ZOE)
    with engine.begin() as connection:
        owner = connection.execute(select(User.id)).scalar_one()
        planted.devices(connection, [owner], [Ed25519PrivateKey.generate() for _ in range(claims.DEVICES_MOST - 1)])
    browsers = [Visitor(app, office), Visitor(app, office)]
    codes = [Speaker(app).authorize().get_json()["user_code"] for _ in browsers]
    for browser in browsers:
        browser.sign_in(ZOE)
        browser.get("/pair")
    together, statuses = threading.Barrier(2), []

    def race(browser: Visitor, code: str) -> None:
        together.wait()
        data = {"form_token": browser.token, "code": code}
        statuses.append(browser.send("POST", "/pair/claim", data=data).status_code)

    threads = [threading.Thread(target=race, args=both) for both in zip(browsers, codes, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [303, 422]
    assert zoe.is_in()
