"""Authenticator apps and recovery codes."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pyotp
from flask import Flask
from sqlalchemy import Engine, select

from tests.portal.conftest import Hands
from tests.portal.post_office import PostOffice
from tests.portal.visitor import PASSWORD, Visitor
from web.portal.accounts.models import User

ZOE, EVE = "zoe@example.org", "eve@example.org"


class App:
    """An authenticator app, whose clock is that of the test."""

    def __init__(self, secret: str, hands: Hands) -> None:
        self._totp, self._hands = pyotp.TOTP(secret), hands

    def shows(self, seconds: float = 0) -> str:
        return self._totp.at(int(self._hands.moment.timestamp() + seconds))


def turn_on(person: Visitor, hands: Hands) -> tuple[App, list[str]]:
    shown = person.get("/account/second-factor").text
    found = re.search(r'class="secret">([^<]+)<', shown)
    assert found
    assert 'src="data:image/svg+xml' in shown
    app = App(re.sub(r"[^A-Z2-7]", "", found[1]), hands)
    done = person.post("/account/second-factor", code=app.shows())
    codes = re.findall(r"<li>([A-Z2-9-]{14})</li>", done.text)
    assert len(codes) == 10
    hands.on(seconds=60)
    return app, codes


def begin(app: Flask, office: PostOffice) -> Visitor:
    """Has given the right password."""
    person = Visitor(app, office)
    assert person.sign_in(ZOE).headers["Location"] == "/signin/code"
    return person


def test_the_password_then_needs_a_code(zoe: Visitor, app: Flask, office: PostOffice, hands: Hands) -> None:
    device, _ = turn_on(zoe, hands)
    assert office.to(ZOE)[-1]["Subject"] == "How you sign in was changed"
    person = begin(app, office)
    assert not person.is_in()
    wrongs = ("000000", "", "12345", "²²²²²²", device.shows(-90), device.shows(120))
    for wrong in wrongs:
        refused = person.post("/signin/code", code=wrong)
        assert refused.status_code == 401, wrong
        hands.on(seconds=5)
    code = device.shows()
    assert person.post("/signin/code", code=f"{code[:3]} {code[3:]}").headers["Location"] == "/account"
    assert person.is_in()


def test_a_code_counts_once(zoe: Visitor, app: Flask, office: PostOffice, hands: Hands) -> None:
    device, _ = turn_on(zoe, hands)
    first, second = begin(app, office), begin(app, office)
    code = device.shows()
    assert first.post("/signin/code", code=code).status_code == 303
    assert second.post("/signin/code", code=code).status_code == 401
    assert second.post("/signin/code", code=device.shows(-30)).status_code == 401
    assert second.post("/signin/code", code=device.shows(30)).status_code == 303


def test_a_recovery_code_counts_once_even_at_the_same_moment(
    zoe: Visitor, app: Flask, office: PostOffice, hands: Hands
) -> None:
    _, codes = turn_on(zoe, hands)
    people = [begin(app, office) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda one: one.post("/signin/code", code=codes[0]).status_code, people))
    assert sorted(answers) == [303, 401, 401, 401]
    assert "Recovery codes left: 9" in re.sub(r"\s+", " ", zoe.get("/account").text)
    assert begin(app, office).post("/signin/code", code=codes[1].lower().replace("-", " ")).status_code == 303


def test_new_recovery_codes_replace_the_old(zoe: Visitor, app: Flask, office: PostOffice, hands: Hands) -> None:
    _, codes = turn_on(zoe, hands)
    zoe.post("/account/recovery-codes", page="/account")
    assert begin(app, office).post("/signin/code", code=codes[0]).status_code == 401


def test_codes_of_one_person_are_worth_nothing_to_another(
    zoe: Visitor, app: Flask, office: PostOffice, hands: Hands
) -> None:
    turn_on(zoe, hands)
    _, codes = turn_on(Visitor(app, office).join(EVE), hands)
    assert begin(app, office).post("/signin/code", code=codes[0]).status_code == 401


def test_guessing_codes_is_slowed_down_whatever_the_password(
    zoe: Visitor, app: Flask, office: PostOffice, hands: Hands
) -> None:
    device, _ = turn_on(zoe, hands)
    one, other = begin(app, office), begin(app, office)
    assert [one.post("/signin/code", code="000000").status_code for _ in range(6)] == [401] * 5 + [429]
    assert other.post("/signin/code", code=device.shows()).status_code == 429
    hands.on(seconds=1.5)
    assert other.post("/signin/code", code=device.shows()).status_code == 303


def test_the_second_step_has_its_time(zoe: Visitor, app: Flask, office: PostOffice, hands: Hands) -> None:
    device, _ = turn_on(zoe, hands)
    person = begin(app, office)
    person.get("/signin/code")
    hands.on(minutes=5, seconds=1)
    late = person.send("POST", "/signin/code", data={"form_token": person.token, "code": device.shows()})
    assert late.headers["Location"] == "/signin"
    assert not person.is_in()
    assert Visitor(app, office).get("/signin/code").headers["Location"] == "/signin"


def test_a_new_password_ends_a_step_that_waits(zoe: Visitor, app: Flask, office: PostOffice, hands: Hands) -> None:
    device, _ = turn_on(zoe, hands)
    person = begin(app, office)
    person.get("/signin/code")
    zoe.post("/account/password", current=PASSWORD, password="seven tall trees in the rain")
    late = person.send("POST", "/signin/code", data={"form_token": person.token, "code": device.shows()})
    assert late.headers["Location"] == "/signin"


def test_a_wrong_first_code_turns_nothing_on(zoe: Visitor, app: Flask, office: PostOffice) -> None:
    assert zoe.post("/account/second-factor", code="000000").status_code == 401
    assert Visitor(app, office).sign_in(ZOE).headers["Location"] == "/account"


def test_off_again(zoe: Visitor, app: Flask, office: PostOffice, hands: Hands, engine: Engine) -> None:
    turn_on(zoe, hands)
    with engine.connect() as connection:
        sealed = connection.execute(select(User.totp_secret)).scalar_one()
    assert sealed is not None
    assert sealed.startswith('{"enckey"')
    assert zoe.get("/account/second-factor").headers["Location"] == "/account#second-factor"
    zoe.post("/account/second-factor/off", page="/account")
    assert Visitor(app, office).sign_in(ZOE).headers["Location"] == "/account"


def test_proving_again_needs_the_code_too(zoe: Visitor, hands: Hands) -> None:
    device, _ = turn_on(zoe, hands)
    hands.on(minutes=16)
    assert zoe.post("/verify", password=PASSWORD, code="").status_code == 401
    assert zoe.post("/verify", password="wrong wrong wrong", code=device.shows()).status_code == 401
    assert zoe.post("/verify", password=PASSWORD, code=device.shows()).status_code == 303
    assert zoe.get("/account/delete").status_code == 200
