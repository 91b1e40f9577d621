"""Relays that the portal lends: to devices only, for an hour, under names that say nothing."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import re
from typing import Any

import pytest
from flask import Flask

from pi_cam.remote.relays import Relays
from tests.portal.cloudflare_double import GOOD, KEY, TOKEN, cloudflare
from tests.portal.conftest import Build, Hands
from tests.portal.post_office import PostOffice
from tests.portal.speaking import Speaker
from tests.portal.test_devices import other, pair
from tests.portal.visitor import Visitor
from web.portal.devices import device_api
from web.portal.turn import CloudflareTurn, OwnTurn

SHARED = "kQ7vN2xRz4LmWp9TfYbC3hJd6GsUe8oAi5Bt"
URLS = ("turn:turn.example.org:3478?transport=udp", "turns:turn.example.org:443?transport=tcp")
VIEWER = "0123456789abcdef" * 2


def paired(app: Flask, office: PostOffice) -> Speaker:
    device = Speaker(app)
    pair(Visitor(app, office).join("zoe@example.org"), device)
    return device


@pytest.fixture
def device(build: Build, office: PostOffice) -> Speaker:
    return paired(build(turn=OwnTurn(URLS, SHARED)), office)


def lent(device: Speaker, viewer: str = VIEWER) -> dict[str, Any]:
    answer = device.say("ice", {"viewer": viewer})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.get_json()
    return found


def test_credentials_as_a_turn_server_checks_them(device: Speaker, hands: Hands) -> None:
    answer = lent(device)
    (server,) = answer["ice_servers"]
    assert (answer["seconds"], server["urls"]) == (3600, list(URLS))
    ends, _, name = server["username"].partition(":")
    assert int(ends) == int(hands().timestamp()) + 3600
    digest = hmac.new(SHARED.encode(), server["username"].encode(), hashlib.sha1).digest()
    assert server["credential"] == base64.b64encode(digest).decode()
    assert name not in (VIEWER, device.id)


def name_lent(device: Speaker, viewer: str = VIEWER) -> str:
    """By which the TURN server counts."""
    name: str = lent(device, viewer)["ice_servers"][0]["username"].partition(":")[2]
    return name


def test_all_viewers_and_devices_of_an_account_have_one_name(device: Speaker, office: PostOffice) -> None:
    """A device may name as many viewers as it likes: the server's quota is for the account."""
    app = device.client.application
    second, foreign = Speaker(app), Speaker(app)
    visitor = Visitor(app, office)
    visitor.sign_in("zoe@example.org")
    pair(visitor, second)
    pair(other(app, office), foreign)
    names = [name_lent(device), name_lent(device, "f" * 32), name_lent(second)]
    assert len(set(names)) == 1
    assert name_lent(foreign) not in names


def test_an_account_that_asks_without_end_is_slowed_down(
    device: Speaker, office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With however many devices; nobody else is."""
    monkeypatch.setattr(device_api, "ICE_OWNER_LIMIT", "4 per hour")
    app = device.client.application
    second, foreign = Speaker(app), Speaker(app)
    visitor = Visitor(app, office)
    visitor.sign_in("zoe@example.org")
    pair(visitor, second)
    pair(other(app, office), foreign)
    asked = [one.say("ice", {"viewer": VIEWER}).status_code for one in (device, second) * 3]
    assert asked == [200] * 4 + [429] * 2
    assert foreign.say("ice", {"viewer": VIEWER}).status_code == 200


def test_the_device_takes_what_is_answered(device: Speaker) -> None:
    class Client:
        address = ""
        authorize = poll = None

        def say(self, noun: str, body: dict[str, Any]) -> dict[str, Any]:
            answer: dict[str, Any] = device.say(noun, body).get_json()
            return answer

    relays = Relays(lambda: True, lambda: None)
    future = relays.ask(VIEWER)
    relays.fetch(Client())  # type: ignore[arg-type]  # it says one thing
    assert future.result(0).servers == tuple(lent(device)["ice_servers"])


@pytest.mark.parametrize("body", [{}, {"viewer": "x"}, {"viewer": VIEWER.upper()}, {"viewer": VIEWER, "ttl": 1e9}, []])
def test_what_is_not_asked_so(device: Speaker, body: Any) -> None:
    assert device.say("ice", body).status_code == 422


def test_nobody_but_a_paired_device_gets_any(device: Speaker, app: Flask) -> None:
    stranger = Speaker(app)
    assert stranger.say("ice", {"viewer": VIEWER}).status_code == 401
    stranger.access = device.access[:-2] + "xx"
    assert stranger.say("ice", {"viewer": VIEWER}).status_code == 401
    device.say("unpair", {})
    assert device.say("ice", {"viewer": VIEWER}).get_json()["code"] == "unpaired"


def test_a_device_that_asks_without_end_is_slowed_down(device: Speaker, app: Flask, office: PostOffice) -> None:
    statuses = [device.say("ice", {"viewer": f"{number:032x}"}).status_code for number in range(32)]
    assert (statuses[:30], statuses[30:]) == ([200] * 30, [429] * 2)


def test_a_portal_without_relays_says_that_there_are_none(app: Flask, office: PostOffice) -> None:
    assert lent(paired(app, office)) == {"ice_servers": [], "seconds": 3600}


def test_cloudflares_are_handed_on_without_what_no_browser_uses(build: Build, office: PostOffice) -> None:
    with cloudflare() as double:
        servers = lent(paired(build(turn=CloudflareTurn(KEY, TOKEN, double.url)), office))["ice_servers"]
        assert double.asked == [
            (f"/v1/turn/keys/{KEY}/credentials/generate-ice-servers", f"Bearer {TOKEN}", {"ttl": 3600})
        ]
    assert [one.get("credential") for one in servers] == [None, "c0ffee"]
    offered = [url for one in GOOD["iceServers"] for url in one["urls"]]
    assert [url for one in servers for url in one["urls"]] == [url for url in offered if not re.search(r":53\b", url)]


@pytest.mark.parametrize(
    "answer",
    [
        (401, b"{}"),
        (500, b""),
        (201, b"not json"),
        (201, b"[]"),
        (201, b"{}"),
        (201, json.dumps({"iceServers": GOOD["iceServers"][:1]}).encode()),
        (201, json.dumps({"iceServers": [{"urls": ["javascript:alert(1)"], "credential": "x"}]}).encode()),
        (201, json.dumps({"iceServers": [{"urls": ["turn:a"], "username": 7, "credential": "x"}]}).encode()),
        (201, b" " * 20_000),
    ],
    ids=lambda answer: f"{answer[0]} {answer[1][:20]!r}",
)
def test_cloudflare_on_a_bad_day(
    build: Build, office: PostOffice, answer: tuple[int, bytes], caplog: pytest.LogCaptureFixture
) -> None:
    with cloudflare() as double, caplog.at_level(logging.DEBUG):
        double.answer = answer
        device = paired(build(turn=CloudflareTurn(KEY, TOKEN, double.url)), office)
        assert device.say("ice", {"viewer": VIEWER}).status_code == 503
    assert "lends no relay" in caplog.text
    assert TOKEN not in caplog.text


def test_cloudflare_that_is_not_there(build: Build, office: PostOffice) -> None:
    device = paired(build(turn=CloudflareTurn(KEY, TOKEN, "http://127.0.0.1:9")), office)
    assert device.say("ice", {"viewer": VIEWER}).status_code == 503
