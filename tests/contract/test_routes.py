"""Every route of the real URL map: who may use it, from where, and what stands on every answer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule as UrlRule
from werkzeug.test import TestResponse

from pi_cam.api import access, problems
from pi_cam.api.rules import Rule, rule_of
from pi_cam.api.site import HEADERS
from pi_cam.trust.capabilities import CAPABILITIES
from tests.contract.application import NAME, OWN, PASSWORD, Application, running

SAFE = {"GET", "HEAD", "OPTIONS"}
REFUSED = {401, 403}
ARGUMENTS = {
    "camera_id": "main",
    "session": "nobody",
    "filename": "base.css",
    "user": "999",
    "name": "nothing",
    "viewer": "nobody",
    "passkey": "bm9uZQ",
    "step": "camera",
}
OF_SESSIONS = {"/api/v1/sessions/current", "/api/v1/sessions/nobody", "/logout"} | {
    f"/api/v1/account/{what}"
    for what in ("password", "totp", "recovery-codes", "passkeys", "passkeys/options", "passkeys/bm9uZQ")
}
"""A token has none."""


@pytest.fixture(scope="module")
def owned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    with running(tmp_path_factory.mktemp("owned")) as application:
        application.owner()
        yield application


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    with running(tmp_path_factory.mktemp("new")) as application:
        yield application


def routes(flask: Flask) -> list[tuple[str, UrlRule, Rule]]:
    """Method, route, and what it says of itself; for all routes but WebSockets."""
    found = []
    for url_rule in flask.url_map.iter_rules():
        rule = rule_of(flask.view_functions[url_rule.endpoint])
        assert rule is not None, f"{url_rule.rule} is closed: it has no rule"
        # OPTIONS is answered by Flask itself, unless a route is made for it.
        methods = (url_rule.methods or set()) - {"OPTIONS"} or {"OPTIONS"}
        if not rule.websocket:
            found += [(method, url_rule, rule) for method in sorted(methods)]
    return found


def path_of(url_rule: UrlRule) -> str:
    return re.sub(r"<(?:[^:<>]+:)?([^<>]+)>", lambda name: ARGUMENTS[name[1]], url_rule.rule)


def ask(client: FlaskClient, method: str, path: str, rule: Rule, headers: dict[str, str] | None = None) -> TestResponse:
    """A request with a body of the right kind, though without sense."""
    body: dict[str, Any] = {}
    if method not in SAFE and rule.body is not None:
        body = {"json": {}} if not isinstance(rule.body, str) else {"data": "x", "content_type": rule.body}
    return read(client.open(path, method=method, headers=headers, **body))


def read(response: TestResponse) -> TestResponse:
    """Reads it to the end, and closes the file that it may come from."""
    response.get_data()
    response.close()
    return response


def refusal(response: TestResponse) -> int | None:
    """401 or 403, however it is said (a person is sent to a page), or 409: there is an owner; None: access was granted."""
    if response.request.path == "/setup" and response.status_code == 409:
        return 409
    onward = response.headers.get("Location")
    if onward == "/setup" or (onward == "/login" and response.request.method in SAFE):
        return 401
    return response.status_code if response.status_code in REFUSED else None


@dataclass(frozen=True)
class Who:
    """Somebody at the door. `kind`: nobody, unknown (a token that is not known), token, or session. `can`: on the device
    and all cameras. `on_main`, `elsewhere`: what was granted for that camera alone, or for another one only."""

    kind: str
    can: frozenset[str] = frozenset()
    on_main: frozenset[str] = frozenset()
    elsewhere: frozenset[str] = frozenset()

    def may(self, rule: Rule, url_rule: UrlRule) -> bool:
        """Whether the rule lets them in, said once more and independently of `pi_cam.api.access`."""
        if rule.access in ("setup", "wizard"):
            return "configure" in self.can
        if rule.access not in CAPABILITIES or rule.access in self.can:
            return True
        if "camera_id" in url_rule.arguments and not rule.device:
            return rule.access in self.on_main
        return rule.anywhere and rule.access in self.on_main | self.elsewhere


EVERYTHING = frozenset(CAPABILITIES)
WHO = {
    "anonymous": Who("nobody"),
    "unknown": Who("unknown"),
    "view token": Who("token", frozenset({"view"})),
    "control token": Who("token", frozenset({"control"})),
    "token for another camera": Who("token", elsewhere=EVERYTHING),
    "owner": Who("session", EVERYTHING),
    "member": Who("session", on_main=frozenset({"view", "control"})),
    "member who configures": Who("session", on_main=EVERYTHING),
    "member of another camera": Who("session", elsewhere=EVERYTHING),
    "guest": Who("session", on_main=frozenset({"view", "listen"})),
    "guest of yesterday": Who("nobody"),
}


def expected(rule: Rule, url_rule: UrlRule, method: str, who: Who) -> int | None:
    """What the rule says."""
    if rule.access == "public":
        return None
    if who.kind == "unknown":
        return 401
    if method == "OPTIONS":
        return None
    if rule.access == "setup" and who.kind == "nobody":
        return 409
    if who.kind == "nobody" or (who.kind == "session" and rule.bearer_only):
        return 401
    return None if who.may(rule, url_rule) else 403


def visitor(application: Application, name: str) -> tuple[FlaskClient, dict[str, str]]:
    who = WHO[name]
    if who.kind == "unknown":
        return application.client(), {"Authorization": "Bearer pct_made-up"}
    if who.kind == "token":
        cameras = ["other"] if who.elsewhere else None
        return application.client(), application.token(*(who.can or who.elsewhere), cameras=cameras)
    if name == "owner":
        return application.owner(), OWN
    if name.startswith(("member", "guest")):
        grants = {"main": who.on_main, "other": who.elsewhere}
        return application.user(name, grants, expired="yesterday" in name), OWN
    return application.client(), {}


@pytest.mark.parametrize("name", WHO)
def test_each_route_lets_in_exactly_whom_its_rule_says(owned: Application, name: str) -> None:
    wrong = []
    for method, url_rule, rule in routes(owned.flask):
        path = path_of(url_rule)
        client, headers = visitor(owned, name)
        response = ask(client, method, path, rule, headers)
        wanted = expected(rule, url_rule, method, WHO[name])
        if path == "/login" and method == "POST":
            wanted = refusal(response)  # these answer for the form that they were sent
        if WHO[name].kind == "token" and path in OF_SESSIONS:
            wanted = 403
        if refusal(response) != wanted:
            wrong.append(f"{method} {path}: {response.status_code}, not {wanted}")
        assert response.status_code < 500, f"{method} {path}: {response.status_code}"
    assert wrong == []


@pytest.mark.parametrize("who", ["anonymous", "unknown", "view token"])
def test_before_there_is_an_owner_nothing_but_setup_answers_without_a_token(new: Application, who: str) -> None:
    for method, url_rule, rule in routes(new.flask):
        path = path_of(url_rule)
        if rule.access == "public" or method == "OPTIONS":
            continue
        client, headers = visitor(new, who)
        response = ask(client, method, path, rule, headers)
        if rule.access == "wizard" and path.startswith("/api/") and who != "unknown":
            assert response.status_code in (200, 409), f"{method} {path}: {response.status_code}"
        elif rule.access == "wizard" and who == "view token":
            assert response.headers["Location"] == "/setup"  # where it goes on
        elif rule.access == "setup" and who != "unknown":
            assert response.status_code in (200, 403, 422, 429), f"{method} {path}: {response.status_code}"
        elif who != "view token":
            assert refusal(response) == 401, f"{method} {path}: {response.status_code}"
        else:
            assert (refusal(response) is None) == (rule.access in ("view", "person")) or path in OF_SESSIONS


def test_setup_ends_with_the_first_owner(owned: Application) -> None:
    form = {"code": owned.app.setup_code.code, "name": "Eve", "password": PASSWORD}
    assert owned.client().get("/setup").status_code == 409
    assert owned.client().post("/setup", data=form).status_code == 409


def test_people_are_led_to_the_page_that_comes_next(new: Application, owned: Application) -> None:
    for path in ("/", "/login"):
        assert new.client().get(path).headers["Location"] == "/setup"
    assert owned.client().get("/").headers["Location"] == "/login"
    assert owned.client().get("/login").status_code == 200
    assert owned.owner().get("/").status_code == 200


def test_a_route_that_says_nothing_is_closed_to_everybody(owned: Application) -> None:
    app = Flask("bare")
    app.extensions = owned.flask.extensions
    access.install(app, ["localhost"])
    problems.install(app, lambda status, title, detail: detail)
    app.add_url_rule("/api/open", "forgotten", lambda: "secret")
    for headers in ({}, owned.token(*CAPABILITIES)):
        response = app.test_client().get("/api/open", headers=headers)
        assert response.status_code == 403
        assert b"secret" not in response.data


def unsafe(flask: Flask) -> list[tuple[str, str, Rule]]:
    """On the listener of the LAN."""
    return [
        (method, path_of(route), rule)
        for method, route, rule in routes(flask)
        if method not in SAFE and not rule.tunnel_only
    ]


def test_a_cookie_alone_changes_nothing(owned: Application) -> None:
    for method, path, rule in unsafe(owned.flask):
        if rule.bearer_only or rule.access == "setup":
            continue
        client = owned.owner()
        for headers in ({}, {"X-Pi-Cam": "0"}, {"X-Pi-Cam": ""}):
            assert ask(client, method, path, rule, headers).status_code == 403, f"{method} {path} {headers}"
        assert client.get("/api/v1/sessions").status_code == 200, f"{method} {path} ended the session"


def test_a_form_needs_the_token_of_its_own_session(owned: Application) -> None:
    one, other = owned.owner(), owned.owner()
    page = other.get("/").get_data(as_text=True)
    (foreign,) = set(re.findall(r'name="form_token" value="(\w+)"', page))
    assert one.post("/logout", data={"form_token": foreign}).status_code == 403
    assert one.post("/logout", data={"form_token": "é"}).status_code == 403
    assert other.post("/logout", data={"form_token": foreign}).headers["Location"] == "/login"
    assert other.get("/api/v1/sessions").status_code == 401
    assert one.get("/api/v1/sessions").status_code == 200


FOREIGN = [
    {"Origin": "https://evil.example"},
    {"Origin": "http://localhost.evil.example"},
    {"Origin": "http://localhost:81"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "http://localhost", "Sec-Fetch-Site": "cross-site"},
]


@pytest.mark.parametrize("foreign", FOREIGN, ids=str)
def test_other_sites_change_nothing_here(owned: Application, foreign: dict[str, str]) -> None:
    for method, path, rule in unsafe(owned.flask):
        if rule.bearer_only:
            continue
        response = ask(owned.owner(), method, path, rule, {**OWN, **foreign})
        assert response.status_code == 403, f"{method} {path}"
    for path in ("/login", "/language"):
        assert owned.client().post(path, data={}, headers=foreign).status_code == 403


def test_our_own_pages_may(owned: Application) -> None:
    for own in ({"Origin": "http://localhost"}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}):
        response = owned.owner().post("/api/v1/cameras/main/start", headers={**OWN, **own})
        assert response.status_code == 200


@pytest.mark.parametrize("foreign", FOREIGN, ids=str)
def test_other_sites_open_no_live_socket(owned: Application, foreign: dict[str, str]) -> None:
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "eA==",
    }
    response = owned.owner().get("/api/v1/cameras/main/live", base_url="ws://localhost", headers={**upgrade, **foreign})
    assert response.status_code == 403


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "192.168.1.7",
        "localhost.",
        "a b",
        "",
        "[::2]",
        "[::1",
        "x@y",
        "evil@localhost",
        "localhost/evil",
        "localhost?x",
        "localhost#x",
        "localhost:x",
        "localhost:80:80",
        "localhost,evil",
    ],
)
@pytest.mark.parametrize("path", ["/", "/login", "/healthz", "/api/v1/cameras", "/nowhere", "/ui/static/base.css"])
def test_a_foreign_host_name_is_refused(owned: Application, host: str, path: str) -> None:
    response = owned.owner().get(path, headers={"Host": host})
    assert response.status_code == 400
    assert_well_made(response, path)


def assert_well_made(response: TestResponse, path: str) -> None:
    """What holds of every answer."""
    for name, value in HEADERS.items():
        allowed = {value, "cross-origin"} if path.startswith("/whep") else {value}  # a player may stand on any page
        assert response.headers.get(name) in allowed, f"{path} lacks {name}"
    assert "Server" not in response.headers
    assert "X-Powered-By" not in response.headers
    assert path.startswith("/ui/") or response.headers["Cache-Control"] == "no-store"
    text = (
        response.get_data(as_text=True) if response.mimetype not in ("image/jpeg", "application/x-x509-ca-cert") else ""
    )
    assert "Traceback" not in text
    assert "werkzeug" not in text.lower()
    if response.status_code >= 400 and response.data:
        if path.startswith(("/api/", "/whep", "/healthz", "/metrics")):
            assert response.mimetype == "application/problem+json", path
            problem = json.loads(text)
            assert problem["status"] == response.status_code
            assert {"type", "title", "detail", "code"} <= set(problem)
        else:
            assert response.mimetype == "text/html", path
            assert text.lower().startswith("<!doctype html>"), path
    if response.status_code == 401 and path.startswith(("/api/", "/whep")):
        assert response.headers["WWW-Authenticate"] == "Bearer"
    if response.status_code in (429, 503):
        assert int(response.headers["Retry-After"]) > 0


@pytest.mark.parametrize("name", WHO)
def test_every_answer_is_well_made(owned: Application, name: str) -> None:
    for method, url_rule, rule in routes(owned.flask):
        path = path_of(url_rule)
        client, headers = visitor(owned, name)
        assert_well_made(ask(client, method, path, rule, headers), path)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/api/nowhere", 404),
        ("GET", "/whep", 404),
        ("GET", "/ui/static/../../pi_cam/app.py", 404),
        ("GET", "/ui/static/%2e%2e/texts.py", 404),
        ("GET", "/ui/player/nothing.js", 404),
        ("GET", "/%00", 404),
        ("GET", "/%ff%fe", 404),
        ("PUT", "/api/v1/cameras/main", 405),
        ("TRACE", "/healthz", 405),
        ("POST", "/", 405),
        ("GET", "/whep/main", 405),
    ],
)
def test_what_does_not_exist(owned: Application, method: str, path: str, status: int) -> None:
    response = owned.owner().open(path, method=method, headers=OWN)
    assert response.status_code == status
    assert_well_made(response, path)


@pytest.mark.parametrize("path", ["/api/v1/sessions", "/login", "/whep/main"])
def test_large_bodies_are_refused(owned: Application, path: str) -> None:
    kinds = {
        "/api/v1/sessions": "application/json",
        "/login": "application/x-www-form-urlencoded",
        "/whep/main": "application/sdp",
    }
    response = owned.client().post(path, data=b"x" * 65_537, content_type=kinds[path], headers=owned.token("view"))
    assert response.status_code == 413
    assert_well_made(response, path)


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"name=Ada", "application/x-www-form-urlencoded", 415),
        (b"{}", "text/plain", 415),
        (b"", "application/json", 400),
        (b"{", "application/json", 400),
        (b"[" * 60_000, "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"[]", "application/json", 422),
        (b"null", "application/json", 422),
        (b"{}", "application/json", 422),
        (b'{"name": "Ada"}', "application/json", 422),
        (b'{"name": 7, "password": "x"}', "application/json", 422),
        (b'{"name": "Ada", "password": "x", "admin": true}', "application/json", 422),
        (b'{"name": "\\ud800", "password": "\\udfff"}', "application/json", 401),
        (b'{"name": "a\\u0000", "password": "\\u0000"}', "application/json", 401),
    ],
    ids=range(14),
)
def test_bodies_that_make_no_sense(owned: Application, body: bytes, content_type: str, status: int) -> None:
    response = owned.client().post("/api/v1/sessions", data=body, content_type=content_type)
    assert response.status_code == status
    assert_well_made(response, "/api/v1/sessions")


def test_signing_in_and_out(owned: Application) -> None:
    client = owned.client()
    response = client.post("/api/v1/sessions", json={"name": NAME, "password": PASSWORD})
    assert response.status_code == 201
    cookie = response.headers["Set-Cookie"]
    assert all(part in cookie for part in ("sid=", "HttpOnly", "SameSite=Lax", "Path=/"))
    sessions = client.get("/api/v1/sessions").get_json()["sessions"]
    assert [session["current"] for session in sessions].count(True) == 1
    assert client.delete("/api/v1/sessions/current", headers=OWN).status_code == 204
    assert client.get("/api/v1/sessions").status_code == 401


@pytest.mark.parametrize(
    "onward",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
        "/a\r\nX: 1",
    ],
)
def test_nobody_is_sent_to_another_site(owned: Application, onward: str) -> None:
    form = {"name": NAME, "password": PASSWORD, "next": onward}
    assert owned.client().post("/login", data=form).headers["Location"] == "/"
    assert owned.client().post("/language", data={"language": "fr", "next": onward}).headers["Location"] == "/"


def test_files_of_the_pages_are_asked_about_each_time(owned: Application) -> None:
    response = read(owned.client().get("/ui/static/base.css"))
    assert response.status_code == 200
    assert_well_made(response, "/ui/static/base.css")
    again = read(owned.client().get("/ui/static/base.css", headers={"If-None-Match": response.headers["ETag"]}))
    assert again.status_code == 304


@pytest.mark.parametrize("number", ["99999999999999999999999", "2147483648", "-1", "0", "x"])
@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_numbers_that_no_user_has_are_not_found(owned: Application, method: str, number: str) -> None:
    response = owned.owner().open(f"/api/v1/users/{number}", method=method, json={}, headers=OWN)
    assert response.status_code == 404
