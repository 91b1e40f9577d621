"""The pairing with a portal, and the way in from there, through the application's own routes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from pi_cam.api.portal_entry import COOKIE
from pi_cam.journal.ledger import Filter
from tests.contract.application import OWN, Application, running
from tests.portal_double import ISSUER, Signer

HOST = "cam.example.org"
TUNNEL: dict[str, Any] = {"pi_cam.listener": "tunnel"}
OWNER = "a***@example.org"


@pytest.fixture(scope="module")
def portal() -> Signer:
    return Signer()


@pytest.fixture(scope="module")
def paired(tmp_path_factory: pytest.TempPathFactory, portal: Signer) -> Iterator[Application]:
    with running(tmp_path_factory.mktemp("paired"), PI_CAM_TUNNEL_HOST=HOST) as application:
        application.owner()
        application.services.pairing.claimed(ISSUER, OWNER, portal.keys)
        application.services.pairing.accept(OWNER)
        yield application


@pytest.fixture
def new(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    with running(tmp_path_factory.mktemp("new"), PI_CAM_TUNNEL_HOST=HOST) as application:
        application.owner()
        yield application


def outside(client: FlaskClient, method: str, path: str, **more: Any) -> TestResponse:
    """A request through the tunnel."""
    return client.open(path, method=method, base_url=f"https://{HOST}", environ_overrides=TUNNEL, **more)


def nonce(client: FlaskClient) -> str:
    answer = outside(client, "GET", "/auth/portal/nonce")
    assert answer.status_code == 200
    return str(answer.get_json()["nonce"])


def enter(application: Application, portal: Signer, client: FlaskClient, **changed: Any) -> TestResponse:
    token = portal.token(application.services.device_id, nonce(client), **changed)
    return outside(client, "POST", "/auth/portal", data={"token": token, "camera": "main"}, headers={"Origin": ISSUER})


def test_a_browser_is_sent_to_the_portal_and_comes_in_with_its_token(paired: Application, portal: Signer) -> None:
    client = paired.client()
    sent = outside(client, "GET", "/auth/portal?camera=main")
    onward = urlsplit(sent.headers["Location"])
    assert f"{onward.scheme}://{onward.netloc}{onward.path}" == f"{ISSUER}/enter"
    asked = {name: values[0] for name, values in parse_qs(onward.query).items()}
    assert (asked["device"], asked["camera"]) == (paired.services.device_id, "main")
    token = portal.token(asked["device"], asked["nonce"])
    answer = outside(client, "POST", "/auth/portal", data={"token": token}, headers={"Origin": "null"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    cookie = next(one for one in answer.headers.getlist("Set-Cookie") if one.startswith("__Host-sid="))
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= {part.strip() for part in cookie.split(";")}
    page = outside(client, "GET", "/")
    assert page.status_code == 200
    assert "ada@example.org" in page.text
    cameras = outside(client, "GET", "/api/v1/cameras").get_json()["cameras"]
    assert [camera["id"] for camera in cameras] == ["main"]


def test_what_the_token_did_not_say_is_not_allowed(paired: Application, portal: Signer) -> None:
    client = paired.client()
    assert enter(paired, portal, client).status_code == 302
    for method, path in (
        ("POST", "/api/v1/cameras/main/stop"),
        ("GET", "/api/v1/settings"),
        ("GET", "/api/v1/users"),
        ("GET", "/settings"),
        ("POST", "/api/v1/tokens"),
    ):
        assert outside(client, method, path, headers=OWN).status_code == 403, path


def test_who_may_configure_needs_the_second_lock_too(paired: Application, portal: Signer) -> None:
    client = paired.client()
    enter(paired, portal, client, role="owner", can={"*": ["view", "control", "configure"]})
    assert outside(client, "GET", "/api/v1/settings").status_code == 403
    assert outside(client, "GET", "/api/v1/cameras").status_code == 200


@pytest.mark.parametrize("action", ["stop", "start"])
def test_who_may_comes_to_start_or_stop_a_camera(paired: Application, portal: Signer, action: str) -> None:
    client = paired.client()
    errand = {"action": action, "camera": "main"}
    answer = enter(paired, portal, client, can={"main": ["view", "control"]}, do=errand)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/?camera=main")
    state = outside(client, "GET", "/api/v1/cameras/main").get_json()["state"]
    assert (state == "stopped") is (action == "stop")
    paired.services.journal.flush()
    last = paired.services.journal.rows(Filter(action={"stop": "stopped", "start": "started"}[action]), 1)[0]
    assert (last.actor, last.camera) == ("ada@example.org", "main")


def test_who_may_not_comes_in_and_changes_nothing(paired: Application, portal: Signer) -> None:
    client = paired.client()
    assert enter(paired, portal, client, do={"action": "stop", "camera": "main"}).status_code == 302
    assert outside(client, "GET", "/api/v1/cameras/main").get_json()["state"] != "stopped"


@pytest.mark.parametrize(
    "errand",
    ["stop", {}, {"action": "stop"}, {"action": "reset", "camera": "main"}, {"action": "stop", "camera": "../x"}, []],
)
def test_an_errand_that_makes_no_sense_lets_nobody_in(paired: Application, portal: Signer, errand: object) -> None:
    answer = enter(paired, portal, paired.client(), can={"main": ["view", "control"]}, do=errand)
    assert answer.status_code == 403


def test_what_belongs_to_an_account_here_is_not_theirs(paired: Application, portal: Signer) -> None:
    client = paired.client()
    enter(paired, portal, client)
    assert outside(client, "GET", "/account").status_code == 200
    assert outside(client, "GET", "/api/v1/sessions").get_json() == {"sessions": []}
    body = {"current": "x", "new": "y"}
    answer = outside(client, "PUT", "/api/v1/account/password", headers=OWN, json=body)
    assert (answer.status_code, answer.get_json()["detail"]) == (
        403,
        "You came in from the portal: your account is there.",
    )


def test_a_token_is_used_once_and_by_the_browser_that_asked(paired: Application, portal: Signer) -> None:
    client, thief = paired.client(), paired.client()
    token = portal.token(paired.services.device_id, nonce(client))
    nonce(thief)
    assert outside(thief, "POST", "/auth/portal", data={"token": token}).status_code == 403
    assert outside(client, "POST", "/auth/portal", data={"token": token}).status_code == 302
    assert outside(client, "POST", "/auth/portal", data={"token": token}).status_code == 403


def test_two_cameras_can_be_opened_at_once(paired: Application, portal: Signer) -> None:
    client = paired.client()
    tokens = [portal.token(paired.services.device_id, nonce(client)) for _ in range(2)]
    for token in tokens:
        assert outside(client, "POST", "/auth/portal", data={"token": token}).status_code == 302


def test_without_the_cookie_of_the_first_step_nobody_comes_in(paired: Application, portal: Signer) -> None:
    client = paired.client()
    token = portal.token(paired.services.device_id, nonce(client))
    client.delete_cookie(COOKIE, domain=HOST)
    assert outside(client, "POST", "/auth/portal", data={"token": token}).status_code == 403


def test_a_raised_epoch_ends_the_session(paired: Application, portal: Signer) -> None:
    client = paired.client()
    enter(paired, portal, client, sub="account-11")
    assert outside(client, "GET", "/api/v1/cameras").status_code == 200
    paired.services.portal_sessions.raise_epochs({"account-11": 2})
    assert outside(client, "GET", "/api/v1/cameras").status_code == 401
    assert enter(paired, portal, client, sub="account-11").status_code == 403
    assert enter(paired, portal, client, sub="account-11", epoch=2).status_code == 302


def test_signing_out_ends_it(paired: Application, portal: Signer) -> None:
    client = paired.client()
    enter(paired, portal, client)
    assert outside(client, "DELETE", "/api/v1/sessions/current", headers=OWN).status_code == 204
    assert outside(client, "GET", "/api/v1/cameras").status_code == 401


def test_the_way_in_is_not_there_at_home(paired: Application, portal: Signer) -> None:
    client = paired.client()
    for method, path in (("GET", "/auth/portal"), ("GET", "/auth/portal/nonce"), ("POST", "/auth/portal")):
        assert client.open(path, method=method).status_code == 404, path


def test_nobody_from_outside_pairs_or_unpairs(paired: Application, portal: Signer) -> None:
    headers = paired.token("configure")
    for method, path in (("POST", ""), ("POST", "/accept"), ("DELETE", "")):
        answer = outside(paired.client(), method, f"/api/v1/pairing{path}", headers=headers, json={})
        assert answer.status_code == 404
    assert outside(paired.client(), "GET", "/api/v1/pairing", headers=headers).get_json()["state"] == "paired"


def test_a_device_without_a_portal_has_no_such_way(new: Application) -> None:
    for method, path in (("GET", "/auth/portal"), ("GET", "/auth/portal/nonce"), ("POST", "/auth/portal")):
        more: dict[str, Any] = {"data": {"token": "x"}} if method == "POST" else {}
        assert outside(new.client(), method, path, **more).status_code == 404


def test_nobody_comes_in_while_the_claim_waits_for_a_yes(new: Application, portal: Signer) -> None:
    new.services.pairing.claimed(ISSUER, OWNER, portal.keys)
    assert outside(new.client(), "GET", "/auth/portal/nonce").status_code == 404
    owner = new.owner()
    shown = owner.get("/api/v1/pairing").get_json()
    assert (shown["state"], shown["owner"], shown["portal"]) == ("claimed", OWNER, ISSUER)
    assert owner.post("/api/v1/pairing/accept", json={"owner": "m***@evil.example"}, headers=OWN).status_code == 409
    assert outside(new.client(), "GET", "/auth/portal/nonce").status_code == 404
    assert owner.post("/api/v1/pairing/accept", json={"owner": OWNER}, headers=OWN).get_json()["state"] == "paired"
    assert outside(new.client(), "GET", "/auth/portal/nonce").status_code == 200


def test_no_is_an_answer_too(new: Application, portal: Signer) -> None:
    new.services.pairing.claimed(ISSUER, OWNER, portal.keys)
    owner = new.owner()
    assert owner.delete("/api/v1/pairing", headers=OWN).status_code == 204
    assert owner.get("/api/v1/pairing").get_json()["state"] == "none"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "portal.example",
        "http://portal.example",
        "ftp://x",
        "https://",
        "https://a b",
        "https://u:p@portal.example",
        "https://portal..example",
        "https://" + "a" * 64 + ".example",
        "https://portal.example/path",
        "https://portal.example?x=1",
        "https://portal.example:99999",
        "https://[::1",
    ],
)
def test_what_is_no_portals_address(new: Application, address: str) -> None:
    answer = new.owner().post("/api/v1/pairing", json={"portal": address}, headers=OWN)
    assert answer.status_code == 422


def test_a_portal_that_is_not_there_is_said_in_words(new: Application) -> None:
    answer = new.owner().post("/api/v1/pairing", json={"portal": "http://127.0.0.1:9"}, headers=OWN)
    assert (answer.status_code, answer.get_json()["detail"]) == (503, "The portal 127.0.0.1 does not answer.")
