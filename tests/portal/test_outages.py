"""Mails about what went away and came back: one each time, to whom wants them, and none for a fault of the portal's own."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, func, select

from tests.portal.conftest import SECRET, Build, Hands
from tests.portal.forwarding import paired
from tests.portal.post_office import PostOffice, free_port
from tests.portal.speaking import CAMERAS, Speaker
from tests.portal.visitor import Visitor
from web.portal import throttle
from web.portal.devices import outages
from web.portal.devices.outages import Outage
from web.portal.settings import MailServer, Settings

HERE = Path(__file__).parents[2]
ZOE = "zoe@example.org"
LOST = [{**CAMERAS[0], "state": "unreachable"}]


class Watching:
    """Minutes that pass, each with a look; and what came by mail meanwhile."""

    def __init__(self, app: Flask, hands: Hands, office: PostOffice) -> None:
        self.app, self.hands, self.office = app, hands, office
        self.here: dict[str, tuple[Speaker, dict[str, Any]]] = {}

    def look(self) -> int:
        with self.app.app_context():
            return outages.look()

    def minutes(self, count: int, watched: bool = True) -> list[str]:
        self.office.letters.clear()
        for _ in range(count):
            self.hands.on(minutes=1)
            for device, said in self.here.values():
                device.sign_in()
                with self.app.app_context():
                    throttle.limiter.reset()  # which counts true minutes
                assert device.presence(**said).status_code == 200
            if watched:
                self.look()
        return [letter["Subject"] for letter in self.office.letters]

    def there(self, device: Speaker, **said: Any) -> None:
        """It says twice a minute that it is there, from now on."""
        self.here[device.id] = (device, said)

    def away(self, device: Speaker) -> None:
        del self.here[device.id]


GONE, BACK = "A camera is gone", "A camera is back"


@pytest.fixture
def watching(app: Flask, hands: Hands, office: PostOffice) -> Watching:
    return Watching(app, hands, office)


@pytest.fixture
def device(app: Flask, zoe: Visitor, watching: Watching) -> Speaker:
    speaker = Speaker(app)
    paired(zoe, speaker)
    watching.there(speaker)
    assert watching.minutes(10) == []
    return speaker


def test_one_mail_when_it_is_gone_and_one_when_it_is_back(watching: Watching, device: Speaker) -> None:
    watching.away(device)
    assert watching.minutes(4) == []
    assert watching.minutes(3) == [GONE]
    text = watching.office.letters[0].get_content()
    assert watching.office.letters[0]["To"] == ZOE
    assert "- Porch" in text
    assert "https://portal.test/cameras" in text
    assert watching.minutes(120) == []
    watching.there(device)
    assert watching.minutes(1) == []
    assert watching.minutes(3) == [BACK]
    assert watching.minutes(30) == []


def test_who_comes_and_goes_costs_one_mail(watching: Watching, device: Speaker) -> None:
    watching.away(device)
    assert watching.minutes(6) == [GONE]
    for _ in range(5):
        watching.there(device)
        assert watching.minutes(1) == []
        watching.away(device)
        assert watching.minutes(7) == []
    watching.there(device)
    assert watching.minutes(4) == [BACK]


def test_of_one_device_at_most_one_such_mail_an_hour(watching: Watching, device: Speaker) -> None:
    said: list[str] = []
    for _ in range(12):
        watching.away(device)
        said += watching.minutes(6)
        watching.there(device)
        said += watching.minutes(4)
    assert said.count(GONE) == said.count(BACK) == 2
    watching.away(device)
    assert watching.minutes(70) == [GONE]


def test_short_pauses_are_none(watching: Watching, device: Speaker) -> None:
    for _ in range(5):
        watching.away(device)
        assert watching.minutes(3) == []
        watching.there(device)
        assert watching.minutes(1) == []


def test_a_camera_of_a_device_that_is_there(watching: Watching, device: Speaker) -> None:
    watching.there(device, cameras=LOST)
    assert watching.minutes(4) == []
    assert watching.minutes(3) == [GONE]
    assert "- Porch: Front door" in watching.office.letters[0].get_content()
    watching.there(device)
    assert watching.minutes(4) == [BACK]


def test_a_camera_of_a_device_that_is_gone_is_not_told_apart(watching: Watching, device: Speaker) -> None:
    watching.there(device, cameras=LOST)
    watching.minutes(1)
    watching.away(device)
    assert watching.minutes(20) == [GONE]
    assert "Front door" not in watching.office.letters[0].get_content()


def test_several_at_the_same_time_are_one_mail(
    app: Flask, zoe: Visitor, watching: Watching, device: Speaker, office: PostOffice
) -> None:
    shed = Speaker(app)
    paired(zoe, shed, name="Shed")
    watching.there(shed)
    watching.minutes(1)
    watching.away(shed)
    watching.away(device)
    assert watching.minutes(7) == [GONE]
    assert {"- Porch", "- Shed"} <= set(office.letters[0].get_content().splitlines())


def test_who_wants_no_such_mails_gets_none(zoe: Visitor, watching: Watching, device: Speaker) -> None:
    assert 'name="outages" checked' in zoe.get("/account").text
    assert zoe.post("/account/mails", page="/account").headers["Location"] == "/account#mails"
    assert 'name="outages" checked' not in zoe.get("/account").text
    watching.away(device)
    assert watching.minutes(10) == []
    zoe.post("/account/mails", page="/account", outages="on")
    assert watching.minutes(10) == [], "nor afterwards"


def test_in_the_language_of_whoever_gets_it(app: Flask, office: PostOffice, watching: Watching, hands: Hands) -> None:
    marie = Visitor(app, office, language="fr").join("marie@example.org")
    speaker = Speaker(app)
    paired(marie, speaker)
    watching.there(speaker)
    watching.minutes(8)
    watching.away(speaker)
    assert watching.minutes(7) == ["Une caméra a disparu"]


def test_after_a_pause_of_ours_nobody_is_missed_at_once(watching: Watching, device: Speaker) -> None:
    assert watching.minutes(0) == []
    watching.hands.on(minutes=30)  # nothing ran
    watching.look()
    watching.away(device)
    assert watching.minutes(5) == [], "devices try again within five minutes"
    watching.there(device)
    assert watching.minutes(10) == []


def test_a_mail_server_that_is_gone_delays_it(build: Build, office: PostOffice, hands: Hands) -> None:
    app = build()
    watching = Watching(app, hands, office)
    speaker = Speaker(app)
    paired(Visitor(app, office).join(ZOE), speaker)
    watching.there(speaker)
    watching.minutes(8)
    watching.away(speaker)
    watching.app = build(mail=MailServer("127.0.0.1", free_port(), encrypted=False, user=None, password=None))
    assert watching.minutes(10) == []
    watching.app = app
    assert watching.minutes(1) == [GONE]


def test_of_several_who_look_one_writes(app: Flask, watching: Watching, device: Speaker, hands: Hands) -> None:
    watching.away(device)
    watching.minutes(4)
    hands.on(minutes=2)
    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(lambda _: watching.look(), range(6))) == 1
    assert [letter["Subject"] for letter in watching.office.letters] == [GONE]


def test_who_comes_by_sees_to_it(build: Build, office: PostOffice, hands: Hands, engine: Engine) -> None:
    """After the answer, and without any other program."""
    visitor = Visitor(build(), office).join(ZOE)
    device = Speaker(visitor.client.application)
    paired(visitor, device)
    for _ in range(9):
        hands.on(minutes=1)
        Visitor(build(), office).get("/signin")
    assert [letter["Subject"] for letter in office.to(ZOE)][1:] == [GONE]


def test_a_device_that_left_is_not_missed(watching: Watching, device: Speaker, engine: Engine) -> None:
    watching.away(device)
    watching.minutes(3)
    device.say("unpair", {})
    assert watching.minutes(10) == []
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(Outage)).scalar_one() == 0


def test_how_it_is_stands_on_the_page(zoe: Visitor, device: Speaker) -> None:
    health = {"uptime_seconds": 90, "temperature": 54.6, "disk_free": 12_400_000_000, "disk_size": 32_000_000_000}
    device.sign_in()
    assert device.presence(health=health).status_code == 200
    page = zoe.get("/cameras").text
    assert "55 °C" in page
    assert "12 GB" in page
    nothing = dict.fromkeys(health)
    assert device.presence(health=nothing).status_code == 200
    assert "°C" not in zoe.get("/cameras").text


@pytest.mark.parametrize(
    "changed",
    [
        {"temperature": 1e9},
        {"temperature": "hot"},
        {"uptime_seconds": -1},
        {"disk_free": 2**70},
        {"disk_free": 1.5},
        {"more": 1},
    ],
    ids=str,
)
def test_health_that_makes_no_sense(device: Speaker, changed: dict[str, Any]) -> None:
    health = {"uptime_seconds": 90, "temperature": 54.6, "disk_free": 1, "disk_size": 2}
    device.sign_in()
    assert device.presence(health={**health, **changed}).status_code == 422


def chores(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "web.portal.chores"],
        cwd=HERE,
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_command_for_cron(app: Flask, settings: Settings, office: PostOffice, engine: Engine) -> None:
    good = {
        "PORTAL_URL": "https://portal.test",
        "DATABASE_URL": settings.database_url,
        "PORTAL_SECRET_KEY": SECRET,
        "MAIL_URL": f"smtp://127.0.0.1:{office.port}",
    }
    done = chores(**good)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(outages.Watch)).scalar_one() == 1
    for wrong in ({"PORTAL_SECRET_KEY": ""}, {"DATABASE_URL": "mysql+pymysql://nobody@127.0.0.1:9/portal"}):
        done = chores(**(good | wrong))
        assert done.returncode == 1
        assert len(done.stderr.strip().splitlines()) == 1
        assert done.stderr.startswith("The chores were not done: ")
