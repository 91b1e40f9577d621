"""Second factors by HTTP: what is answered, what it takes, and what it never tells."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

import pyotp
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.authenticator import Authenticator
from tests.contract.application import OWN, PASSWORD, Application, running

WRONG = "not the password at all"
ACCOUNT = "/api/v1/account"


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    with running(tmp_path_factory.mktemp("factors")) as application:
        application.owner()
        yield application


class Someone:
    """A member with a browser of their own, and what an authenticator app would know."""

    def __init__(self, application: Application, name: str) -> None:
        self.application = application
        self.name = name
        self.browser = application.user(name, {"main": ["view"]})
        self.app: pyotp.TOTP | None = None
        self.recovery: list[str] = []

    def ask(self, method: str, path: str, **body: Any) -> TestResponse:
        return self.browser.open(ACCOUNT + path, method=method, headers=OWN, json=body)

    def turn_on(self) -> None:
        made = self.ask("POST", "/totp", current=PASSWORD)
        assert made.status_code == 201
        self.app = pyotp.TOTP(made.get_json()["secret"])
        answer = self.ask("PUT", "/totp", code=self.app.now())
        assert answer.status_code == 200
        self.recovery = answer.get_json()["recovery_codes"]

    def next_code(self) -> str:
        """Not used yet: that of the step to come, which counts already."""
        assert self.app is not None
        return self.app.at(int(time.time()), counter_offset=1)

    def add_passkey(self) -> tuple[Authenticator, str]:
        authenticator = Authenticator()
        options = self.ask("POST", "/passkeys/options", current=PASSWORD)
        assert options.status_code == 200
        made = self.ask("POST", "/passkeys", name="My phone", credential=authenticator.create(options.get_json()))
        assert made.status_code == 201
        return authenticator, made.get_json()["id"]


@pytest.fixture
def someone(application: Application, request: pytest.FixtureRequest) -> Someone:
    return Someone(application, re.sub(r"\W+", " ", request.node.name.removeprefix("test_"))[:60].strip())


def sign_in(application: Application, name: str, password: str = PASSWORD, **more: Any) -> TestResponse:
    return application.client().post("/api/v1/sessions", json={"name": name, "password": password, **more})


def by_passkey(client: FlaskClient, authenticator: Authenticator) -> TestResponse:
    options = client.post("/api/v1/sessions/passkey/options").get_json()
    return client.post("/api/v1/sessions/passkey", json={"credential": authenticator.get(options)})


def test_a_program_signs_in_with_a_code(application: Application, someone: Someone) -> None:
    assert sign_in(application, someone.name).status_code == 201
    someone.turn_on()
    assert someone.ask("GET", "/totp").get_json() == {"on": True, "recovery_codes_left": 10}
    for code in ({}, {"code": None}, {"code": ""}, {"code": "abc"}):
        refused = sign_in(application, someone.name, **code)
        assert refused.status_code == 401
        assert refused.get_json()["code"] == "second-factor"
        assert "Set-Cookie" not in refused.headers
    answer = sign_in(application, someone.name, code=someone.next_code())
    assert answer.status_code == 201
    assert "sid=" in answer.headers["Set-Cookie"]
    assert sign_in(application, someone.name, code=someone.recovery[0]).status_code == 201
    assert sign_in(application, someone.name, code=someone.recovery[0]).status_code == 401


def test_who_lacks_the_password_learns_nothing_of_the_second_factor(application: Application, someone: Someone) -> None:
    plain = sign_in(application, someone.name, WRONG).get_json()
    someone.turn_on()
    for more in ({}, {"code": someone.next_code()}, {"code": someone.recovery[0]}):
        assert sign_in(application, someone.name, WRONG, **more).get_json() == plain
    assert sign_in(application, "nobody of this name", WRONG, code="123456").get_json() == plain
    assert someone.ask("GET", "/totp").get_json()["recovery_codes_left"] == 10


def form(client: FlaskClient, **fields: str) -> TestResponse:
    return client.post("/login", data=fields)


def ticket_of(page: TestResponse) -> str:
    (ticket,) = set(re.findall(r'name="ticket" value="([\w-]{43})"', page.get_data(as_text=True)))
    return str(ticket)


def test_a_person_gives_the_code_on_a_second_page(application: Application, someone: Someone) -> None:
    someone.turn_on()
    client = application.client()
    asked = form(client, name=someone.name, password=PASSWORD, next="/account")
    assert asked.status_code == 401
    assert PASSWORD not in asked.get_data(as_text=True)
    assert 'role="alert"' not in asked.get_data(as_text=True)
    assert client.get("/api/v1/sessions").status_code == 401
    wrong = form(client, ticket=ticket_of(asked), code="000000", next="/account")
    assert wrong.status_code == 401
    assert "This code is wrong" in wrong.get_data(as_text=True)
    assert 'name="next" value="/account"' in wrong.get_data(as_text=True)
    assert ticket_of(wrong) != ticket_of(asked)
    used = form(application.client(), ticket=ticket_of(asked), code=someone.next_code())
    assert "Signing in took too long" in used.get_data(as_text=True)
    assert 'name="password"' in used.get_data(as_text=True)
    done = form(client, ticket=ticket_of(wrong), code=someone.next_code(), next="/account")
    assert (done.status_code, done.headers["Location"]) == (302, "/account")
    assert client.get("/account").status_code == 200


def test_guessing_codes_on_the_page_is_slowed_down_and_goes_on_where_it_was(
    application: Application, someone: Someone
) -> None:
    someone.turn_on()
    client = application.client()
    page = form(client, name=someone.name, password=PASSWORD)
    for _ in range(4):
        page = form(client, ticket=ticket_of(page), code="abc")
    slow = form(client, ticket=ticket_of(page), code=someone.recovery[0])
    assert slow.status_code == 429
    assert int(slow.headers["Retry-After"]) > 0
    assert ticket_of(slow) == ticket_of(page)


def test_the_picture_for_the_app_is_harmless_and_says_what_the_key_says(someone: Someone) -> None:
    made = someone.ask("POST", "/totp", current=PASSWORD).get_json()
    picture = ElementTree.fromstring(made["qr"])  # noqa: S314 - made by ourselves a moment ago
    assert picture.tag == "{http://www.w3.org/2000/svg}svg"
    assert {element.tag.rpartition("}")[2] for element in picture.iter()} <= {"svg", "g", "path"}
    assert not {name for element in picture.iter() for name in element.attrib if name == "style" or name[:2] == "on"}
    assert quote(someone.name) in made["uri"]
    assert made["secret"] in made["uri"]


def test_nothing_about_factors_changes_without_the_present_password(someone: Someone) -> None:
    someone.turn_on()
    _, passkey = someone.add_passkey()
    protected: list[tuple[str, str]] = [
        ("POST", "/totp"),
        ("DELETE", "/totp"),
        ("POST", "/recovery-codes"),
        ("POST", "/passkeys/options"),
    ]
    for method, path in [*protected, ("DELETE", f"/passkeys/{passkey}")]:
        assert someone.ask(method, path).status_code == 422, path
        assert someone.ask(method, path, current="").status_code == 422, path
        assert someone.browser.open(ACCOUNT + path, method=method, headers=OWN).status_code == 415, path
    for method, path in [*protected[1:], ("DELETE", f"/passkeys/{passkey}")]:
        refused = someone.ask(method, path, current=WRONG)
        assert refused.get_json()["detail"] == "The present password is wrong."
    assert someone.ask("GET", "/totp").get_json() == {"on": True, "recovery_codes_left": 10}
    assert len(someone.ask("GET", "/passkeys").get_json()["passkeys"]) == 1


def test_a_passkey_that_nobody_asked_for_is_not_added(someone: Someone) -> None:
    options = {"user": {"id": "YQ"}, "rp": {"id": "localhost"}, "challenge": "YWFhYWFhYWFhYWFhYWFhYQ"}
    refused = someone.ask("POST", "/passkeys", name="x", credential=Authenticator().create(options))
    assert refused.status_code == 422
    assert refused.get_json()["detail"] == "This passkey was not accepted."
    for nonsense in ({}, {"response": 7}, {"response": {"clientDataJSON": "é"}}, {"id": None}):
        assert someone.ask("POST", "/passkeys", name="x", credential=nonsense).status_code == 422


def test_a_passkey_signs_in_without_name_password_and_code(application: Application, someone: Someone) -> None:
    someone.turn_on()
    authenticator, _ = someone.add_passkey()
    client = application.client()
    answer = by_passkey(client, authenticator)
    assert answer.status_code == 201
    assert answer.get_json()["name"] == someone.name
    assert client.get("/api/v1/sessions").status_code == 200
    (row,) = someone.ask("GET", "/passkeys").get_json()["passkeys"]
    assert (row["name"], row["host"]) == ("My phone", "localhost")
    assert row["used_at"] >= row["created_at"]


def test_a_passkey_of_somebody_whose_access_ended_opens_nothing(application: Application) -> None:
    guest = Someone(application, "guest with a passkey")
    authenticator, _ = guest.add_passkey()
    application.user(guest.name, {}, expired=True)
    answer = by_passkey(application.client(), authenticator)
    assert answer.status_code == 401
    assert "has ended" in answer.get_json()["detail"]


def test_nobody_removes_the_passkey_of_another(application: Application, someone: Someone) -> None:
    other = Someone(application, "another member")
    authenticator, passkey = someone.add_passkey()
    assert other.ask("DELETE", f"/passkeys/{passkey}", current=PASSWORD).status_code == 404
    assert by_passkey(application.client(), authenticator).status_code == 201
    assert someone.ask("DELETE", f"/passkeys/{passkey}", current=PASSWORD).status_code == 204
    assert by_passkey(application.client(), authenticator).status_code == 401


@pytest.mark.parametrize("host", ["http://127.0.0.1", "http://[::1]"])
def test_under_an_address_passkeys_are_said_to_be_unavailable(
    application: Application, someone: Someone, host: str
) -> None:
    client = application.client()
    calls: list[Callable[[], TestResponse]] = [
        lambda: client.post("/api/v1/sessions/passkey/options", base_url=host),
        lambda: client.post("/api/v1/sessions/passkey", base_url=host, json={"credential": {}}),
    ]
    for call in calls:
        assert call().status_code == 409
        assert "by its name" in call().get_json()["detail"]
    assert 'id="passkey"' not in client.get("/login", base_url=host).get_data(as_text=True)
    assert 'id="passkey"' in client.get("/login", base_url="http://localhost").get_data(as_text=True)
    assert someone.ask("GET", "/passkeys").get_json()["available"] is True


def test_turning_it_off_is_refused_while_the_password_is_short(application: Application, someone: Someone) -> None:
    someone.turn_on()
    assert someone.ask("PUT", "/password", current=PASSWORD, new="kvz7pq2m").status_code == 204
    refused = someone.ask("DELETE", "/totp", current="kvz7pq2m")
    assert refused.status_code == 422
    assert "choose a longer one first" in refused.get_json()["detail"]
    assert someone.ask("PUT", "/password", current="kvz7pq2m", new=PASSWORD).status_code == 204
    assert someone.ask("DELETE", "/totp", current=PASSWORD).status_code == 204
    assert sign_in(application, someone.name).status_code == 201


def test_who_configures_sets_a_password_that_fits_the_other_ones_factors(
    application: Application, someone: Someone
) -> None:
    path = next(
        f"/api/v1/users/{row.id}/password" for row in application.services.users.list() if row.name == someone.name
    )
    owner = application.owner()
    assert owner.put(path, headers=OWN, json={"password": "kvz7pq2m"}).status_code == 422
    someone.turn_on()
    assert owner.put(path, headers=OWN, json={"password": "kvz7pq2m"}).status_code == 204


def test_who_lost_everything_is_let_in_again_by_whoever_configures(application: Application, someone: Someone) -> None:
    someone.turn_on()
    authenticator, _ = someone.add_passkey()
    path = next(
        f"/api/v1/users/{row.id}/password" for row in application.services.users.list() if row.name == someone.name
    )
    owner, new = application.owner(), "another door, a red one"
    assert owner.put(path, headers=OWN, json={"password": "kvz7pq2m", "clear_factors": True}).status_code == 422
    assert sign_in(application, someone.name).get_json()["code"] == "second-factor"
    assert owner.put(path, headers=OWN, json={"password": new}).status_code == 204
    assert sign_in(application, someone.name, new).get_json()["code"] == "second-factor"
    assert owner.put(path, headers=OWN, json={"password": new, "clear_factors": True}).status_code == 204
    assert sign_in(application, someone.name, new).status_code == 201
    assert by_passkey(application.client(), authenticator).status_code == 401


def journal(application: Application) -> list[dict[str, Any]]:
    application.services.journal.flush()
    found: list[dict[str, Any]] = application.owner().get("/api/v1/journal?limit=200").get_json()["rows"]
    return found


def test_the_journal_tells_what_happened_and_no_secret(application: Application, someone: Someone) -> None:
    someone.turn_on()
    someone.ask("POST", "/recovery-codes", current=PASSWORD)
    authenticator, passkey = someone.add_passkey()
    sign_in(application, someone.name)
    sign_in(application, someone.name, code="000000")
    sign_in(application, someone.name, code=someone.next_code())
    client = application.client()
    ticket = ticket_of(form(client, name=someone.name, password=PASSWORD))
    form(client, ticket=ticket, code="wrong")
    by_passkey(application.client(), authenticator)
    someone.ask("DELETE", f"/passkeys/{passkey}", current=PASSWORD)
    someone.ask("DELETE", "/totp", current=PASSWORD)
    told = [row for row in journal(application) if row["actor"] == someone.name]
    said = [(row["action"], row["result"]) for row in told]
    for action in ("second-factor-on", "second-factor-off", "recovery-codes-made", "passkey-added", "passkey-removed"):
        assert (action, "ok") in said
    assert ("code-asked", "ok") in said
    assert ("sign-in-refused", "refused") in said
    assert {row["detail"]["by"] for row in told if row["action"] == "signed-in"} >= {"password and code", "passkey"}
    text = str(told)
    for secret in (PASSWORD, passkey, ticket, *someone.recovery):
        assert secret not in text


def test_over_tls_the_browser_must_have_been_there_over_tls(application: Application, someone: Someone) -> None:
    authenticator, _ = someone.add_passkey()
    client = application.client()
    for origin, status in (("http://localhost", 401), ("https://localhost:443", 401), ("https://localhost", 201)):
        authenticator.origin = origin
        options = client.post("/api/v1/sessions/passkey/options", base_url="https://localhost").get_json()
        credential = authenticator.get(options)
        answer = client.post("/api/v1/sessions/passkey", base_url="https://localhost", json={"credential": credential})
        assert answer.status_code == status, origin
    assert answer.headers["Set-Cookie"].startswith("__Host-sid=")
