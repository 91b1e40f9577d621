"""Sharing: what was granted and no more, to whom it was meant and nobody else, until the day that was said."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import Engine, select
from werkzeug.test import TestResponse

from pi_cam.trust import entry, portal_keys
from tests.portal.conftest import Hands
from tests.portal.post_office import PostOffice
from tests.portal.speaking import CAMERAS, Speaker
from tests.portal.test_devices import MAX, ZOE, other, pair
from tests.portal.visitor import PASSWORD, URL, Visitor
from web.portal.devices import signing
from web.portal.devices.models import Invitation

TWO = [CAMERAS[0], {**CAMERAS[0], "id": "garden", "name": "Garden"}]


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


def invite(owner: Visitor, device: Speaker, *boxes: str, email: str = MAX, until: str = "") -> TestResponse:
    fields = {"email": email, "until": until, **dict.fromkeys(boxes, "on")}
    return owner.post(f"/devices/{device.id}/invite", page=f"/devices/{device.id}/people", **fields)


def share(owner: Visitor, guest: Visitor, device: Speaker, *boxes: str, until: str = "") -> None:
    assert invite(owner, device, *boxes, until=until).status_code == 303
    assert guest.post(guest.office.link(MAX)).status_code == 303


def way_in(guest: Visitor, device: Speaker) -> entry.Entry:
    """What the device makes of the token that the portal gives."""
    entries = entry.Entries(device.id)
    page = guest.get(f"/enter?device={device.id}&nonce={entries.nonce('browser')}&camera=main")
    assert page.status_code == 200
    token = page.text.partition('name="token" value="')[2].partition('"')[0]
    with guest.client.application.app_context():
        keys = portal_keys.parse(signing.key_set())
    return entries.check(token, "browser", URL, keys)


def number_of(guest: Visitor, device: Speaker) -> str:
    return way_in(guest, device).subject


def test_who_was_invited_gets_what_was_chosen(zoe: Visitor, max_: Visitor, device: Speaker) -> None:
    share(zoe, max_, device, "main.view", "main.listen")
    shown = max_.get("/cameras").text
    assert "Front door" in shown
    assert "Garden" not in shown
    assert "Share it" not in shown
    assert "then=stop" not in shown
    assert max_.get(f"/enter?device={device.id}&nonce={'n' * 20}&camera=main&then=stop").status_code == 404
    found = way_in(max_, device)
    assert (found.role, found.can) == ("member", frozenset())
    assert found.on == {"main": {"view", "listen"}}
    assert MAX in zoe.get(f"/devices/{device.id}/people").text


def test_with_a_last_day_it_ends_by_itself(zoe: Visitor, max_: Visitor, device: Speaker, hands: Hands) -> None:
    tomorrow = f"{hands() + timedelta(days=1):%Y-%m-%d}"
    share(zoe, max_, device, "main.view", until=tomorrow)
    subject = number_of(max_, device)
    assert way_in(max_, device).role == "guest"
    assert set(device.say("epoch", {"subjects": [subject]}).get_json()["epochs"]) == {subject}
    hands.on(days=2)
    max_.sign_in(MAX)
    device.sign_in()
    assert "Front door" not in max_.get("/cameras").text
    assert max_.get(f"/enter?device={device.id}&nonce={'n' * 20}").status_code == 404
    assert device.say("epoch", {"subjects": [subject]}).get_json()["epochs"] == {}


def test_ending_it_raises_the_epoch_and_sends_them_away(zoe: Visitor, max_: Visitor, device: Speaker) -> None:
    share(zoe, max_, device, "main.view")
    subject, before = number_of(max_, device), way_in(max_, device).epoch
    invite(zoe, device, "main.view", "main.talk")
    zoe.get("/account")
    path = f"/devices/{device.id}/shares/{subject.removeprefix('account-')}/end"
    assert zoe.send("POST", path, data={"form_token": zoe.token}).status_code == 303
    assert device.say("epoch", {"subjects": [subject]}).get_json()["epochs"] == {}
    assert "Front door" not in max_.get("/cameras").text
    assert max_.get(max_.office.link(MAX)).status_code == 422, "nor by the invitation that waited"
    share(zoe, max_, device, "main.view")
    assert way_in(max_, device).epoch > before


def test_other_rights_end_what_was_opened_with_the_old_ones(zoe: Visitor, max_: Visitor, device: Speaker) -> None:
    share(zoe, max_, device, "main.view", "main.talk")
    before = way_in(max_, device)
    share(zoe, max_, device, "main.view")
    after = way_in(max_, device)
    assert after.epoch > before.epoch
    assert after.on == {"main": {"view"}}


def test_what_is_shared_later_comes_beside_what_was(zoe: Visitor, max_: Visitor, device: Speaker) -> None:
    share(zoe, max_, device, "main.view", "main.talk")
    share(zoe, max_, device, "garden.view")
    assert way_in(max_, device).on == {"main": {"view", "talk"}, "garden": {"view"}}


def test_of_two_invitations_both_are_good(zoe: Visitor, max_: Visitor, device: Speaker) -> None:
    invite(zoe, device, "main.view", "garden.view")
    first = max_.office.link(MAX)
    invite(zoe, device, "garden.view", "garden.listen")
    second = max_.office.link(MAX)
    assert first != second
    for link in (second, first):
        assert max_.post(link).status_code == 303
    assert way_in(max_, device).on == {"main": {"view"}, "garden": {"view", "listen"}}, "the newer words count"


def test_an_invitation_of_which_nothing_is_left_is_gone(zoe: Visitor, max_: Visitor, device: Speaker) -> None:
    invite(zoe, device, "main.view")
    first = max_.office.link(MAX)
    invite(zoe, device, "main.view", "main.talk")
    assert max_.get(first).status_code == 422
    zoe.get(f"/devices/{device.id}/people")
    zoe.send("POST", f"/devices/{device.id}/invitations/end", data={"form_token": zoe.token, "email": MAX})
    assert max_.get(max_.office.link(MAX)).status_code == 422


@pytest.mark.parametrize("days", [0, 5], ids=["waits", "too old"])
def test_no_invitation_keeps_the_address_of_who_goes(
    zoe: Visitor, max_: Visitor, device: Speaker, hands: Hands, engine: Engine, days: int
) -> None:
    invite(zoe, device, "main.view")
    link = max_.office.link(MAX)
    invite(zoe, device, "garden.view", email="eve@example.org")
    if days:
        hands.on(days=days)
        max_.sign_in(MAX)
    assert max_.post("/account/delete", password=PASSWORD).status_code == 303
    with engine.connect() as connection:
        assert list(connection.scalars(select(Invitation.email))) == ["eve@example.org"]
    max_.join(MAX)
    assert max_.get(link).status_code == 422


def test_a_guest_may_go(zoe: Visitor, max_: Visitor, device: Speaker) -> None:
    share(zoe, max_, device, "main.view")
    max_.get("/cameras")
    assert max_.send("POST", f"/devices/{device.id}/leave", data={"form_token": max_.token}).status_code == 303
    assert "Front door" not in max_.get("/cameras").text
    assert MAX not in zoe.get(f"/devices/{device.id}/people").text


def test_an_invitation_is_for_one_address_and_good_once(
    app: Flask, zoe: Visitor, max_: Visitor, device: Speaker, office: PostOffice
) -> None:
    invite(zoe, device, "main.view")
    link = office.link(MAX)
    eve = other(app, office, "eve@example.org")
    shown = eve.get(link)
    assert shown.status_code == 422
    assert "Porch" not in shown.text
    eve.get("/account")
    assert eve.send("POST", link, data={"form_token": eve.token}).status_code == 422
    assert max_.post(link).status_code == 303
    assert max_.get(link).status_code == 422


def test_it_grows_old_and_can_be_withdrawn(
    zoe: Visitor, max_: Visitor, device: Speaker, office: PostOffice, hands: Hands
) -> None:
    invite(zoe, device, "main.view")
    link = office.link(MAX)
    zoe.get(f"/devices/{device.id}/people")
    ended = zoe.send("POST", f"/devices/{device.id}/invitations/end", data={"form_token": zoe.token, "email": MAX})
    assert ended.status_code == 303
    assert max_.get(link).status_code == 422
    invite(zoe, device, "main.view")
    hands.on(hours=73)
    max_.sign_in(MAX)
    assert max_.get(office.link(MAX)).status_code == 422


def test_an_invitation_ends_with_its_last_day(zoe: Visitor, max_: Visitor, device: Speaker, hands: Hands) -> None:
    invite(zoe, device, "main.view", until=f"{hands():%Y-%m-%d}")
    hands.on(days=1)
    max_.sign_in(MAX)
    assert max_.get(max_.office.link(MAX)).status_code == 422


@pytest.mark.parametrize(
    "boxes",
    [(), ("main.listen",), ("other.view",), ("main.configure",), ("main.view.x",), ("main.view", "garden.talk")],
)
def test_choices_that_make_no_sense(zoe: Visitor, device: Speaker, boxes: tuple[str, ...]) -> None:
    assert invite(zoe, device, *boxes).status_code == 422


@pytest.mark.parametrize("until", ["2020-01-01", "tomorrow", "9999-99-99", "2026-13-01"])
def test_days_that_make_no_sense(zoe: Visitor, device: Speaker, until: str) -> None:
    assert invite(zoe, device, "main.view", until=until).status_code == 422


def test_configuring_cannot_be_given_away(zoe: Visitor, max_: Visitor, device: Speaker) -> None:
    share(zoe, max_, device, "main.view", "main.configure")
    assert way_in(max_, device).on == {"main": {"view"}}


def test_nobody_shares_or_ends_what_is_somebody_elses(
    app: Flask, zoe: Visitor, max_: Visitor, device: Speaker, office: PostOffice
) -> None:
    share(zoe, max_, device, "main.view")
    eve = other(app, office, "eve@example.org")
    number = number_of(max_, device).removeprefix("account-")
    for person in (max_, eve):
        person.get("/account")
        assert person.get(f"/devices/{device.id}/people").status_code == 404
        for path in ("invite", "invitations/end", f"shares/{number}/end", "remove"):
            answer = person.send(
                "POST", f"/devices/{device.id}/{path}", data={"form_token": person.token, "email": MAX}
            )
            assert answer.status_code == 404, path
    assert eve.send("POST", f"/devices/{device.id}/leave", data={"form_token": eve.token}).status_code == 404
    assert "Front door" in max_.get("/cameras").text


def test_the_owner_does_not_become_a_guest(zoe: Visitor, device: Speaker, office: PostOffice) -> None:
    invite(zoe, device, "main.view", email=ZOE)
    zoe.post(office.link(ZOE))
    assert way_in(zoe, device).role == "owner"


def test_when_the_device_goes_the_shares_go(zoe: Visitor, max_: Visitor, device: Speaker) -> None:
    share(zoe, max_, device, "main.view")
    device.say("unpair", {})
    assert "Front door" not in max_.get("/cameras").text


def test_the_mail_is_in_words(zoe: Visitor, device: Speaker, office: PostOffice) -> None:
    invite(zoe, device, "main.view")
    letter = next(one for one in office.letters if one["To"] == MAX)
    text = letter.get_content()
    assert ZOE in text
    assert "Porch" in text
    assert re.search(r"https://portal\.test/invitation/[\w-]{40,}", text)
