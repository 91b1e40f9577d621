"""Every route says who may use it, and keeps to it: nobody, somebody else, whoever waits for a code, a stale proof."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pyotp
import pytest
from flask import Flask
from sqlalchemy import Engine, insert, select
from werkzeug.routing import Rule

from tests.portal.conftest import Build, Hands
from tests.portal.post_office import PostOffice
from tests.portal.visitor import PASSWORD, URL, Visitor
from web.portal.accounts.models import Passkey, SignIn
from web.portal.app import create_app
from web.portal.database import now
from web.portal.rules import DEVICE_PATHS, rule_of
from web.portal.settings import Settings

PUBLIC = {
    "/",
    "/confirm",
    "/confirm/<token>",
    "/device/v1/authorize",  # by a signature
    "/device/v1/token",  # by a signature
    "/forgot",
    "/healthz",
    "/language",
    "/portal/<path:filename>",
    "/reset/<token>",
    "/signin",
    "/signin/code",
    "/signin/passkey",
    "/signin/passkey/options",
    "/signout",
    "/signup",
    "/ui/player/<path:filename>",
    "/ui/static/<path:filename>",
    "/.well-known/security.txt",
}
"""Written down, so that opening one more is a choice that somebody makes and a reviewer sees."""


def routes(app: Flask) -> Iterator[Rule]:
    yield from app.url_map.iter_rules()


def path_of(rule: Rule) -> str:
    return re.sub(r"<[^>]+>", "1", rule.rule)


def access(app: Flask, rule: Rule) -> str | None:
    return rule_of(app.view_functions[rule.endpoint])


def test_every_route_says_who_may(app: Flask) -> None:
    assert [rule.rule for rule in routes(app) if access(app, rule) is None] == []
    assert {rule.rule for rule in routes(app) if access(app, rule) == "public"} == PUBLIC
    assert len(list(routes(app))) > 30


def test_only_post_changes_anything(app: Flask) -> None:
    assert {method for rule in routes(app) for method in rule.methods or ()} == {"GET", "HEAD", "OPTIONS", "POST"}


def knock(visitor: Visitor, method: str, path: str) -> int:
    """With a good form token, so that nothing but the rule stands in the way."""
    options = {"data": {"form_token": visitor.token}} if method == "POST" else {}
    return visitor.send(method, path, **options).status_code


def closed_routes(app: Flask, *kinds: str) -> list[tuple[str, str]]:
    found = [
        (method, path_of(rule))
        for rule in routes(app)
        for method in (rule.methods or set()) - {"OPTIONS"}
        if access(app, rule) in kinds
    ]
    assert len(found) > 10
    return found


def test_a_stranger_gets_nowhere(app: Flask, visitor: Visitor) -> None:
    visitor.get("/signin")
    for method, path in closed_routes(app, "person", "fresh"):
        response = visitor.send(method, path, data={"form_token": visitor.token} if method == "POST" else None)
        assert response.status_code == 303, (method, path)
        assert response.headers["Location"].startswith("/signin?next="), (method, path)


def test_nobody_but_a_device_speaks_as_one(app: Flask, visitor: Visitor) -> None:
    visitor.join("zoe@example.org")
    found = [path_of(rule) for rule in routes(app) if access(app, rule) == "device"]
    assert len(found) >= 3
    for path in found:
        assert visitor.send("POST", path, json={}).status_code == 401, path
        assert visitor.send("GET", path).status_code == 405, path


def test_who_waits_for_a_code_is_a_stranger_still(app: Flask, office: PostOffice, visitor: Visitor) -> None:
    visitor.join("zoe@example.org")
    shown = visitor.get("/account/second-factor")
    secret = re.sub(r"[^A-Z2-7]", "", re.search(r'class="secret">([^<]+)<', shown.text)[1])  # type: ignore[index]
    visitor.post("/account/second-factor", code=pyotp.TOTP(secret).now())
    other = Visitor(app, office)
    assert other.sign_in("zoe@example.org").headers["Location"] == "/signin/code"
    other.get("/signin/code")
    for method, path in closed_routes(app, "person", "fresh"):
        assert (
            other.send(method, path, data={"form_token": other.token} if method == "POST" else None)
            .headers.get("Location", "")
            .startswith("/signin?next=")
        ), (method, path)


def test_who_is_not_confirmed_is_not_let_in(app: Flask, visitor: Visitor) -> None:
    visitor.sign_up("zoe@example.org")
    assert visitor.sign_in("zoe@example.org").headers["Location"] == "/confirm"
    assert visitor.get("/account").headers["Location"].startswith("/signin")


def test_a_stale_proof_is_asked_for_again(app: Flask, visitor: Visitor, hands: Hands) -> None:
    visitor.join("zoe@example.org")
    hands.on(minutes=16)
    visitor.get("/account")
    for method, path in closed_routes(app, "fresh"):
        response = visitor.send(method, path, data={"form_token": visitor.token} if method == "POST" else None)
        assert response.headers.get("Location", "").startswith("/verify?next="), (method, path)
    assert visitor.post("/verify", password=PASSWORD + "x").status_code == 401
    assert visitor.get("/account/delete").status_code == 303
    assert visitor.post("/verify?next=/account/delete", page="/verify", password=PASSWORD).status_code == 303
    assert visitor.get("/account/delete").status_code == 200


def test_nobody_reaches_what_is_somebody_elses(
    app: Flask, visitor: Visitor, office: PostOffice, engine: Engine
) -> None:
    visitor.join("zoe@example.org")
    with engine.begin() as connection:
        user, sign_in = connection.execute(select(SignIn.user_id, SignIn.id)).one()
        passkey = {"credential_id": b"1", "public_key": b"1", "sign_count": 0, "name": "x", "created_at": now()}
        connection.execute(insert(Passkey).values(user_id=user, **passkey))
        number = connection.execute(select(Passkey.id)).scalar_one()
    other = Visitor(app, office)
    other.join("eve@example.org")
    other.get("/account")
    for path in (f"/account/sign-ins/{sign_in}/end", f"/account/passkeys/{number}/remove"):
        assert other.send("POST", path, data={"form_token": other.token}).status_code == 404
    assert visitor.is_in()
    with engine.begin() as connection:
        assert connection.execute(select(Passkey.id)).scalar_one() == number
    assert "zoe@" not in other.get("/account/export").text


def test_an_undeclared_route_is_closed(settings: Settings, hands: Hands) -> None:
    app = create_app(settings, clock=hands)
    app.add_url_rule("/forgotten", "forgotten", lambda: "open")
    response = app.test_client().get("/forgotten", base_url=URL)
    assert response.status_code == 403
    assert "open" not in response.text


@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_answer_is_guarded_by_headers(app: Flask, office: PostOffice, language: str) -> None:
    visitor = Visitor(app, office, language=language)
    visitor.join("zoe@example.org")
    for rule in routes(app):
        path = path_of(rule)
        for method in sorted({"GET", "POST"} & (rule.methods or set())):
            if path == "/signout" or path == "/account/delete":
                continue
            response = visitor.send(method, path, data={"form_token": visitor.token} if method == "POST" else None)
            assert response.status_code < 500, (method, path)
            policy = response.headers["Content-Security-Policy"]
            assert "unsafe" not in policy
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert response.headers["Referrer-Policy"] == "same-origin"
            assert "max-age=63072000" in response.headers["Strict-Transport-Security"]
            if not path.startswith(("/ui/", "/portal/")):
                assert response.headers["Cache-Control"] == "no-store", path
            assert not re.search(r"<script(?![^>]*(src=|application/json))|<style| style=| on\w+=", response.text), path
            for cookie in response.headers.getlist("Set-Cookie"):
                assert re.match(r"__Host-|language=", cookie), cookie
                assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; ")), cookie


def test_every_form_needs_its_token(app: Flask, visitor: Visitor) -> None:
    visitor.join("zoe@example.org")
    for rule in routes(app):
        if "POST" not in (rule.methods or set()) or rule.rule.startswith(DEVICE_PATHS):
            continue
        for data in ({}, {"form_token": "x"}, {"form_token": visitor.token[:-1] + "?"}):
            response = visitor.send("POST", path_of(rule), data=data)
            assert response.status_code == 403, (rule.rule, data)
            assert "out of date" in response.text
    assert visitor.is_in()


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "https://portal.test.evil.example"},
        {"Origin": "http://portal.test"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
def test_other_sites_change_nothing(app: Flask, visitor: Visitor, headers: dict[str, str]) -> None:
    visitor.join("zoe@example.org")
    for rule in routes(app):
        if "POST" in (rule.methods or set()):
            response = visitor.send("POST", path_of(rule), data={"form_token": visitor.token}, headers=dict(headers))
            assert response.status_code == 403, rule.rule
    assert visitor.is_in()


@pytest.mark.parametrize("host", ["evil.example", "portal.test.evil.example", "127.0.0.1", "localhost"])
def test_another_name_is_refused(app: Flask, visitor: Visitor, host: str) -> None:
    for path in ("/", "/signin", "/ui/static/base.css", "/healthz"):
        assert visitor.get(path, base_url=f"https://{host}").status_code == 400


@pytest.mark.parametrize(("language", "words"), [("en", "There is no page"), ("fr", "page")])
def test_errors_are_in_words(app: Flask, office: PostOffice, language: str, words: str) -> None:
    visitor = Visitor(app, office, language=language)
    for path, method, status in (("/nope", "GET", 404), ("/account/sign-ins/1/end", "GET", 405)):
        response = visitor.send(method, path)
        assert response.status_code == status
        assert f'lang="{language}"' in response.text
        assert "Traceback" not in response.text
    assert words in visitor.get("/nope").text


def test_what_the_framework_refuses_is_said_in_french_too(app: Flask, office: PostOffice) -> None:
    visitor = Visitor(app, office, language="fr")
    visitor.get("/signin")
    odd = {"headers": {"X-Form-Token": visitor.token}, "data": b"x"}
    answers = {
        413: visitor.send("POST", "/signin", data=b"x" * 70_000),
        415: visitor.send("POST", "/signin/passkey", **odd),
        405: visitor.get("/signout"),
        404: visitor.get("/nope"),
        403: visitor.send("POST", "/signin"),
    }
    texts = {
        status: re.sub(r"<[^>]+>|\s+", " ", answer.text.partition("<main")[2].partition("</main>")[0])
        for status, answer in answers.items()
    }
    assert {status: answer.status_code for status, answer in answers.items()} == {one: one for one in answers}
    for status, said in texts.items():
        assert len(said) > 30
        assert not re.search(r"\b(the|request|not|this|too|media|method|large)\b", said, re.IGNORECASE), (status, said)


def test_an_unforeseen_error_shows_no_traceback(build: Build, office: PostOffice) -> None:
    app = build()

    def broken() -> str:
        raise RuntimeError("canary-4711")

    app.view_functions["entry.alive"] = app.view_functions["entry.start"]
    app.view_functions["entry.start"] = broken
    broken._portal_rule = "public"  # type: ignore[attr-defined]
    response = Visitor(app, office, language="fr").get("/")
    assert response.status_code == 500
    assert "canary-4711" not in response.text
    assert "rien n’a été changé" in response.text


@pytest.mark.parametrize(
    "onward", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:x", "\n/x"]
)
def test_nobody_is_sent_to_another_site(app: Flask, visitor: Visitor, onward: str) -> None:
    visitor.join("zoe@example.org")
    visitor.post("/signout", page="/account")
    assert visitor.sign_in("zoe@example.org", next=onward).headers["Location"] == "/account"
    assert visitor.get("/signin", query_string={"next": onward}).headers["Location"] == "/account"
    assert visitor.post("/language", page="/account", language="fr", next=onward).headers["Location"] == "/account"


def test_long_and_odd_bodies(app: Flask, visitor: Visitor) -> None:
    visitor.get("/signup")
    assert visitor.send("POST", "/signup", data=b"x" * 70_000).status_code == 413
    for path in ("/signin/passkey", "/signin/passkey/options"):
        for body in ("[]", "{", '"x"', "[" * 50_000, '{"credential": []}', '{"credential": {"response": 5}}'):
            response = visitor.send(
                "POST", path, data=body, headers={"Content-Type": "application/json", "X-Form-Token": visitor.token}
            )
            assert response.status_code < 500, (path, body[:20])
