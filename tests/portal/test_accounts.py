"""What strangers learn, what links are worth, and what ends when a credential changes."""

from __future__ import annotations

import json
import re
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from sqlalchemy import Engine, func, select

from tests.portal.conftest import Build, Hands
from tests.portal.post_office import PostOffice
from tests.portal.visitor import PASSWORD, Visitor
from web.portal.accounts.models import SignIn, User
from web.portal.database import Base

ZOE, EVE = "zoe@example.org", "eve@example.org"
OTHER = "seven tall trees in the rain"


def body(text: str) -> str:
    """Without what differs from page to page."""
    return re.sub(r'value="[^"]*"', "", re.sub(r"[\w.-]+@example\.org", "", text))


def test_strangers_do_not_learn_who_has_an_account(zoe: Visitor, app: Flask, office: PostOffice) -> None:
    Visitor(app, office).sign_up("waiting@example.org")
    known, unknown, waiting = (ZOE, "nobody@example.org", "waiting@example.org")
    for path, fields in (
        ("/signup", {"password": PASSWORD}),
        ("/signin", {"password": OTHER}),
        ("/forgot", {}),
        ("/confirm", {}),
    ):
        answers = []
        for email in (known, unknown, waiting):
            stranger = Visitor(app, office)
            answer = stranger.post(path, email=email, **fields)
            after = stranger.get("/signin").text if answer.status_code == 303 else ""
            answers.append((answer.status_code, answer.headers.get("Location"), body(answer.text), body(after)))
        assert answers[0] == answers[1] == answers[2], path
        assert answers[0][0] in (200, 303, 401)


@pytest.mark.timing
def test_nor_by_the_time_of_an_answer(build: Build, office: PostOffice) -> None:
    """The hash is what takes long, and mails are sent afterwards."""
    app = build(bcrypt_cost=9)
    Visitor(app, office).join(ZOE)
    stranger = Visitor(app, office)
    for path in ("/signin", "/forgot"):
        taken: dict[str, list[float]] = {ZOE: [], "nobody@example.org": []}
        for attempt in range(5):
            for email, times in taken.items():
                stranger.get(path)
                data = {"form_token": stranger.token, "email": f"{attempt}.{email}" if email != ZOE else email}
                begun = time.perf_counter()
                response = stranger.client.open(
                    path, method="POST", base_url="https://portal.test", data=data | {"password": OTHER}
                )
                times.append(time.perf_counter() - begun)
                response.close()
        known, unknown = (statistics.median(times[:4]) for times in taken.values())
        assert 0.4 < known / unknown < 2.5, (path, taken)


def test_who_is_known_gets_another_mail(zoe: Visitor, app: Flask, office: PostOffice) -> None:
    office.letters.clear()
    Visitor(app, office, language="fr").sign_up(ZOE, OTHER)
    (letter,) = office.to(ZOE)
    assert letter["Subject"] == "You have an account already"
    assert "/confirm/" not in letter.get_content()
    assert Visitor(app, office).sign_in(ZOE, OTHER).status_code == 401


def test_who_signs_up_for_somebody_else_gains_nothing(app: Flask, office: PostOffice) -> None:
    """The stranger's password and the owner's mailbox do not make an account together."""
    stranger, owner = Visitor(app, office), Visitor(app, office)
    stranger.sign_up(ZOE, OTHER)
    first = office.link(ZOE)
    owner.sign_up(ZOE)
    stranger.sign_up(ZOE, OTHER)
    assert "no longer good" in owner.get(first).text
    assert owner.post(office.link(ZOE), password=PASSWORD).status_code == 401
    owner.post("/forgot", email=ZOE)
    assert owner.post(office.link(ZOE), password=PASSWORD).status_code == 303
    assert owner.sign_in(ZOE).headers["Location"] == "/account"
    assert stranger.sign_in(ZOE, OTHER).status_code == 401


def test_opening_a_link_changes_nothing_by_itself(app: Flask, office: PostOffice, engine: Engine) -> None:
    Visitor(app, office).sign_up(ZOE)
    for _ in range(3):
        assert Visitor(app, office).get(office.link(ZOE)).status_code == 200
    with engine.connect() as connection:
        assert connection.execute(select(User.confirmed_at)).scalar_one() is None


def test_links_age(visitor: Visitor, hands: Hands, office: PostOffice) -> None:
    visitor.sign_up(ZOE)
    hands.on(days=2, minutes=1)
    assert visitor.get(office.link(ZOE)).status_code == 422
    visitor.post("/confirm", email=ZOE)
    assert visitor.confirm(ZOE).status_code == 303
    visitor.post("/forgot", email=ZOE)
    hands.on(minutes=61)
    assert visitor.get(office.link(ZOE)).status_code == 422


def test_who_never_confirms_is_forgotten(app: Flask, office: PostOffice, engine: Engine, hands: Hands) -> None:
    Visitor(app, office).sign_up(ZOE)
    hands.on(days=6)
    Visitor(app, office).join(EVE)
    hands.on(days=1, minutes=1)
    Visitor(app, office).sign_up("new@example.org")
    with engine.connect() as connection:
        assert set(connection.execute(select(User.email)).scalars()) == {EVE, "new@example.org"}


@pytest.mark.parametrize("forged", ["x", ".x.y", "WyJhIiwiIl0.aaaa.bbbb", "%00", "é"])
def test_forged_links(visitor: Visitor, forged: str) -> None:
    for path in ("/confirm/", "/reset/"):
        response = visitor.get(path + forged)
        assert response.status_code == 422
        assert "no longer good" in response.text


def test_a_link_of_one_kind_is_none_of_another(zoe: Visitor, office: PostOffice) -> None:
    zoe.post("/forgot", page="/forgot", email=ZOE)
    token = office.link(ZOE).rpartition("/")[2]
    assert zoe.get("/confirm/" + token).status_code == 422
    assert zoe.get("/account/email/" + token).status_code == 422


def test_a_reset_ends_everything_and_works_once(zoe: Visitor, app: Flask, office: PostOffice) -> None:
    stranger = Visitor(app, office)
    stranger.post("/forgot", email=ZOE)
    link = office.link(ZOE)
    assert stranger.post(link, password="short").status_code == 422
    assert stranger.post(link, password=OTHER).headers["Location"] == "/signin"
    assert "Sign in with the new one" in stranger.get("/signin").text
    assert not zoe.is_in()
    assert stranger.get(link).status_code == 422
    assert stranger.sign_in(ZOE).status_code == 401
    assert stranger.sign_in(ZOE, OTHER).status_code == 303
    assert office.to(ZOE)[-1]["Subject"] == "Your password was changed"


def test_changing_the_password_ends_the_others(zoe: Visitor, app: Flask, office: PostOffice) -> None:
    other = Visitor(app, office)
    other.sign_in(ZOE)
    assert zoe.post("/account/password", current=OTHER, password=OTHER).status_code == 401
    assert zoe.post("/account/password", current=PASSWORD, password="passwordpassword").status_code == 422
    cookie = zoe.client.get_cookie("__Host-sid", domain="portal.test")
    assert zoe.post("/account/password", current=PASSWORD, password=OTHER).headers["Location"] == "/account"
    assert zoe.is_in()
    assert zoe.client.get_cookie("__Host-sid", domain="portal.test") != cookie
    assert not other.is_in()
    assert other.sign_in(ZOE).status_code == 401


def test_a_new_address_counts_when_its_link_is_opened(zoe: Visitor, app: Flask, office: PostOffice) -> None:
    new = "zoe.new@example.org"
    zoe.post("/account/email", email=" Zoe.New@Example.ORG ")
    link = office.link(new)
    stranger = Visitor(app, office)
    assert stranger.get(link).headers["Location"].startswith("/signin?next=")
    assert stranger.join(EVE).get(link).status_code == 422
    assert zoe.get(link).status_code == 200
    assert zoe.get("/account").text.count(new) == 0
    assert zoe.post(link).headers["Location"] == "/account"
    assert new in zoe.get("/account").text
    assert office.to(ZOE)[-1]["Subject"] == "Your address was changed"
    assert zoe.get(link).status_code == 422
    assert Visitor(app, office).sign_in(ZOE).status_code == 401
    assert Visitor(app, office).sign_in(new).status_code == 303


def test_an_address_that_somebody_has_is_not_told(zoe: Visitor, app: Flask, office: PostOffice) -> None:
    Visitor(app, office).join(EVE)
    office.letters.clear()
    free = zoe.post("/account/email", email="free@example.org")
    free_page = body(zoe.get("/account").text)
    taken = zoe.post("/account/email", email=EVE)
    assert (free.status_code, free.headers["Location"]) == (taken.status_code, taken.headers["Location"])
    assert free_page == body(zoe.get("/account").text)
    assert office.to(EVE) == []


def test_an_address_that_was_taken_meanwhile(zoe: Visitor, app: Flask, office: PostOffice) -> None:
    zoe.post("/account/email", email=EVE)
    link = office.link(EVE)
    Visitor(app, office).join(EVE)
    assert zoe.post(link).status_code == 422
    assert ZOE in zoe.get("/account").text


def test_what_is_kept_can_be_taken_along(zoe: Visitor) -> None:
    response = zoe.get("/account/export")
    said = json.loads(response.text)
    assert "attachment" in response.headers["Content-Disposition"]
    assert said["account"]["email"] == ZOE
    assert said["sign_ins"][0]["address"] == "192.0.2.7"
    assert "$2b$" not in response.text
    assert set(said) == {"version", "account", "passkeys", "sign_ins", "devices", "shared_with_me"}


def test_nothing_is_left_of_who_goes(zoe: Visitor, app: Flask, office: PostOffice, engine: Engine) -> None:
    eve = Visitor(app, office).join(EVE)
    zoe.post("/account/second-factor")
    zoe.get("/account/export")
    with engine.connect() as connection:
        user = connection.execute(select(User).where(User.email == ZOE)).one()
    assert zoe.post("/account/delete", password=OTHER).status_code == 401
    assert zoe.post("/account/delete", password=PASSWORD).headers["Location"] == "/signin"
    assert "are gone" in zoe.get("/signin").text
    assert office.to(ZOE)[-1]["Subject"] == "Your account is gone"
    with engine.connect() as connection:
        for table in Base.metadata.sorted_tables:
            rows = connection.execute(table.select()).mappings().all()
            assert not [row for row in rows if row.get("user_id") == user.id], table
            assert "zoe" not in repr(rows), table
    assert not zoe.is_in()
    assert eve.is_in()
    assert zoe.sign_in(ZOE).status_code == 401
    zoe.join(ZOE, OTHER)


def test_the_page_and_the_mail_say_what_stays(zoe: Visitor, office: PostOffice) -> None:
    said = "in the journals of other people’s cameras, what you did there, with your address"
    assert said in zoe.get("/account/delete").text
    assert zoe.post("/account/delete", password=PASSWORD).status_code == 303
    assert said in office.to(ZOE)[-1].get_content()


def test_mails_come_in_the_language_that_was_chosen(zoe: Visitor, office: PostOffice) -> None:
    zoe.post("/language", page="/account", language="fr", next="/account")
    assert zoe.post("/account/delete", password=PASSWORD).status_code == 303
    assert office.to(ZOE)[-1]["Subject"] == "Votre compte est supprimé"


def test_two_sign_ups_at_the_same_moment(app: Flask, office: PostOffice, engine: Engine) -> None:
    visitors = [Visitor(app, office) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda one: one.sign_up(ZOE).status_code, visitors))
    assert answers == [200] * 6
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(User)).scalar_one() == 1


def test_no_password_and_no_secret_stands_in_the_database(zoe: Visitor, engine: Engine) -> None:
    cookie = zoe.client.get_cookie("__Host-sid", domain="portal.test")
    assert cookie is not None
    with engine.connect() as connection:
        everything = repr([connection.execute(one.select()).all() for one in Base.metadata.sorted_tables])
        assert connection.execute(select(User.password)).scalar_one().startswith("$2b$04$")
        assert connection.execute(select(func.count()).select_from(SignIn)).scalar_one() == 1
    assert PASSWORD not in everything
    assert cookie.value not in everything
