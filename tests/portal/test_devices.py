"""Devices: the code, the claim, the first word, the way in, and how all of it ends. Every wrong word is refused."""

from __future__ import annotations

import re
import threading
from typing import Any

import jwt
import pytest
from flask import Flask
from sqlalchemy import event, select

from pi_cam.trust import entry, portal_keys
from tests.portal.conftest import Build, Hands
from tests.portal.post_office import PostOffice
from tests.portal.speaking import CAMERAS, Speaker
from tests.portal.visitor import URL, Visitor
from web.portal.accounts.models import User
from web.portal.database import db
from web.portal.devices import signing
from web.portal.devices.models import Epoch

ZOE, MAX = "zoe@example.org", "max@example.org"


@pytest.fixture
def device(app: Flask) -> Speaker:
    return Speaker(app)


@pytest.fixture
def zoe(visitor: Visitor) -> Visitor:
    return visitor.join(ZOE)


def other(app: Flask, office: PostOffice, email: str = MAX) -> Visitor:
    return Visitor(app, office, "198.51.100.3").join(email)


def claim(person: Visitor, device: Speaker) -> None:
    code = device.codes["user_code"]
    assert "Is this your camera?" in person.post("/pair", code=code).text
    assert person.send("POST", "/pair/claim", data={"form_token": person.token, "code": code}).status_code == 303


def pair(person: Visitor, device: Speaker) -> None:
    assert device.authorize().status_code == 200
    claim(person, device)
    assert device.poll().status_code == 200
    assert device.sign_in().status_code == 200
    assert device.presence().status_code == 200


def test_from_the_code_to_the_list(zoe: Visitor, device: Speaker, hands: Hands) -> None:
    shown = device.authorize().get_json()
    assert shown["verification_uri_complete"] == f"{URL}/pair?code={shown['user_code']}"
    assert (device.poll().status_code, device.poll().get_json()) == (400, {"error": "slow_down"})
    page = zoe.post("/pair", page=f"/pair?code={shown['user_code']}", code=shown["user_code"].lower().replace("-", " "))
    assert "Porch" in page.text
    assert device.id in page.text
    assert "<dd>yes</dd>" in page.text, "it came from the same address"
    zoe.send("POST", "/pair/claim", data={"form_token": zoe.token, "code": shown["user_code"]})
    listed = zoe.get("/cameras").text
    assert "Front door" not in listed, "nobody said yes at home yet"
    number = re.search(r"your address and the number (\d{4})\.", listed)
    assert number is not None
    told = device.poll().get_json()
    assert (told["owner"], told["device"]) == (f"z***@example.org ({number[1]})", device.id)
    assert portal_keys.parse(told["keys"]).version == 1
    device.sign_in()
    assert "keys" not in device.presence().get_json()
    listed = zoe.get("/cameras").text
    assert "Front door" in listed
    assert "Online" in listed
    assert "https://cam.example.org/auth/portal?camera=main" in listed
    hands.on(seconds=91)
    assert "Offline" in zoe.get("/cameras").text


def test_the_way_in_is_a_token_that_the_device_takes(zoe: Visitor, device: Speaker) -> None:
    pair(zoe, device)
    entries = entry.Entries(device.id)
    page = zoe.get(f"/enter?device={device.id}&nonce={entries.nonce('browser')}&camera=main")
    assert page.status_code == 200
    assert "form-action https://cam.example.org;" in page.headers["Content-Security-Policy"]
    token = page.text.partition('name="token" value="')[2].partition('"')[0]
    with zoe.client.application.app_context():
        keys = portal_keys.parse(signing.key_set())
    found = entries.check(token, "browser", URL, keys)
    assert (found.name, found.role, found.on) == (ZOE, "owner", {})
    assert found.can == {"view", "listen", "talk", "control", "record", "configure"}


@pytest.mark.parametrize("then", ["start", "stop"])
def test_a_camera_is_started_and_stopped_by_a_button_and_not_by_a_link(
    zoe: Visitor, device: Speaker, then: str
) -> None:
    pair(zoe, device)
    listed = zoe.get("/cameras").text
    assert "https://cam.example.org/auth/portal?camera=main&amp;then=stop" in listed
    entries = entry.Entries(device.id)
    page = zoe.get(f"/enter?device={device.id}&nonce={entries.nonce('browser')}&camera=main&then={then}")
    assert "enter.js" not in page.text, "it is not sent by itself"
    assert "Front door" in page.text
    token = page.text.partition('name="token" value="')[2].partition('"')[0]
    with zoe.client.application.app_context():
        keys = portal_keys.parse(signing.key_set())
    assert entries.check(token, "browser", URL, keys).errand == entry.Errand(then, "main")  # type: ignore[arg-type]


def test_what_is_private_is_said_and_not_started_or_stopped(zoe: Visitor, device: Speaker) -> None:
    pair(zoe, device)
    device.presence(cameras=[{**CAMERAS[0], "state": "privacy"}])
    listed = zoe.get("/cameras").text
    assert "private: somebody at home closed it" in listed
    assert "then=" not in listed


@pytest.mark.parametrize("query", ["then=stop", "camera=garden&then=stop", "camera=main&then=reset"])
def test_what_cannot_be_done_is_not_offered(zoe: Visitor, device: Speaker, query: str) -> None:
    pair(zoe, device)
    assert zoe.get(f"/enter?device={device.id}&nonce={'n' * 20}&{query}").status_code in (404, 422)


def test_nobody_else_sees_enters_or_removes_it(app: Flask, zoe: Visitor, device: Speaker, office: PostOffice) -> None:
    pair(zoe, device)
    stranger = other(app, office)
    assert "Porch" not in stranger.get("/cameras").text
    assert stranger.get(f"/enter?device={device.id}&nonce={'n' * 20}").status_code == 404
    stranger.get("/account")
    removed = stranger.send("POST", f"/devices/{device.id}/remove", data={"form_token": stranger.token})
    assert removed.status_code == 404
    assert device.presence().status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        "",
        "device=x&nonce=y",
        "device={id}",
        "device={id}&nonce=a b c d e f g h i j",
        "device={id}&nonce={n}&camera=../x",
        "device={id}&nonce={n}&camera=<b>",
    ],
)
def test_ways_in_that_make_no_sense(zoe: Visitor, device: Speaker, query: str) -> None:
    pair(zoe, device)
    assert zoe.get(f"/enter?{query.format(id=device.id, n='n' * 20)}").status_code == 422


def test_a_device_without_a_public_name_has_no_way_in(zoe: Visitor, device: Speaker) -> None:
    pair(zoe, device)
    device.presence(public_name=None)
    assert "has no public name yet" in zoe.get("/cameras").text
    assert zoe.get(f"/enter?device={device.id}&nonce={'n' * 20}").status_code == 422


def test_a_code_is_good_once_and_not_for_long(
    app: Flask, zoe: Visitor, device: Speaker, office: PostOffice, hands: Hands
) -> None:
    code = device.authorize().get_json()["user_code"]
    claim(zoe, device)
    second = other(app, office)
    assert second.post("/pair", code=code).status_code == 404
    code = device.authorize().get_json()["user_code"]
    hands.on(minutes=11)
    assert second.post("/pair", code=code).status_code == 404
    assert device.poll().get_json() == {"error": "expired_token"}


def test_of_two_who_claim_at_the_same_moment_one_is_first(build: Build, office: PostOffice) -> None:
    app = build()
    device = Speaker(app)
    people = [Visitor(app, office).join(email) for email in (ZOE, MAX)]
    code = device.authorize().get_json()["user_code"]
    for person in people:
        assert person.post("/pair", code=code).status_code == 200
    together, statuses = threading.Barrier(2), []

    def race(person: Visitor) -> None:
        together.wait()
        statuses.append(person.send("POST", "/pair/claim", data={"form_token": person.token, "code": code}).status_code)

    threads = [threading.Thread(target=race, args=(person,)) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [303, 404]
    assert device.poll().status_code == 200


def test_it_can_be_refused(zoe: Visitor, device: Speaker) -> None:
    code = device.authorize().get_json()["user_code"]
    zoe.post("/pair", code=code)
    zoe.send("POST", "/pair/refuse", data={"form_token": zoe.token, "code": code})
    assert device.poll().get_json() == {"error": "access_denied"}
    assert zoe.post("/pair", code=code).status_code == 404


def test_guessing_codes_is_slowed_down(zoe: Visitor, device: Speaker, hands: Hands) -> None:
    device.authorize()
    statuses = [zoe.post("/pair", code=f"BCDFGHJ{letter}").status_code for letter in "BCDFGHJKLMNPQ"]
    assert statuses[:10] == [404] * 10
    assert statuses[-1] == 429
    hands.on(minutes=5)
    assert zoe.post("/pair", code=device.codes["user_code"]).status_code == 200


def epoch_of(zoe: Visitor, device: Speaker) -> int:
    """Hers there; she comes in once, so that there is one."""
    zoe.get(f"/enter?device={device.id}&nonce={'n' * 20}")
    with zoe.client.application.app_context():
        return int(db.session.execute(select(Epoch.epoch).where(Epoch.device_id == device.id)).scalar_one())


def test_what_a_thief_opened_ends_with_a_new_password_or_the_sign_in(
    zoe: Visitor, device: Speaker, app: Flask, office: PostOffice
) -> None:
    pair(zoe, device)
    before = epoch_of(zoe, device)
    changed = zoe.post(
        "/account/password", current="a green door behind the old house", password="four red kites at dusk"
    )
    assert changed.status_code == 303
    after = epoch_of(zoe, device)
    assert after > before
    Visitor(app, office).sign_in(ZOE, "four red kites at dusk")
    number = re.findall(r"/account/sign-ins/(\d+)/end", zoe.get("/account").text)[-1]
    zoe.send("POST", f"/account/sign-ins/{number}/end", data={"form_token": zoe.token})
    assert epoch_of(zoe, device) > after


@pytest.mark.parametrize("noun", ["authorize", "token", "presence"])
def test_half_characters_and_towers_of_brackets_are_refused(zoe: Visitor, device: Speaker, noun: str) -> None:
    pair(zoe, device)
    for body in ('{"name": "\\ud800", "nonce": "\\ud800", "version": "\\ud800"}', "[" * 60_000):
        answer = device.client.post(
            f"/device/v1/{noun}",
            data=body,
            content_type="application/json",
            base_url=URL,
            headers={"Authorization": f"Bearer {device.access}"},
        )
        assert answer.status_code == 422


def test_a_stolen_code_is_worth_nothing_without_the_key(app: Flask, zoe: Visitor, device: Speaker) -> None:
    device.authorize()
    claim(zoe, device)
    thief = Speaker(app)
    thief.codes = device.codes
    assert thief.poll().status_code == 401
    assert device.poll(signature="A").status_code == 401
    assert device.poll(signature=device.signed("token", "another")).status_code == 401
    assert device.poll().status_code == 200


def test_what_was_signed_for_another_portal_is_refused(device: Speaker) -> None:
    foreign = device.signed("authorize", "n1", url="https://other.example")
    assert device.authorize(signature=foreign).status_code == 401


@pytest.mark.parametrize(
    "changed",
    [
        {"public_key": "x" * 43},
        {"public_key": "é" * 43},
        {"public_key": ""},
        {"name": ""},
        {"name": "x" * 65},
        {"name": "a\x00b"},
        {"nonce": "n" * 65},
        {"more": 1},
        {"name": None},
        {"version": ["1"]},
    ],
    ids=str,
)
def test_asking_for_a_code_in_ways_that_make_no_sense(device: Speaker, changed: dict[str, Any]) -> None:
    assert device.authorize(**changed).status_code in (401, 422)


@pytest.mark.parametrize("body", [None, [], "x", 7, {"grant": "x"}, {"grant": "key", "device": "x" * 500}])
def test_tokens_are_asked_for_properly(device: Speaker, body: Any) -> None:
    assert device.say("token", body).status_code == 422


def test_a_device_signs_in_with_its_own_key_only(app: Flask, zoe: Visitor, device: Speaker, hands: Hands) -> None:
    pair(zoe, device)
    thief = Speaker(app)
    thief.id = device.id
    assert thief.sign_in().status_code == 401
    assert device.sign_in(challenge="made up").status_code == 401
    stale = device.say("token", {"grant": "key", "device": device.id}).get_json()["challenge"]
    hands.on(seconds=61)
    signed = device.signed("challenge", stale)
    body = {"grant": "key", "device": device.id, "challenge": stale, "signature": signed}
    assert device.say("token", body).status_code == 401
    foreign = Speaker(app)
    other_challenge = foreign.say("token", {"grant": "key", "device": foreign.id}).get_json()["challenge"]
    signed = device.signed("challenge", other_challenge)
    body = {"grant": "key", "device": device.id, "challenge": other_challenge, "signature": signed}
    assert device.say("token", body).status_code == 401


def test_an_access_token_ends_after_an_hour(zoe: Visitor, device: Speaker, hands: Hands) -> None:
    pair(zoe, device)
    hands.on(hours=1, seconds=1)
    assert device.presence().status_code == 401
    device.sign_in()
    assert device.presence().status_code == 200


@pytest.mark.parametrize("noun", ["presence", "epoch", "unpair"])
def test_nobody_speaks_without_a_token(device: Speaker, zoe: Visitor, noun: str) -> None:
    for access in ("", "made up", "x.y.z"):
        device.access = access
        assert device.say(noun, {}).status_code == 401
    assert zoe.send("POST", f"/device/v1/{noun}", json={}).status_code == 401


@pytest.mark.parametrize(
    "changed",
    [
        {"cameras": [CAMERAS[0]] * 101},
        {"cameras": [{**CAMERAS[0], "id": "../x"}]},
        {"cameras": [{**CAMERAS[0], "name": "x" * 65}]},
        {"cameras": [{**CAMERAS[0], "state": "burning"}]},
        {"cameras": [{**CAMERAS[0], "viewers": -1}]},
        {"cameras": [{**CAMERAS[0], "viewers": True}]},
        {"cameras": [{**CAMERAS[0], "owner_id": 1}]},
        {"cameras": "main"},
        {"public_name": "https://x"},
        {"public_name": "x/../y"},
        {"public_name": "localhost"},
        {"public_name": "a.b" + "c" * 300},
        {"public_name": "abc." * 80 + "org"},
        {"public_name": "192.168.1.1"},
        {"keys_version": 0},
        {"keys_version": "1"},
        {"owner_id": 7},
        {"version": "x" * 40},
    ],
    ids=lambda changed: str(changed)[:60],
)
def test_presence_that_makes_no_sense_changes_nothing(zoe: Visitor, device: Speaker, changed: dict[str, Any]) -> None:
    pair(zoe, device)
    assert device.presence(**changed).status_code == 422
    assert "Front door" in zoe.get("/cameras").text


def test_what_a_device_is_called_is_text(zoe: Visitor, device: Speaker) -> None:
    device.authorize(name="<img src=x onerror=alert(1)>")
    claim(zoe, device)
    device.poll()
    device.sign_in()
    device.presence(cameras=[{**CAMERAS[0], "name": "<script>alert(2)</script>"}])
    page = zoe.get("/cameras").text
    assert "&lt;img src=x" in page
    assert "<script>alert" not in page


def test_a_camera_cannot_pass_for_the_portal(zoe: Visitor, device: Speaker) -> None:
    pair(zoe, device)
    assert device.presence(public_name="portal.test").status_code == 200
    assert zoe.get(f"/enter?device={device.id}&nonce={'n' * 20}").status_code == 422


def test_a_line_of_ten_megabytes_is_refused(zoe: Visitor, device: Speaker) -> None:
    pair(zoe, device)
    assert device.presence(version="x" * 10_000_000).status_code == 413
    assert device.presence().status_code == 200


def test_the_epoch_is_told_for_those_who_may_still_come_in(
    app: Flask, zoe: Visitor, device: Speaker, office: PostOffice
) -> None:
    pair(zoe, device)
    zoe.get(f"/enter?device={device.id}&nonce={'n' * 20}")
    stranger = other(app, office)
    stranger.get(f"/enter?device={device.id}&nonce={'n' * 20}")
    with app.app_context():
        numbers = {user.email: user.id for user in db.session.query(User)}
    asked = [f"account-{numbers[ZOE]}", f"account-{numbers[MAX]}", "account-x", "nobody", "account-999999999999"]
    assert set(device.say("epoch", {"subjects": asked}).get_json()["epochs"]) == {f"account-{numbers[ZOE]}"}


def test_removing_it_sends_everybody_away(zoe: Visitor, device: Speaker) -> None:
    pair(zoe, device)
    zoe.get("/cameras")
    assert zoe.send("POST", f"/devices/{device.id}/remove", data={"form_token": zoe.token}).status_code == 303
    answer = device.presence()
    assert (answer.status_code, answer.get_json()["code"]) == (403, "unpaired")
    assert device.say("epoch", {"subjects": []}).status_code == 403
    assert device.sign_in().status_code == 403


def test_leaving_from_home(zoe: Visitor, device: Speaker) -> None:
    pair(zoe, device)
    assert device.say("unpair", {}).status_code == 200
    assert "Porch" not in zoe.get("/cameras").text
    assert device.presence().status_code == 403


def test_a_no_at_home_ends_the_claim(zoe: Visitor, device: Speaker) -> None:
    device.authorize()
    claim(zoe, device)
    device.poll()
    assert "Waits for a yes" in zoe.get("/cameras").text
    device.sign_in()
    assert device.say("unpair", {}).status_code == 200
    listed = zoe.get("/cameras").text
    assert "Waits for a yes" not in listed
    assert "Porch" not in listed
    answer = device.presence()
    assert (answer.status_code, answer.get_json()["code"]) == (403, "unpaired")
    assert device.say("unpair", {}).get_json()["code"] == "unpaired", "and there is nothing left to end"


def test_leaving_late_does_not_end_the_code_that_is_shown_by_now(zoe: Visitor, device: Speaker) -> None:
    pair(zoe, device)
    device.authorize()
    assert device.say("unpair", {}).status_code == 200
    claim(zoe, device)
    assert device.poll().status_code == 200


def test_who_claims_it_next_has_it_once_somebody_at_home_said_yes(
    app: Flask, zoe: Visitor, device: Speaker, office: PostOffice
) -> None:
    pair(zoe, device)
    zoe.get(f"/enter?device={device.id}&nonce={'n' * 20}")
    buyer = other(app, office)
    device.authorize()
    claim(buyer, device)
    assert "Porch" in zoe.get("/cameras").text, "until then it is still hers"
    device.poll()
    device.presence()
    assert "Porch" in buyer.get("/cameras").text
    assert "Porch" not in zoe.get("/cameras").text


def test_new_keys_reach_a_device_that_has_the_old_ones(app: Flask, zoe: Visitor, device: Speaker) -> None:
    device.authorize()
    claim(zoe, device)
    pinned = portal_keys.parse(device.poll().get_json()["keys"])
    device.sign_in()
    device.presence()
    with app.app_context():
        assert signing.rotate() == 2
        token = signing.sign({"iss": URL}, "x")
    portal_keys.verified(pinned, token, "x", issuer=URL)  # a device that was away believes the next token
    newer = portal_keys.successor(pinned, device.presence().get_json()["keys"], URL)
    assert newer.version == 2
    assert set(newer.keys) == {"v1", "v2"}
    assert "keys" not in device.presence(keys_version=2).get_json()
    with app.app_context():
        assert signing.rotate() == 3
        token = signing.sign({"iss": URL}, "x")
    assert jwt.get_unverified_header(token)["kid"] == "v2"
    portal_keys.verified(newer, token, "x", issuer=URL)


def test_a_hundred_cameras_take_as_many_statements_as_one(app: Flask, zoe: Visitor, office: PostOffice) -> None:
    def statements() -> int:
        count = 0

        def counted(*_: object) -> None:
            nonlocal count
            count += 1

        with app.app_context():
            engine = db.engine
        event.listen(engine, "before_cursor_execute", counted)
        try:
            assert zoe.get("/cameras").status_code == 200
        finally:
            event.remove(engine, "before_cursor_execute", counted)
        return count

    first = Speaker(app)
    pair(zoe, first)
    one = statements()
    many = [{**CAMERAS[0], "id": f"cam-{number}", "name": f"Camera {number}"} for number in range(50)]
    first.presence(cameras=many)
    second = Speaker(app)
    pair(zoe, second)
    second.presence(cameras=many)
    assert statements() == one


def test_an_account_that_ends_takes_its_devices_with_it(zoe: Visitor, device: Speaker) -> None:
    pair(zoe, device)
    assert zoe.post("/account/delete", password="a green door behind the old house").status_code == 303
    assert device.presence().status_code == 403
