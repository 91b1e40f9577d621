"""Configuration when somebody means harm: other people's devices, hostile devices, forms of one's own."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from tests.portal.configuring import GAIN, LEVEL, edit, page, shown_in, tell, waiting
from tests.portal.conftest import Build, Hands
from tests.portal.post_office import PostOffice
from tests.portal.speaking import Speaker
from tests.portal.test_devices import ZOE, other, pair
from tests.portal.test_sharing import share
from tests.portal.visitor import Visitor
from web.portal.database import db
from web.portal.devices.setting_models import DeviceSetting, SettingEdit


@pytest.fixture
def device(app: Flask) -> Speaker:
    return Speaker(app)


@pytest.fixture
def zoe(visitor: Visitor, device: Speaker) -> Visitor:
    visitor.join(ZOE)
    pair(visitor, device)
    assert tell(device).status_code == 200
    return visitor


@pytest.mark.parametrize(
    "changed",
    [
        {"log_level": "loud"},
        {"gain": "41"},
        {"gain": "nan"},
        {"gain": "inf"},
        {"gain": ""},
        {"gain": "x"},
        {"gain": "9" * 400},
        {"gain": "9" * 5000},
        {"camera__main__name": "a\x00b"},
        {"camera__main__name": "x" * 201},
    ],
    ids=lambda changed: str(changed)[:40],
)
def test_values_that_cannot_be_are_said_at_once_and_what_was_typed_stays(
    zoe: Visitor, device: Speaker, changed: dict[str, str]
) -> None:
    answer = edit(zoe, device, **changed, several="on")
    assert answer.status_code == 422
    assert "This value does not fit there." in answer.text
    assert 'name="value.several" checked' in answer.text
    assert waiting(device) == []


@pytest.mark.parametrize("digits", [16, 400, 5000])
def test_a_whole_number_that_is_far_too_large(zoe: Visitor, device: Speaker, digits: int) -> None:
    tell(device, {**GAIN, "kind": "integer", "value": 0, "low": None, "high": None, "version": 2})
    assert edit(zoe, device, gain="9" * digits).status_code == 422
    assert edit(zoe, device, gain="-" + "9" * digits).status_code == 422
    assert waiting(device) == []


STRANGE = ("", "7", "[]", "[1]", '["1", "info"]', "[true, 1]", "[9, 1]", "[-1, 1]", "[" * 4000, f"[{'9' * 400}, 1]")


@pytest.mark.parametrize("shown", STRANGE)
def test_forms_that_nobody_was_given_are_refused(zoe: Visitor, device: Speaker, shown: str) -> None:
    page(zoe, device)
    fields = {"form_token": zoe.token, "shown.log_level": shown, "value.log_level": "debug"}
    assert zoe.send("POST", f"/devices/{device.id}/settings", data=fields).status_code == 422
    assert waiting(device) == []


def test_what_the_device_closed_is_not_edited_by_a_form_of_ones_own(zoe: Visitor, device: Speaker) -> None:
    page(zoe, device)
    fields = {"form_token": zoe.token, "shown.tunnel": '[1, "named"]', "value.tunnel": "off"}
    assert zoe.send("POST", f"/devices/{device.id}/settings", data=fields).status_code == 303
    assert waiting(device) == []


def test_a_stale_proof_is_asked_for_before_anything_is_changed(zoe: Visitor, device: Speaker, hands: Hands) -> None:
    hands.on(minutes=16)
    device.sign_in()
    assert edit(zoe, device, log_level="debug").headers["Location"].startswith("/verify?next=")
    assert waiting(device) == []


def test_it_is_nobody_elses(app: Flask, zoe: Visitor, device: Speaker, office: PostOffice) -> None:
    max_ = other(app, office)
    share(zoe, max_, device, "main.view", "main.control")
    edit(zoe, device, log_level="debug")
    (one,) = waiting(device)
    eve = other(app, office, "eve@example.org")
    for person in (max_, eve):
        person.get("/account")
        assert person.get(f"/devices/{device.id}/settings").status_code == 404
        for path in ("settings", f"settings/{one['key']}/withdraw"):
            fields = {"form_token": person.token, "shown.log_level": '[1, "info"]', "value.log_level": "error"}
            assert person.send("POST", f"/devices/{device.id}/{path}", data=fields).status_code == 404
        assert "settings" not in person.get("/cameras").text
    assert waiting(device) == [one]


def test_a_device_speaks_for_itself_only(app: Flask, zoe: Visitor, device: Speaker, office: PostOffice) -> None:
    edit(zoe, device, log_level="debug")
    (one,) = waiting(device)
    foreign = Speaker(app)
    pair(other(app, office), foreign)
    outcome = {"key": one["key"], "result": "refused", "why": "ha", "version": 9, "other": None}
    answer = tell(foreign, {**LEVEL, "value": "error", "version": 9}, names=["log_level"], outcomes=[outcome])
    assert answer.get_json()["edits"] == []
    assert waiting(device) == [one]
    assert shown_in(page(zoe, device))["shown.log_level"] == '[1, "debug"]', "what waits, upon what was told"


def bad(**changed: Any) -> dict[str, Any]:
    return {"names": ["log_level"], "rows": [{**LEVEL, **changed}], "outcomes": []}


END = {"key": "k", "result": "applied", "why": "", "version": 2, "other": None}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"names": [], "rows": []},
        {"names": [], "rows": [], "outcomes": [], "owner_id": 1},
        {"names": ["../x"], "rows": [], "outcomes": []},
        {"names": ["x"] * 101, "rows": [], "outcomes": []},
        {"names": [], "rows": [LEVEL], "outcomes": []},
        {"names": ["log_level"], "rows": [LEVEL, LEVEL], "outcomes": []},
        bad(value=None),
        bad(value=[1]),
        bad(value="x" * 1001),
        bad(value=10**20),
        bad(value=10**400),
        bad(value=-(10**400)),
        bad(version=10**400),
        bad(seconds_ago=10**400),
        bad(low=10**400),
        bad(version=0.5),
        bad(version=2**53),
        bad(version=-1),
        bad(version=True),
        bad(seconds_ago=-1),
        bad(seconds_ago=1e12),
        bad(by="x" * 65),
        bad(title="a\nb"),
        bad(help="x" * 601),
        bad(kind="secret"),
        bad(low="x"),
        bad(choices=["x"] * 21),
        bad(editable="yes"),
        bad(device_id="a" * 20),
        *(
            {"names": [], "rows": [], "outcomes": [{**END, **one}]}
            for one in ({"result": "waiting"}, {"key": ""}, {"x": 1})
        ),
        {"names": [], "rows": [], "outcomes": [{**END, "other": {"value": 1}}]},
    ],
    ids=lambda body: json.dumps(body)[:60],
)
def test_words_that_make_no_sense_change_nothing(zoe: Visitor, device: Speaker, body: dict[str, Any]) -> None:
    before = shown_in(page(zoe, device))
    assert device.say("config", body).status_code == 422
    assert shown_in(page(zoe, device)) == before


def test_not_a_number_is_refused(zoe: Visitor, device: Speaker) -> None:
    for name in ("value", "seconds_ago", "low"):
        assert device.say("config", bad(**{name: float("nan")})).status_code == 422


def test_a_flood_stays_small_and_ends(app: Flask, zoe: Visitor, device: Speaker) -> None:
    statuses = []
    for version in range(2, 140):
        rows = [{**GAIN, "name": f"row-{one}", "value": version, "version": version} for one in range(100)]
        statuses.append(tell(device, *rows, names=[row["name"] for row in rows]).status_code)
    assert set(statuses) == {200, 429}
    assert statuses[-1] == 429
    with app.app_context():
        for table in (DeviceSetting, SettingEdit):
            assert db.session.execute(select(func.count()).select_from(table)).scalar_one() <= 200
    assert zoe.get(f"/devices/{device.id}/settings").status_code == 200


def test_ten_megabytes_are_refused(zoe: Visitor, device: Speaker) -> None:
    assert device.say("config", bad(help="x" * 10_000_000)).status_code == 413


def test_an_owner_and_a_device_at_the_same_moment(build: Build, office: PostOffice) -> None:
    app = build()
    zoe, device = Visitor(app, office).join(ZOE), Speaker(app)
    pair(zoe, device)
    tell(device)
    together, statuses = threading.Barrier(3), []
    fields = {"form_token": zoe.token, **shown_in(page(zoe, device)), "value.log_level": "debug"}
    fields["form_token"] = zoe.token

    def by_owner() -> None:
        together.wait()
        statuses.append(zoe.send("POST", f"/devices/{device.id}/settings", data=fields).status_code)

    def by_device(version: int) -> None:
        together.wait()
        twin = Speaker(app)
        twin.access, twin.id = device.access, device.id
        statuses.append(tell(twin, {**LEVEL, "value": "error", "version": version}).status_code)

    threads = [threading.Thread(target=by_owner), *(threading.Thread(target=by_device, args=(n,)) for n in (2, 3))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, 200, 303]
    (one,) = waiting(device)
    assert (one["value"], one["base"]) == ("debug", 1)
    assert tell(device, {**LEVEL, "value": "error", "version": 3}).get_json()["behind"] == {}


def test_an_address_of_the_greatest_length_edits_too(app: Flask, device: Speaker, office: PostOffice) -> None:
    email = f"x@{'.'.join(('a' * 63, 'b' * 63, 'c' * 63, 'd' * 56))}.org"
    assert len(email) == 254
    person = Visitor(app, office).join(email)
    pair(person, device)
    tell(device)
    assert edit(person, device, log_level="debug").status_code == 303
    (one,) = waiting(device)
    assert one["by"].startswith("x***@aaa")


def test_what_a_device_calls_things_is_text(zoe: Visitor, device: Speaker) -> None:
    evil = "<script>alert(1)</script>%(x)s {{7*7}}"
    tell(
        device,
        {**GAIN, "title": evil, "help": evil, "version": 2},
        {**LEVEL, "choices": [evil], "value": evil, "version": 2},
    )
    text = page(zoe, device)
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;%(x)s {{7*7}}" in text


def test_kinds_that_do_not_fit_their_values_break_no_page(zoe: Visitor, device: Speaker) -> None:
    for value in ("x", True, 1.5, "", -0.0, 1e14):
        for number, kind in enumerate(("boolean", "integer", "number", "text")):
            version = 1 + number + 10 * [*("x", True, 1.5, "", -0.0, 1e14)].index(value)
            tell(device, {**GAIN, "kind": kind, "value": value, "version": version + 1})
            assert zoe.get(f"/devices/{device.id}/settings").status_code == 200
