"""Where somebody is signed in, how long, and how it ends."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import Engine, select

from tests.portal.conftest import Build, Hands
from tests.portal.post_office import PostOffice
from tests.portal.visitor import PASSWORD, Visitor
from web.portal.accounts.models import SignIn

ZOE = "zoe@example.org"


def cookie_of(visitor: Visitor, domain: str = "portal.test") -> str:
    cookie = visitor.client.get_cookie("__Host-sid", domain=domain)
    assert cookie is not None
    return cookie.value


def set_cookie(visitor: Visitor, value: str) -> None:
    visitor.client.set_cookie("__Host-sid", value, domain="portal.test", secure=True)


def test_the_cookie_is_a_bare_secret_for_this_host_only(visitor: Visitor) -> None:
    visitor.sign_up(ZOE)
    response = visitor.confirm(ZOE)
    (cookie,) = [one for one in response.headers.getlist("Set-Cookie") if one.startswith("__Host-sid=")]
    parts = cookie.split("; ")
    assert re.fullmatch(r"__Host-sid=[\w-]{43}", parts[0])
    assert set(parts[1:]) == {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"}


def test_without_tls_it_has_another_name(build: Build, office: PostOffice) -> None:
    app = build(url="http://localhost:8090", environment="development")
    response = Visitor(app, office).get("/signin", base_url="http://localhost:8090")
    assert response.headers["Set-Cookie"].startswith("sid=")
    assert "Strict-Transport-Security" not in response.headers


def test_a_planted_session_is_worth_nothing(zoe: Visitor, app: Flask, office: PostOffice) -> None:
    """Fixation: what a victim's browser was given before they signed in does not become theirs."""
    eve, victim = Visitor(app, office), Visitor(app, office)
    eve.get("/signin")
    planted = cookie_of(eve)
    set_cookie(victim, planted)
    victim.sign_in(ZOE)
    assert victim.is_in()
    assert cookie_of(victim) != planted
    assert not eve.is_in()
    # nor does signing in as oneself in a browser in which somebody is signed in keep their secret
    before = cookie_of(victim)
    victim.post("/signout", page="/account")
    victim.sign_in(ZOE)
    assert cookie_of(victim) != before


@pytest.mark.parametrize("forged", ["x" * 43, "", ".", "a.b.c", "é", "x" * 5000, "eyJfdXNlcl9pZCI6MX0.aaaa.bbbb"])
def test_forged_cookies(zoe: Visitor, app: Flask, office: PostOffice, forged: str) -> None:
    stranger = Visitor(app, office)
    response = stranger.get("/account", headers={"Cookie": f"__Host-sid={forged}".encode().decode("latin-1")})
    assert response.headers["Location"].startswith("/signin")


@pytest.mark.parametrize(
    ("remember", "idle", "longest"),
    [(False, timedelta(minutes=30), timedelta(hours=12)), (True, timedelta(days=14), timedelta(days=30))],
)
def test_it_ends_when_idle_and_at_the_latest(
    zoe: Visitor, hands: Hands, *, remember: bool, idle: timedelta, longest: timedelta
) -> None:
    zoe.post("/signout", page="/account")
    more = {"remember": "1"} if remember else {}
    response = zoe.sign_in(ZOE, **more)
    assert ("Max-Age=2592000" in str(response.headers)) == remember
    begun = hands.moment
    step = idle - timedelta(minutes=1)
    while hands.moment + step < begun + longest:
        hands.moment += step
        assert zoe.is_in()
    hands.moment = begun + longest - timedelta(minutes=1)
    assert zoe.is_in()
    hands.moment = begun + longest + timedelta(seconds=1)
    assert not zoe.is_in()
    zoe.sign_in(ZOE, **more)
    hands.moment += idle + timedelta(seconds=1)
    assert not zoe.is_in()


def test_signing_out_ends_the_secret(zoe: Visitor, app: Flask, office: PostOffice) -> None:
    secret = cookie_of(zoe)
    assert zoe.post("/signout", page="/account").headers["Location"] == "/signin"
    thief = Visitor(app, office)
    set_cookie(thief, secret)
    assert not thief.is_in()


def test_the_list_and_ending_one(zoe: Visitor, app: Flask, office: PostOffice, hands: Hands) -> None:
    hands.on(minutes=5)
    other = Visitor(app, office, address="198.51.100.4")
    other.sign_in(ZOE)
    shown = zoe.get("/account").text
    assert shown.count("Firefox · Linux") == 2
    assert "198.51.100.4" in shown
    assert "192.0.2.7" in shown
    (path,) = re.findall(r"/account/sign-ins/\d+/end", shown)
    assert zoe.post(path, page="/account").headers["Location"] == "/account#sign-ins"
    assert not other.is_in()
    assert zoe.is_in()
    assert "198.51.100.4" not in zoe.get("/account").text
    assert zoe.send("POST", path, data={"form_token": zoe.token}).status_code == 404


def test_what_a_browser_claims_to_be_stays_text(app: Flask, office: PostOffice, visitor: Visitor) -> None:
    visitor.join(ZOE)
    visitor.post("/signout", page="/account")
    visitor.get("/signin")
    data = {"form_token": visitor.token, "email": ZOE, "password": PASSWORD}
    visitor.send("POST", "/signin", data=data, headers={"User-Agent": "<img src=x onerror=alert(1)>" + "\u00e9" * 500})
    assert "<img src=x" not in visitor.get("/account").text
    assert visitor.is_in()


def test_last_use_is_not_written_for_every_page(zoe: Visitor, hands: Hands, engine: Engine) -> None:
    def used() -> object:
        with engine.connect() as connection:
            return connection.execute(select(SignIn.used_at)).scalar_one()

    zoe.get("/account")
    first = used()
    hands.on(seconds=30)
    zoe.get("/account")
    assert used() == first
    hands.on(seconds=40)
    zoe.get("/account")
    assert used() == hands.moment


def test_pages_that_are_opened_at_once_share_their_form_token(visitor: Visitor, engine: Engine) -> None:
    """It is there before the first of them is asked for."""
    visitor.sign_up(ZOE)
    visitor.confirm(ZOE)
    with engine.connect() as connection:
        assert '"form_token"' in connection.execute(select(SignIn.data)).scalar_one()


def test_the_language_is_kept(zoe: Visitor) -> None:
    zoe.post("/language", page="/account", language="fr", next="/account")
    assert "Mon compte" in zoe.get("/account").text
    zoe.post("/language", page="/account", language="tlh", next="/account")
    assert "My account" in zoe.get("/account").text


def test_a_form_of_before_is_worth_nothing_after_signing_in(zoe: Visitor, app: Flask, office: PostOffice) -> None:
    other = Visitor(app, office)
    other.get("/signin")
    before = other.token
    other.sign_in(ZOE)
    assert other.send("POST", "/account/recovery-codes", data={"form_token": before}).status_code == 403
