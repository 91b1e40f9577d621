"""A passkey belongs to a name: the camera has one at home and another through the tunnel, and each is enrolled where it is
used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.authenticator import Authenticator
from tests.contract.application import NAME, OWN, PASSWORD, Application, running

PUBLIC = "cam.example.org"
HOME: dict[str, Any] = {"base_url": "http://localhost"}
AWAY: dict[str, Any] = {"base_url": f"https://{PUBLIC}", "environ_overrides": {"pi_cam.listener": "tunnel"}}


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    with running(tmp_path_factory.mktemp("names"), PI_CAM_TUNNEL_HOST=PUBLIC) as application:
        application.owner()
        yield application


def signed_in(application: Application, where: dict[str, Any]) -> FlaskClient:
    client = application.client()
    body = {"name": NAME, "password": PASSWORD}
    assert client.post("/api/v1/sessions", json=body, headers=OWN, **where).status_code == 201
    return client


def enrolled(application: Application, where: dict[str, Any], name: str) -> Authenticator:
    client = signed_in(application, where)
    path = "/api/v1/account/passkeys"
    authenticator = Authenticator(where["base_url"])
    options = client.post(path + "/options", json={"current": PASSWORD}, headers=OWN, **where)
    made = {"name": name, "credential": authenticator.create(options.get_json())}
    assert client.post(path, json=made, headers=OWN, **where).status_code == 201
    return authenticator


def by_passkey(application: Application, where: dict[str, Any], authenticator: Authenticator) -> TestResponse:
    client = application.client()
    options = client.post("/api/v1/sessions/passkey/options", headers=OWN, **where).get_json()
    credential = authenticator.get(options)
    return client.post("/api/v1/sessions/passkey", json={"credential": credential}, headers=OWN, **where)


@pytest.mark.parametrize(("here", "elsewhere"), [(HOME, AWAY), (AWAY, HOME)], ids=["at home", "through the tunnel"])
def test_each_works_where_it_was_made_and_nowhere_else(
    application: Application, here: dict[str, Any], elsewhere: dict[str, Any]
) -> None:
    authenticator = enrolled(application, here, "My phone")
    assert by_passkey(application, here, authenticator).status_code == 201
    assert by_passkey(application, elsewhere, authenticator).status_code == 401
    lying = Authenticator(elsewhere["base_url"], credential=authenticator.credential, key=authenticator.key)
    lying.handle = authenticator.handle
    assert by_passkey(application, elsewhere, lying).status_code == 401, "nor when it says that it is there"


def test_the_page_says_so_and_shows_for_which_name_each_is(application: Application) -> None:
    enrolled(application, HOME, "At home")
    enrolled(application, AWAY, "On the way")
    page = signed_in(application, HOME).get("/account", **HOME).text
    assert "add one in each place" in page
    assert "localhost · " in page
    assert f"{PUBLIC} · " in page
