"""Guessing gets slower and slower, for whoever guesses and for nobody else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from flask import Flask

from tests.portal.conftest import Build, Hands
from tests.portal.post_office import PostOffice
from tests.portal.visitor import PASSWORD, Visitor

ZOE, EVE = "zoe@example.org", "eve@example.org"
WRONG = "not the password at all"


def test_the_pause_doubles_up_to_a_minute(app: Flask, office: PostOffice, visitor: Visitor, hands: Hands) -> None:
    visitor.join(ZOE)
    stranger = Visitor(app, office)
    assert [stranger.sign_in(ZOE, WRONG).status_code for _ in range(6)] == [401] * 5 + [429]
    for pause in (1, 2, 4, 8, 16, 32, 60, 60):
        hands.on(seconds=pause - 0.5)
        refused = stranger.sign_in(ZOE, WRONG)
        assert refused.status_code == 429
        assert refused.headers["Retry-After"] == "1"
        assert "Too many attempts" in refused.text
        hands.on(seconds=1)
        assert stranger.sign_in(ZOE, WRONG).status_code == 401
    hands.on(minutes=61)
    assert [stranger.sign_in(ZOE, WRONG).status_code for _ in range(5)] == [401] * 5


def test_it_is_the_account_from_wherever(app: Flask, office: PostOffice, visitor: Visitor) -> None:
    visitor.join(ZOE)
    answers = [
        Visitor(app, office, address=f"198.51.100.{number}").sign_in(ZOE, WRONG).status_code for number in range(8)
    ]
    assert answers == [401] * 5 + [429] * 3


def test_an_account_that_nobody_has_is_slowed_down_too(app: Flask, office: PostOffice) -> None:
    stranger = Visitor(app, office)
    assert [stranger.sign_in("nobody@example.org", WRONG).status_code for _ in range(6)] == [401] * 5 + [429]


def test_others_and_the_owners_own_browser_are_not(app: Flask, office: PostOffice, visitor: Visitor) -> None:
    visitor.join(ZOE)
    visitor.post("/signout", page="/account")
    stranger = Visitor(app, office)
    for _ in range(8):
        stranger.sign_in(ZOE, WRONG)
    assert stranger.sign_in(ZOE, PASSWORD).status_code == 429
    assert Visitor(app, office).join(EVE).is_in()
    assert visitor.sign_in(ZOE).headers["Location"] == "/account"
    # a browser known to one person is known to no other
    eve = Visitor(app, office)
    eve.sign_in(EVE)
    assert eve.is_in()
    eve.post("/signout", page="/account")
    assert eve.sign_in(ZOE).status_code == 429


def test_a_known_browser_has_its_own_count(app: Flask, office: PostOffice, visitor: Visitor) -> None:
    visitor.join(ZOE)
    visitor.post("/signout", page="/account")
    assert [visitor.sign_in(ZOE, WRONG).status_code for _ in range(6)] == [401] * 5 + [429]
    assert Visitor(app, office).sign_in(ZOE).status_code == 303


def test_success_forgives(app: Flask, office: PostOffice, visitor: Visitor) -> None:
    visitor.join(ZOE)
    stranger = Visitor(app, office)
    for _ in range(4):
        assert stranger.sign_in(ZOE, WRONG).status_code == 401
    assert stranger.sign_in(ZOE).status_code == 303
    assert [Visitor(app, office).sign_in(ZOE, WRONG).status_code for _ in range(5)] == [401] * 5


def test_many_at_the_same_moment_are_not_all_free(app: Flask, office: PostOffice, visitor: Visitor) -> None:
    visitor.join(ZOE)
    strangers = [Visitor(app, office) for _ in range(16)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda one: one.sign_in(ZOE, WRONG).status_code, strangers))
    assert answers.count(401) == 5
    assert answers.count(429) == 11


def test_the_count_is_the_same_for_all_workers(build: Build, office: PostOffice) -> None:
    one, other = build(), build()
    Visitor(one, office).join(ZOE)
    answers = [Visitor(app, office).sign_in(ZOE, WRONG).status_code for app in (one, other) * 3]
    assert answers == [401] * 5 + [429]


def test_an_address_may_not_try_one_account_after_the_other(build: Build, office: PostOffice) -> None:
    app = build(address_limit="6 per minute")
    stranger = Visitor(app, office)
    answers = [stranger.sign_in(f"{number}@example.org", WRONG).status_code for number in range(8)]
    assert answers == [401] * 6 + [429] * 2
    assert stranger.get("/signin").status_code == 200
    assert Visitor(app, office, address="198.51.100.9").sign_in(ZOE, WRONG).status_code == 401


def test_an_ipv6_address_is_its_network(build: Build, office: PostOffice) -> None:
    app = build(address_limit="3 per minute")
    answers = [
        Visitor(app, office, address=f"2001:db8::{number:x}").sign_in(f"{number}@example.org", WRONG).status_code
        for number in range(5)
    ]
    assert answers == [401] * 3 + [429] * 2
    assert Visitor(app, office, address="2001:db8:0:1::1").sign_in(ZOE, WRONG).status_code == 401


def test_a_forwarded_address_counts_behind_a_proxy_only(build: Build, office: PostOffice) -> None:
    for proxies, last in ((0, 429), (1, 401)):
        app = build(address_limit="2 per minute", proxies=proxies)
        stranger, answers = Visitor(app, office), []
        for number in range(3):
            stranger.get("/signin")
            data = {"form_token": stranger.token, "email": f"{number}{proxies}@example.org", "password": WRONG}
            forwarded = {"X-Forwarded-For": f"203.0.113.{number}"}
            answers.append(stranger.send("POST", "/signin", data=data, headers=forwarded).status_code)
        assert answers == [401, 401, last]


def test_nobody_is_flooded_with_mail(app: Flask, office: PostOffice, visitor: Visitor, hands: Hands) -> None:
    visitor.join(ZOE)
    office.letters.clear()
    for _ in range(12):
        assert Visitor(app, office).post("/forgot", email=ZOE).status_code == 303
    assert len(office.to(ZOE)) == 3  # one of the four went to confirm the address
    hands.on(minutes=61)
    Visitor(app, office).post("/forgot", email=ZOE)
    assert len(office.to(ZOE)) == 4
