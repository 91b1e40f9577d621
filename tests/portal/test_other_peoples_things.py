"""Each route, by each method, with the true ids of what somebody else has: nobody, a stranger and a guest get nowhere.

The routes are those of the application, and their parameters are filled with what is Zoe's. A route with a parameter that
`belongings` does not know fails here, and so does one that lets somebody in without a row in `MAY`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import Engine
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from tests.portal.belongings import FLEETING, HERS, SHOWN_TO_GUEST, Belongings, Dump, one_of_everything
from tests.portal.post_office import PostOffice
from tests.portal.test_devices import ZOE
from tests.portal.test_routes import PUBLIC, access, routes
from tests.portal.visitor import Visitor
from web.portal.database import Base
from web.portal.rules import DEVICE_PATHS

EVERYBODY = ("nobody", "stranger", "guest")
PEOPLE = ("stranger", "guest")
GUEST = ("guest",)

MAY: dict[str, tuple[tuple[str, ...], int, str]] = {
    "GET /ui/player/<path:filename>": (EVERYBODY, 200, "files of the pages are the same for all"),
    "GET /ui/static/<path:filename>": (EVERYBODY, 200, "files of the pages are the same for all"),
    "GET /portal/<path:filename>": (EVERYBODY, 200, "files of the pages are the same for all"),
    "GET /confirm/<token>": (EVERYBODY, 200, "whoever has the mail sees the page; it asks for the password"),
    "POST /confirm/<token>": (EVERYBODY, 401, "the same page, without the password"),
    "GET /reset/<token>": (EVERYBODY, 200, "whoever has the mail may choose a new password: that is what it is for"),
    "POST /reset/<token>": (EVERYBODY, 422, "the same page, without a new password"),
    "GET /account/email/<token>": (PEOPLE, 422, "the link is worth nothing in another account"),
    "POST /account/email/<token>": (PEOPLE, 422, "the link is worth nothing in another account"),
    "GET /invitation/<token>": (PEOPLE, 422, "says that it is for another address, and neither whose nor what"),
    "POST /invitation/<token>": (PEOPLE, 422, "says that it is for another address, and neither whose nor what"),
    "GET /journal": (PEOPLE, 200, "of somebody else's device there are no rows, as of one that does not exist"),
    "GET /journal/export": (PEOPLE, 200, "a file without rows"),
    "GET /enter": (GUEST, 200, "the way in to the camera that is shared"),
    "POST /devices/<device_id>/leave": (GUEST, 303, "a guest may go"),
}
"""Who gets another answer than 403 or 404, which one, and why. HEAD counts as GET."""

NAMES_HER = {"/confirm/<token>", "/reset/<token>"}
"""Pages behind a link that only she gets by mail; they say for which address they are."""

LAST = ("POST /devices/<device_id>/leave", "POST /signout")
"""What ends what the others need."""


def asked_of(app: Flask) -> Iterator[tuple[Rule, str, str]]:
    """Each route with each method, and the name of both. OPTIONS is answered by Flask, and says the methods only."""
    found = [(rule, method) for rule in routes(app) for method in sorted((rule.methods or set()) - {"OPTIONS"})]
    for rule, method in sorted(found, key=lambda one: (f"{one[1]} {one[0].rule}" in LAST, one[0].rule)):
        yield rule, method, f"{'GET' if method == 'HEAD' else method} {rule.rule}"


def ask(visitor: Visitor, hers: Belongings, rule: Rule, method: str) -> TestResponse:
    fields = dict(hers.asked.get(rule.rule, {}))
    if rule.rule.startswith(DEVICE_PATHS):
        return visitor.send(method, hers.path(rule), json={})
    if method == "POST":
        return visitor.send(method, hers.path(rule), data=fields | {"form_token": visitor.token})
    return visitor.send(method, hers.path(rule), query_string=fields)


def assert_refused(who: str, name: str, kind: str | None, response: TestResponse) -> None:
    """By the answer alone: what a public page is, or one that concerns nobody else, may be shown."""
    status, location = response.status_code, response.headers.get("Location", "")
    if kind == "device":
        assert status == 401, (who, name)
    elif name in MAY and who in MAY[name][0]:
        assert status == MAY[name][1], (who, name, MAY[name][2])
    elif who == "nobody" and kind != "public":
        assert (status, location.partition("?")[0]) == (303, "/signin"), (who, name)
    elif "<" in name or name in MAY:
        assert status in (403, 404), (who, name)
        assert "There is no page" not in response.text, "it was not asked for"
    else:
        assert status < 500, (who, name)
    assert "out of date" not in response.text, "the form token stood in the way, and nothing else"


@pytest.fixture
def world(app: Flask, visitor: Visitor, office: PostOffice, engine: Engine) -> tuple[Belongings, dict[str, Visitor]]:
    hers, guest = one_of_everything(app, visitor.join(ZOE), office, engine)
    nobody = Visitor(app, office, "203.0.113.5")
    stranger = Visitor(app, office, "198.51.100.9").join("eve@example.org")
    for one, page in ((nobody, "/signin"), (stranger, "/account"), (guest, "/account")):
        one.get(page)
    return hers, {"nobody": nobody, "stranger": stranger, "guest": guest}


def test_nobody_else_gets_at_what_is_hers(
    app: Flask, visitor: Visitor, engine: Engine, world: tuple[Belongings, dict[str, Visitor]]
) -> None:
    hers, others = world
    for rule, method, name in asked_of(app):
        if method == "GET" and access(app, rule) in ("person", "fresh"):
            assert ask(visitor, hers, rule, method).status_code != 404, f"{name}: what is asked for is not there"
    before = hers.dump(engine)
    assert set(before) == set(Base.metadata.tables) - FLEETING
    assert [table for table, rows in before.items() if not rows] == [], "she has one of everything"
    refused = 0
    for who, other in others.items():
        hidden = [word for word in HERS if who != "guest" or word not in SHOWN_TO_GUEST]
        for rule, method, name in asked_of(app):
            if name in LAST:
                continue
            response = ask(other, hers, rule, method)
            assert_refused(who, name, access(app, rule), response)
            shown = [word for word in hidden if word in response.text]
            assert shown == ([ZOE] if ZOE in shown and rule.rule in NAMES_HER else []), (who, name)
            assert_same(before, hers.dump(engine), f"{who}: {name}")
            refused += response.status_code in (303, 401, 403, 404)
    assert refused > 100
    for who, other in others.items():
        for rule, method, name in asked_of(app):
            if name in LAST:
                assert_refused(who, name, access(app, rule), ask(other, hers, rule, method))
    left = hers.dump(engine)
    assert (len(before.pop("shares")), left.pop("shares")) == (1, [])
    assert_same(before, left, "what may be done at the end")


def assert_same(before: Dump, after: Dump, why: str) -> None:
    for table, rows in before.items():
        assert after[table] == rows, (why, table)


def test_the_list_of_who_may_names_nothing_else(app: Flask) -> None:
    names = {name: access(app, rule) for rule, _, name in asked_of(app)}
    assert set(MAY) | set(LAST) <= set(names)
    for name, (who, _, reason) in MAY.items():
        assert reason
        assert ("nobody" in who) == (names[name] == "public"), name
    assert {name.partition(" ")[2] for name, (who, _, _) in MAY.items() if "nobody" in who} <= PUBLIC


def test_a_route_with_an_unknown_parameter_is_noticed(app: Flask, world: tuple[Belongings, dict[str, Visitor]]) -> None:
    hers, _ = world
    for path in ("/things/<thing>", "/things/<token>", "/things/<path:filename>"):
        with pytest.raises(KeyError):
            hers.path(Rule(path, endpoint="things"))
    assert all(hers.path(rule) for rule in routes(app))
