"""Changing a share without another invitation; and forms that outlive a proof that grew stale."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from tests.portal.conftest import Hands
from tests.portal.post_office import PostOffice
from tests.portal.speaking import Speaker
from tests.portal.test_devices import MAX, ZOE, other, pair
from tests.portal.test_sharing import TWO, invite, number_of, share, way_in
from tests.portal.visitor import PASSWORD, Visitor
from web.portal.database import db
from web.portal.devices.models import Share


@pytest.fixture
def device(app: Flask) -> Speaker:
    return Speaker(app)


@pytest.fixture
def zoe(visitor: Visitor, device: Speaker) -> Visitor:
    visitor.join(ZOE)
    pair(visitor, device)
    device.presence(cameras=TWO)
    return visitor


@pytest.fixture
def max_(app: Flask, office: PostOffice) -> Visitor:
    return other(app, office)


def change(owner: Visitor, guest: Visitor, device: Speaker, *boxes: str, **until: str) -> TestResponse:
    """`until`: the last day, by camera."""
    number = number_of(guest, device).removeprefix("account-")
    days = {f"{camera}.until": until.get(camera, "") for camera in ("main", "garden")}
    fields = {"user": number, **days, **dict.fromkeys(boxes, "on")}
    return owner.post(f"/devices/{device.id}/shares/{number}", page=f"/devices/{device.id}/people", **fields)


def test_a_share_is_changed_without_another_invitation(
    zoe: Visitor, max_: Visitor, device: Speaker, hands: Hands
) -> None:
    share(zoe, max_, device, "main.view", "main.talk")
    before = way_in(max_, device)
    tomorrow = f"{hands() + timedelta(days=1):%Y-%m-%d}"
    assert change(zoe, max_, device, "main.view", "garden.view", "garden.control", main=tomorrow).status_code == 303
    after = way_in(max_, device)
    assert after.epoch > before.epoch, "what was opened before ends"
    assert after.on == {"main": {"view"}, "garden": {"view", "control"}}
    assert after.role == "guest"
    assert days_shown(zoe, device) == {"main.until": tomorrow, "garden.until": ""}
    assert change(zoe, max_, device, "garden.view").status_code == 303
    assert way_in(max_, device).on == {"garden": {"view"}}
    assert way_in(max_, device).role == "member"


def days_shown(owner: Visitor, device: Speaker) -> dict[str, str]:
    """In the form for the one person with whom it is shared."""
    text = owner.get(f"/devices/{device.id}/people").text
    return dict(re.findall(r'name="(\w+\.until)" type="date" value="([^"]*)"', text))


def ends_of(owner: Visitor, device: Speaker) -> dict[str, str | None]:
    with owner.client.application.app_context():
        rows = db.session.scalars(select(Share).where(Share.device_id == device.id))
        return {row.camera: f"{row.until:%Y-%m-%d}" if row.until else None for row in rows}


def test_each_camera_keeps_its_own_last_day(zoe: Visitor, max_: Visitor, device: Speaker, hands: Hands) -> None:
    soon, late = (f"{hands() + timedelta(days=days):%Y-%m-%d}" for days in (2, 60))
    share(zoe, max_, device, "main.view", until=soon)
    share(zoe, max_, device, "garden.view", until=late)
    shown = days_shown(zoe, device)
    assert shown == {"main.until": soon, "garden.until": late}
    days = {name.partition(".")[0]: day for name, day in shown.items()}
    assert change(zoe, max_, device, "main.view", "main.talk", "garden.view", **days).status_code == 303
    assert way_in(max_, device).on == {"main": {"view", "talk"}, "garden": {"view"}}
    assert ends_of(zoe, device) == {"main": soon, "garden": late}


def test_a_share_that_ran_out_is_not_carried_on(zoe: Visitor, max_: Visitor, device: Speaker, hands: Hands) -> None:
    share(zoe, max_, device, "main.view", until=f"{hands():%Y-%m-%d}")
    share(zoe, max_, device, "garden.view")
    hands.on(days=2)
    zoe.sign_in(ZOE)
    max_.sign_in(MAX)
    text = zoe.get(f"/devices/{device.id}/people").text
    assert "Ended:" in text
    assert 'name="main.view" checked' not in text
    assert days_shown(zoe, device) == {"main.until": "", "garden.until": ""}
    assert change(zoe, max_, device, "garden.view", "garden.talk").status_code == 303
    assert ends_of(zoe, device) == {"garden": None}


def test_what_was_refused_of_a_change_stays_in_its_form(zoe: Visitor, max_: Visitor, device: Speaker) -> None:
    share(zoe, max_, device, "main.view")
    text = change(zoe, max_, device, "main.view", "garden.view", garden="2020-01-01").text
    assert 'name="garden.until" type="date" value="2020-01-01"' in text
    assert ends_of(zoe, device) == {"main": None}


def test_changed_rights_hide_nothing_of_what_a_guest_did_before(
    zoe: Visitor, max_: Visitor, device: Speaker, hands: Hands
) -> None:
    """The journal shows it from the day on which they were let in."""
    share(zoe, max_, device, "main.view")
    let_in = hands()
    hands.on(minutes=5)
    assert change(zoe, max_, device, "main.view", "main.talk").status_code == 303
    with zoe.client.application.app_context():
        assert db.session.scalars(select(Share.created_at)).one() == let_in


@pytest.mark.parametrize("boxes", [(), ("main.talk",), ("main.configure",), ("other.view",)])
def test_a_change_that_makes_no_sense_changes_nothing(
    zoe: Visitor, max_: Visitor, device: Speaker, boxes: tuple[str, ...]
) -> None:
    share(zoe, max_, device, "main.view", "main.listen")
    assert change(zoe, max_, device, *boxes).status_code == 422
    assert change(zoe, max_, device, "main.view", main="2020-01-01").status_code == 422
    assert way_in(max_, device).on == {"main": {"view", "listen"}}


def test_who_has_no_share_gets_none_by_a_change(
    app: Flask, zoe: Visitor, max_: Visitor, device: Speaker, office: PostOffice
) -> None:
    share(zoe, max_, device, "main.view")
    number = number_of(max_, device).removeprefix("account-")
    eve = other(app, office, "eve@example.org")
    page = f"/devices/{device.id}/people"
    assert zoe.post(f"/devices/{device.id}/shares/999999", page=page, **{"main.view": "on"}).status_code == 404
    for person in (max_, eve):
        person.get("/account")
        fields = {"form_token": person.token, "main.view": "on", "main.control": "on"}
        assert person.send("POST", f"/devices/{device.id}/shares/{number}", data=fields).status_code == 404
    assert way_in(max_, device).on == {"main": {"view"}}


def test_what_was_typed_is_there_again_after_the_proof(zoe: Visitor, device: Speaker, hands: Hands) -> None:
    hands.on(minutes=16)
    until = f"{hands() + timedelta(days=2):%Y-%m-%d}"
    sent = invite(zoe, device, "garden.view", "garden.talk", until=until)
    page = f"/devices/{device.id}/people"
    assert sent.headers["Location"] == f"/verify?next={page}".replace("/devices", "%2Fdevices", 1).replace(
        f"/{device.id}/", f"%2F{device.id}%2F"
    )
    onward = zoe.post("/verify", page=sent.headers["Location"], password=PASSWORD, next=page)
    assert onward.headers["Location"] == page
    text = zoe.get(page).text
    assert f'value="{MAX}"' in text
    assert f'value="{until}"' in text
    assert re.findall(r'name="(\w+\.\w+)" checked', text) == ["garden.view", "garden.talk"]
    assert f'value="{MAX}"' not in zoe.get(page).text, "once"


def test_what_was_refused_stays_in_the_form(zoe: Visitor, device: Speaker) -> None:
    text = invite(zoe, device, "garden.talk").text
    assert f'value="{MAX}"' in text
    assert 'name="garden.talk" checked' in text


def test_far_too_much_is_not_kept(zoe: Visitor, device: Speaker, hands: Hands) -> None:
    hands.on(minutes=16)
    sent = invite(zoe, device, "main.view", email="x" * 20_000)
    assert sent.headers["Location"].startswith("/verify")
    zoe.post("/verify", page=sent.headers["Location"], password=PASSWORD)
    assert "xxxx" not in zoe.get(f"/devices/{device.id}/people").text
