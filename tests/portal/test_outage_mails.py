"""Mails about what went away, on a mail server's bad day: none is lost, and none comes twice."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask

from tests.portal.conftest import Hands
from tests.portal.forwarding import paired
from tests.portal.post_office import PostOffice
from tests.portal.speaking import Speaker
from tests.portal.test_outages import BACK, GONE, ZOE, Watching
from tests.portal.visitor import Visitor
from web.portal.accounts import letters

MAX = "max@example.org"


@pytest.fixture
def watching(app: Flask, hands: Hands, office: PostOffice) -> Watching:
    return Watching(app, hands, office)


@pytest.fixture
def device(app: Flask, zoe: Visitor, watching: Watching) -> Speaker:
    """Zoe's; Max has one, too."""
    speaker = Speaker(app)
    for person, one in ((zoe, speaker), (Visitor(app, zoe.office, "198.51.100.3").join(MAX), Speaker(app))):
        paired(person, one)
        watching.there(one)
    assert watching.minutes(10) == []
    return speaker


def away(watching: Watching, *devices: Speaker) -> None:
    """Since five minutes (all, unless some are named), and nobody was told yet."""
    for device in devices or [one for one, _ in watching.here.values()]:
        watching.away(device)
    assert watching.minutes(4) == []
    watching.hands.on(minutes=2)


def until_tried(office: PostOffice, number: int) -> None:
    """So many mails are under way."""
    deadline = time.monotonic() + 5
    while len(office.tried) < number and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(office.tried) == number


def told(office: PostOffice) -> list[str]:
    return sorted(letter["To"] for letter in office.letters)


def test_a_mail_server_that_fails_in_the_middle_delays_what_was_not_taken(
    watching: Watching, device: Speaker, office: PostOffice
) -> None:
    away(watching)
    office.refused = {ZOE: "421 going down", MAX: "421 going down"}
    assert watching.look() == 0
    office.refused = {}
    assert watching.minutes(1) == [GONE, GONE]
    assert told(office) == [MAX, ZOE]
    assert watching.minutes(30) == []


def test_who_cannot_be_written_to_now_keeps_nobody_else_waiting(
    watching: Watching, device: Speaker, office: PostOffice
) -> None:
    away(watching)
    office.refused = {ZOE: "451 try again later"}
    assert watching.look() == 1
    assert told(office) == [MAX]
    assert watching.minutes(2) == []
    office.refused = {}
    assert watching.minutes(3) == [GONE]
    assert told(office) == [ZOE]


def test_what_it_says_when_it_is_back_is_not_lost_either(
    watching: Watching, device: Speaker, office: PostOffice
) -> None:
    watching.away(device)
    assert watching.minutes(7) == [GONE]
    office.refused = {ZOE: "451 try again later"}
    watching.there(device)
    assert watching.minutes(5) == []
    office.refused = {}
    assert watching.minutes(5) == [BACK]


def test_an_address_that_is_no_more_is_tried_once(watching: Watching, device: Speaker, office: PostOffice) -> None:
    away(watching)
    office.tried.clear()
    office.refused = {ZOE: "550 no such mailbox"}
    assert watching.look() == 1
    watching.minutes(5)
    assert office.tried.count(ZOE) == 1


def test_who_looks_while_another_one_hands_mails_in_sends_none(
    watching: Watching, device: Speaker, office: PostOffice
) -> None:
    away(watching)
    office.tried.clear()
    office.is_open = False
    with ThreadPoolExecutor(3) as pool:
        looks = []
        for mails_under_way in (1, 2, 2):
            looks.append(pool.submit(watching.look))
            until_tried(office, mails_under_way)
            watching.hands.on(minutes=1)
        office.is_open = True
        assert sum(look.result(10) for look in looks) == 2
    assert told(office) == [MAX, ZOE]
    assert watching.minutes(10) == []


def test_whoever_died_over_it_is_replaced(
    watching: Watching, device: Speaker, office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    away(watching)

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(letters, "compose", die)
        watching.look()
    assert sorted(watching.minutes(8)) == [GONE, GONE]
    assert told(office) == [MAX, ZOE]


def test_what_comes_back_while_the_mail_is_handed_in_is_told_of(
    watching: Watching, device: Speaker, office: PostOffice
) -> None:
    away(watching, device)
    office.tried.clear()
    office.is_open = False
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(watching.look)
        until_tried(office, 1)
        device.sign_in()
        assert device.presence().status_code == 200
        office.is_open = True
        slow.result(10)
    assert [letter["Subject"] for letter in office.to(ZOE)] == [GONE]
    watching.there(device)
    assert watching.minutes(5) == [BACK]
