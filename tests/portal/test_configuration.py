"""Configuration on MariaDB: what a device told, edits that wait for it, and what became of them."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select

from pi_cam.remote import merging
from tests.portal.configuring import GAIN, LEVEL, ROWS, SEVERAL, answer_edit, edit, page, shown_in, tell, waiting
from tests.portal.conftest import Hands
from tests.portal.post_office import PostOffice
from tests.portal.speaking import Speaker
from tests.portal.test_devices import MAX, ZOE, other, pair
from tests.portal.test_sharing import share
from tests.portal.visitor import PASSWORD, Visitor
from web.portal.accounts.models import User
from web.portal.database import db
from web.portal.devices import configuration
from web.portal.devices.models import Device
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
    assert text.count("Overtaken") == 2, "at the row, and in the history"
    assert "Ada &lt;b&gt;" in text
    tell(device, {**LEVEL, "value": "debug", "version": 3})
    assert page(zoe, device).count("Overtaken") == 1, "of the row something newer is known"
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


def test_when_the_device_goes_its_configuration_goes(app: Flask, zoe: Visitor, device: Speaker) -> None:
    edit(zoe, device, log_level="debug")
    device.say("unpair", {})
    assert zoe.get(f"/devices/{device.id}/settings").status_code == 404
    with app.app_context():
        for table in (DeviceSetting, SettingEdit):
            assert db.session.execute(select(func.count()).select_from(table)).scalar_one() == 0
    assert tell(device).status_code == 403


def test_without_a_word_from_the_device_the_page_says_so(app: Flask, office: PostOffice) -> None:
    zoe, device = Visitor(app, office).join(MAX), Speaker(app)
    pair(zoe, device)
    assert "did not tell its settings yet" in page(zoe, device)


def test_the_moment_is_that_of_the_portal(app: Flask, zoe: Visitor, device: Speaker, hands: Hands) -> None:
    tell(device, {**LEVEL, "version": 2, "value": "error", "seconds_ago": 3600.0})
    with app.app_context():
        row = db.session.get(DeviceSetting, (device.id, "log_level"))
        assert row is not None
        assert row.edited_at is not None
        assert abs(hands() - row.edited_at - timedelta(hours=1)) < timedelta(seconds=1)


def test_an_edit_builds_upon_what_the_device_said_after_the_page_was_read(
    app: Flask, zoe: Visitor, device: Speaker
) -> None:
    edit(zoe, device, log_level="debug")
    with app.app_context():
        owner, ours = db.session.scalars(select(User)).one(), db.session.get(Device, device.id)
        assert ours is not None
        read = configuration.of(ours)
        assert ours.configuration == configuration.EDITS_WAIT
        with ThreadPoolExecutor(1) as pool:  # a request of its own
            pool.submit(answer_edit, device, "applied", {**LEVEL, "value": "debug", "version": 2}).result()
        configuration.propose(ours, {"log_level": ("error", 1)}, owner)
        db.session.commit()
        assert [(one.state, one.base) for one in read.edits] == [("applied", 1)]
    assert device.presence().get_json()["configuration"] == configuration.EDITS_WAIT, "it hears of the second"
    (one,) = waiting(device)
    assert (one["value"], one["base"]) == ("error", 2)


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
