"""Configuration on MariaDB: what a device told, edits that wait for it, what became of them; nobody else's."""

from __future__ import annotations

import json
import re
import threading
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from pi_cam.remote import merging
from tests.contract.test_configuration import EXAMPLE
from tests.portal.conftest import Build, Hands
from tests.portal.post_office import PostOffice
from tests.portal.speaking import Speaker
from tests.portal.test_devices import MAX, ZOE, other, pair
from tests.portal.test_sharing import share
from tests.portal.visitor import PASSWORD, Visitor
from web.portal.database import db
from web.portal.devices.setting_models import DeviceSetting, SettingEdit

LEVEL: dict[str, Any] = {**EXAMPLE["rows"][0], "value": "info", "version": 1}
NAME = {
    **LEVEL,
    "name": "camera.main.name",
    "value": "Front door",
    "title": "Name of the camera",
    "help": "",
    "choices": [],
}
GAIN = {**LEVEL, "name": "gain", "title": "Microphone gain", "value": 0.0, "kind": "number", "choices": []}
GAIN |= {"low": -40, "high": 40}
SEVERAL = {**LEVEL, "name": "several", "title": "Several may talk", "value": False, "kind": "boolean", "choices": []}
TUNNEL = {
    **LEVEL,
    "name": "tunnel",
    "title": "Tunnel",
    "value": "named",
    "choices": ["off", "named"],
    "editable": False,
}
ROWS = [NAME, LEVEL, GAIN, SEVERAL, TUNNEL]


@pytest.fixture
def device(app: Flask) -> Speaker:
    return Speaker(app)


@pytest.fixture
def zoe(visitor: Visitor, device: Speaker) -> Visitor:
    visitor.join(ZOE)
    pair(visitor, device)
    assert tell(device).status_code == 200
    return visitor


def tell(device: Speaker, *rows: dict[str, Any], **changed: Any) -> TestResponse:
    names = [row["name"] for row in ROWS]
    body = {"names": names, "rows": list(rows or ROWS), "outcomes": [], **changed}
    return device.say("config", body)


def waiting(device: Speaker) -> list[dict[str, Any]]:
    return list(tell(device, rows=[]).get_json()["edits"])


def page(person: Visitor, device: Speaker) -> str:
    return person.get(f"/devices/{device.id}/settings").text


def shown_in(text: str) -> dict[str, str]:
    """The form as a browser would send it back."""
    fields = dict(re.findall(r'name="(shown\.[^"]+)" value="([^"]*)"', text))
    fields |= dict(re.findall(r'<input id="[^"]+" name="(value\.[^"]+)"[^>]* value="([^"]*)"', text))
    for name, options in re.findall(r'<select id="[^"]+" name="(value\.[^"]+)".*?>(.*?)</select>', text, re.DOTALL):
        fields[name] = re.findall(r'value="([^"]*)" selected', options)[0]
    fields |= dict.fromkeys(re.findall(r'type="checkbox" name="(value\.[^"]+)" checked', text), "on")
    return {name: value.replace("&#34;", '"') for name, value in fields.items()}


def edit(person: Visitor, device: Speaker, **changed: str | None) -> TestResponse:
    path = f"/devices/{device.id}/settings"
    fields = {"form_token": person.token, **shown_in(page(person, device))}
    for name, value in changed.items():
        fields.pop(f"value.{name.replace('__', '.')}", None)
        if value is not None:
            fields[f"value.{name.replace('__', '.')}"] = value
    return person.send("POST", path, data=fields | {"form_token": person.token})


def answer_edit(device: Speaker, result: str, row: dict[str, Any] | None = None, **changed: Any) -> None:
    (one,) = waiting(device)
    outcome = {"key": one["key"], "result": result, "why": "", "version": 2, "other": None, **changed}
    assert tell(device, rows=[row] if row else [], outcomes=[outcome]).status_code == 200


def test_what_the_device_told_is_on_the_page(zoe: Visitor, device: Speaker) -> None:
    text = page(zoe, device)
    assert shown_in(text) == {
        "shown.camera.main.name": '[1, "Front door"]',
        "value.camera.main.name": "Front door",
        "shown.log_level": '[1, "info"]',
        "value.log_level": "info",
        "shown.gain": "[1, 0.0]",
        "value.gain": "0",
        "shown.several": "[1, false]",
    }
    assert "named" in text, "shown, but in no form"
    assert f"/devices/{device.id}/settings" in zoe.get("/cameras").text


def test_the_digest_is_the_devices_until_an_edit_waits(zoe: Visitor, device: Speaker) -> None:
    versions = {row["name"]: 1 for row in ROWS}
    assert device.presence().get_json()["configuration"] == merging.digest(versions)
    edit(zoe, device, log_level="debug")
    assert device.presence().get_json()["configuration"] != merging.digest(versions)
    answer_edit(device, "applied", {**LEVEL, "value": "debug", "version": 2})
    assert device.presence().get_json()["configuration"] == merging.digest({**versions, "log_level": 2})


def test_from_the_edit_to_its_end(zoe: Visitor, device: Speaker, hands: Hands) -> None:
    sent = edit(zoe, device, log_level="debug")
    assert (sent.status_code, sent.headers["Location"]) == (303, f"/devices/{device.id}/settings")
    assert "Waits for the camera" in page(zoe, device)
    hands.on(seconds=30)
    (one,) = waiting(device)
    assert (one["name"], one["value"], one["base"], one["by"]) == ("log_level", "debug", 1, "z***@example.org")
    assert 30 <= one["seconds_ago"] < 40
    assert waiting(device) == [one], "until the device says what became of it"
    answer_edit(device, "applied", {**LEVEL, "value": "debug", "version": 2, "by": "z***@example.org"})
    text = page(zoe, device)
    assert "Waits for the camera" not in text
    assert "Done" in text
    assert shown_in(text)["shown.log_level"] == '[2, "debug"]'
    assert waiting(device) == []


def test_what_was_not_changed_is_not_sent(zoe: Visitor, device: Speaker) -> None:
    assert "Nothing was changed." in zoe.get(edit(zoe, device).headers["Location"]).text
    assert waiting(device) == []
    edit(zoe, device, several="on", gain="-3.5", camera__main__name="Garden")
    assert {one["name"]: one["value"] for one in waiting(device)} == {
        "several": True,
        "gain": -3.5,
        "camera.main.name": "Garden",
    }
    edit(zoe, device)
    assert len(waiting(device)) == 3, "the form shows what waits, and sends it back"


def test_a_refusal_is_shown_in_the_devices_words_and_in_french(app: Flask, zoe: Visitor, device: Speaker) -> None:
    edit(zoe, device, camera__main__name="Garden")
    answer_edit(device, "refused", why="A name has no invisible signs.")
    assert "A name has no invisible signs." in page(zoe, device)
    zoe.language = "fr"
    text = page(zoe, device)
    assert "Refusé" in text
    assert "invisible signs" not in text


def test_a_conflict_is_shown_with_whose_edit_it_was(zoe: Visitor, device: Speaker) -> None:
    edit(zoe, device, log_level="debug")
    at_home = {**LEVEL, "value": "error", "version": 2, "seconds_ago": 3.0, "by": "Ada <b>"}
    lost = {"value": "error", "by": "Ada <b>", "seconds_ago": 3.0}
    answer_edit(device, "overtaken", at_home, why="It was changed at home after that.", other=lost)
    text = page(zoe, device)
    assert "Overtaken" in text
    assert "Ada &lt;b&gt;" in text
    edit(zoe, device, log_level="warning")
    answer_edit(
        device,
        "applied",
        {**LEVEL, "value": "warning", "version": 4},
        version=4,
        other={"value": "info", "by": "Ben", "seconds_ago": None},
    )
    text = page(zoe, device)
    assert "At home it had been set to:" in text
    assert "Ben" in text


def test_a_change_at_home_is_in_the_history(zoe: Visitor, device: Speaker, app: Flask) -> None:
    tell(device, {**LEVEL, "value": "error", "version": 4, "by": "Ada"})
    assert "at home, Ada" in page(zoe, device)
    with app.app_context():
        (row,) = db.session.execute(select(SettingEdit)).scalars()
        assert (row.origin, row.base, row.version, row.value) == ("home", 1, 4, '"error"')


def test_it_can_be_taken_back_until_the_device_heard_of_it(zoe: Visitor, device: Speaker) -> None:
    edit(zoe, device, log_level="debug")
    (one,) = waiting(device)
    path = f"/devices/{device.id}/settings/{one['key']}/withdraw"
    page(zoe, device)
    assert zoe.send("POST", path, data={"form_token": zoe.token}).status_code == 303
    assert waiting(device) == []
    assert zoe.send("POST", path, data={"form_token": zoe.token}).status_code == 404
    outcome = {"key": one["key"], "result": "applied", "why": "", "version": 2, "other": None}
    tell(device, {**LEVEL, "value": "debug", "version": 2}, outcomes=[outcome])
    assert "Done" in page(zoe, device), "it had heard of it already"


def test_who_is_behind_is_told_by_how_much(zoe: Visitor, device: Speaker) -> None:
    tell(device, {**LEVEL, "version": 7})
    answer = tell(device, {**LEVEL, "version": 3}, {**GAIN, "value": 1.0}, SEVERAL).get_json()
    assert answer["behind"] == {"log_level": 7, "gain": 1}
    assert "[1, 0.0]" in page(zoe, device).replace("&#34;", '"')


def test_a_row_that_went_is_gone(zoe: Visitor, device: Speaker) -> None:
    answer = tell(device, names=["gain"], rows=[])
    assert answer.get_json()["digest"] == merging.digest({"gain": 1})
    assert set(shown_in(page(zoe, device))) == {"shown.gain", "value.gain"}


@pytest.mark.parametrize(
    "changed",
    [
        {"log_level": "loud"},
        {"gain": "41"},
        {"gain": "nan"},
        {"gain": "inf"},
        {"gain": ""},
        {"gain": "x"},
        {"camera__main__name": "a\x00b"},
        {"camera__main__name": "x" * 1001},
    ],
    ids=str,
)
def test_values_that_cannot_be_are_said_at_once_and_what_was_typed_stays(
    zoe: Visitor, device: Speaker, changed: dict[str, str]
) -> None:
    answer = edit(zoe, device, **changed, several="on")
    assert answer.status_code == 422
    assert "This value does not fit there." in answer.text
    assert 'name="value.several" checked' in answer.text
    assert waiting(device) == []


@pytest.mark.parametrize("shown", ["", "7", "[]", "[1]", '["1", "info"]', "[true, 1]", "[9, 1]", "[-1, 1]", "[" * 4000])
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


def test_when_the_device_goes_its_configuration_goes(app: Flask, zoe: Visitor, device: Speaker) -> None:
    edit(zoe, device, log_level="debug")
    device.say("unpair", {})
    assert zoe.get(f"/devices/{device.id}/settings").status_code == 404
    with app.app_context():
        for table in (DeviceSetting, SettingEdit):
            assert db.session.execute(select(func.count()).select_from(table)).scalar_one() == 0
    assert tell(device).status_code == 403


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


def test_without_a_word_from_the_device_the_page_says_so(app: Flask, office: PostOffice) -> None:
    zoe, device = Visitor(app, office).join(MAX), Speaker(app)
    pair(zoe, device)
    assert "did not tell its settings yet" in page(zoe, device)


def test_kinds_that_do_not_fit_their_values_break_no_page(zoe: Visitor, device: Speaker) -> None:
    for value in ("x", True, 1.5, "", -0.0, 1e14):
        for number, kind in enumerate(("boolean", "integer", "number", "text")):
            version = 1 + number + 10 * [*("x", True, 1.5, "", -0.0, 1e14)].index(value)
            tell(device, {**GAIN, "kind": kind, "value": value, "version": version + 1})
            assert zoe.get(f"/devices/{device.id}/settings").status_code == 200


def test_the_moment_is_that_of_the_portal(app: Flask, zoe: Visitor, device: Speaker, hands: Hands) -> None:
    tell(device, {**LEVEL, "version": 2, "value": "error", "seconds_ago": 3600.0})
    with app.app_context():
        row = db.session.get(DeviceSetting, (device.id, "log_level"))
        assert row is not None
        assert row.edited_at is not None
        assert abs(hands() - row.edited_at - timedelta(hours=1)) < timedelta(seconds=1)


def test_what_is_taken_along_has_devices_shares_and_configuration(
    app: Flask, zoe: Visitor, device: Speaker, office: PostOffice
) -> None:
    max_ = other(app, office)
    share(zoe, max_, device, "main.view", "main.talk")
    edit(zoe, device, log_level="debug")
    said = json.loads(zoe.get("/account/export").text)
    (mine,) = said["devices"]
    assert (mine["id"], mine["name"], mine["cameras"]) == (device.id, "Porch", [{"id": "main", "name": "Front door"}])
    assert {row["name"]: row["value"] for row in mine["settings"]} == {row["name"]: row["value"] for row in ROWS}
    assert [(one["name"], one["value"], one["state"]) for one in mine["setting_edits"]] == [
        ("log_level", "debug", "waiting")
    ]
    assert [(one["email"], one["camera"], one["can"]) for one in mine["shares"]] == [(MAX, "main", ["view", "talk"])]
    assert said["shared_with_me"] == []
    theirs = json.loads(max_.get("/account/export").text)
    assert theirs["devices"] == []
    assert [(one["device"], one["owner"], one["can"]) for one in theirs["shared_with_me"]] == [
        ("Porch", ZOE, ["view", "talk"])
    ]
    assert "log_level" not in json.dumps(theirs)


def test_what_was_typed_is_there_again_after_the_proof(zoe: Visitor, device: Speaker, hands: Hands) -> None:
    hands.on(minutes=16)
    device.sign_in()
    sent = edit(zoe, device, gain="7.5", several="on", log_level="error")
    zoe.post("/verify", page=sent.headers["Location"], password=PASSWORD, next=f"/devices/{device.id}/settings")
    fields = shown_in(page(zoe, device))
    assert (fields["value.gain"], fields["value.several"], fields["value.log_level"]) == ("7.5", "on", "error")
    assert waiting(device) == [], "until it is sent once more"
