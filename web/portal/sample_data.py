"""What `make portal` has to show: two people, two devices, their journals and settings, as they would have come about.

Devices say what they have to say as every device does (`sample_device`), people do what they do by the functions behind the
pages; only the clock is set to some days ago, and goes on from there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta

from flask import Flask
from sqlalchemy import select

from web.portal.accounts import people
from web.portal.accounts.models import User
from web.portal.app import create_app
from web.portal.database import db, now
from web.portal.devices import claims, configuration, shares
from web.portal.devices.models import Device
from web.portal.sample_device import Ask, Deed, Said, SampleDevice, cottage, house
from web.portal.settings import Settings

OWNER, GUEST, INVITED = "sample@example.org", "guest@example.org", "neighbour@example.org"
PASSWORD = "three blue boats at noon"
AT_HOME = "Ada"
MASKED = "s***@example.org"
"""The owner, as a device knows them."""

KINDS: dict[type, str] = {bool: "boolean", int: "integer", float: "number", str: "text"}


def setting(name: str, value: float | str | bool, title: str, explained: str = "", **more: object) -> Said:
    """A row as a device tells it, which nobody changed yet. `more`: what is otherwise than usual."""
    said = {"name": name, "value": value, "title": title, "help": explained, "kind": KINDS[type(value)]}
    usual: Said = {"low": None, "high": None, "choices": [], "restart": False, "editable": True}
    return {**said, **usual, "version": 1, "by": "", "seconds_ago": None, **more}


VIEWERS = setting(
    "viewers_max",
    8,
    "Viewers at once",
    "Most people who may watch at once; one more is told to come back later. From one address of your "
    "network at most three quarters of them.",
    low=1,
    high=100,
)
GAIN = setting(
    "microphone_gain_db", 0.0, "Microphone gain", "Decibels added to what the microphone hears.", low=-40, high=40
)
SEVERAL = setting(
    "talk_several", False, "Several may talk", "Whether several people may talk at once, instead of one at a time."
)
LOG_LEVEL = setting(
    "log_level", "info", "Log level", "How much is logged.", choices=["debug", "info", "warning", "error"]
)
TUNNEL = setting("tunnel", "off", "Tunnel", choices=["off", "named", "token", "quick"], editable=False)
MICROPHONE = setting("microphone", "auto", "Microphone", editable=False)
SETTINGS = (VIEWERS, GAIN, SEVERAL, LOG_LEVEL, TUNNEL, MICROPHONE)
"""Some of those that a camera has, in its own words."""


class Calendar:
    """A clock for what happened some days ago."""

    def __init__(self) -> None:
        self._today = now()
        self.moment = self._today

    def __call__(self) -> datetime:
        """The moment at which the story is."""
        return self.moment

    def ago(self, **much: float) -> datetime:
        """So long before this start."""
        return self._today - timedelta(**much)

    def turn_to(self, **ago: float) -> None:
        """From now on it is then."""
        self.moment = self.ago(**ago)


def add(settings: Settings) -> None:
    """Whatever is not there yet: the two people; and all the rest, while the first one has no device."""
    calendar = Calendar()
    app = create_app(settings, clock=calendar, address_limit="1000 per minute")
    calendar.turn_to(days=10)
    with _work(app):
        for email in (OWNER, GUEST):
            _join(email)
        is_told = db.session.execute(select(Device.id).join(User).where(User.email == OWNER)).first() is not None
    if not is_told:
        _tell(settings, app, calendar)
    with app.app_context():
        db.engine.dispose()


def _tell(settings: Settings, app: Flask, calendar: Calendar) -> None:
    home, away = (made(settings, _inside(app, settings)) for made in (house, cottage))
    _pair(app, home, "House", "Raspberry Pi 5")
    _pair(app, away, "Holiday cottage", "Raspberry Pi Zero 2 W")
    calendar.turn_to(days=9)
    _share(app, home)
    for device in (home, away):
        device.tell([*_names_of_cameras(device), *SETTINGS])
    _edit_settings(app, calendar, away)
    calendar.turn_to(hours=5)
    away.be_there()
    away.write(_deeds_away(calendar))
    calendar.turn_to(hours=1)
    with _work(app):
        configuration.propose(_device(away), {"camera.main.name": ("Winter garden", 1)}, _person(OWNER))
        shares.invite(_device(home), INVITED, {"garden": ["view"]}, calendar.ago(days=-30))
    calendar.turn_to(seconds=0)
    home.write(_deeds_at_home(calendar))
    home.be_there()


def _edit_settings(app: Flask, calendar: Calendar, device: SampleDevice) -> None:
    """One edit that the device took, and one that met another at home."""
    calendar.turn_to(days=6)
    with _work(app):
        configuration.propose(_device(device), {"viewers_max": (4, 1)}, _person(OWNER))
    calendar.turn_to(days=6, seconds=-20)
    _answer(device, "applied", {**VIEWERS, "value": 4, "version": 2, "by": MASKED, "seconds_ago": 20.0})
    calendar.turn_to(days=2)
    with _work(app):
        configuration.propose(_device(device), {"microphone_gain_db": (6.0, 1)}, _person(OWNER))
    calendar.turn_to(days=2, seconds=-20)
    there = {"value": 3.0, "by": AT_HOME, "seconds_ago": 10.0}
    _answer(device, "overtaken", {**GAIN, "version": 2, **there}, there)


def _answer(device: SampleDevice, result: str, row: Said, other: Said | None = None) -> None:
    (edit,) = device.tell()
    outcome = {"key": edit["key"], "result": result, "why": "", "version": row["version"], "other": other}
    device.tell([row], [outcome])


def _names_of_cameras(device: SampleDevice) -> Iterator[Said]:
    for camera in device.cameras:
        yield setting(f"camera.{camera['id']}.name", str(camera["name"]), "Name of the camera")


def _deeds_at_home(calendar: Calendar) -> Iterator[Deed]:
    ago = calendar.ago
    yield ago(days=9, hours=1), "", "device-started", "", "ok", {"version": "0.1.0"}
    yield ago(days=3, hours=2), AT_HOME, "signed-in", "", "ok", {}
    yield ago(days=3, hours=1), "", "sign-in-refused", "", "refused", {"name": "root"}
    yield ago(days=2, hours=5), GUEST, "watched", "main", "ok", {}
    yield ago(days=2, hours=4.9), GUEST, "talked", "main", "ok", {}
    yield ago(days=2, hours=4.8), GUEST, "stopped-watching", "main", "ok", {}
    yield ago(days=1, hours=3), AT_HOME, "camera-changed", "garden", "ok", {"name": "Garden"}
    yield ago(hours=8), OWNER, "stopped", "garden", "ok", {}
    yield ago(hours=7), OWNER, "started", "garden", "ok", {}
    yield ago(minutes=20), OWNER, "watched", "main", "ok", {}
    yield ago(minutes=18), OWNER, "snapshot-taken", "main", "ok", {}


def _deeds_away(calendar: Calendar) -> Iterator[Deed]:
    ago, changed = calendar.ago, "setting-changed-from-portal"
    yield ago(days=9), "", "device-started", "", "ok", {"version": "0.1.0"}
    yield ago(days=6), MASKED, changed, "", "ok", {"name": "viewers_max", "before": 8, "after": 4}
    yield ago(days=2), MASKED, changed, "", "refused", {"name": "microphone_gain_db", "before": 3.0, "after": 6.0}
    yield ago(hours=5), AT_HOME, "stopped", "main", "ok", {}


def _join(email: str) -> None:
    """They answered the mail, too. Who has an account keeps it as it is."""
    if people.find(email) is None:
        user, _ = people.sign_up(email, PASSWORD, "en")
        user.confirmed_at = user.created_at


def _pair(app: Flask, device: SampleDevice, name: str, model: str) -> None:
    code = device.show_code(name, model)
    with _work(app):
        claims.take(claims.waiting(code), _person(OWNER))
    device.say_yes()


def _share(app: Flask, device: SampleDevice) -> None:
    with _work(app):
        secret = shares.invite(_device(device), GUEST, {"main": ["view", "listen", "talk"]}, None)
    with _work(app):
        shares.take(secret, _person(GUEST))


def _person(email: str) -> User:
    return db.session.execute(select(User).where(User.email == email)).scalar_one()


def _device(device: SampleDevice) -> Device:
    return db.session.execute(select(Device).where(Device.id == device.id)).scalar_one()


@contextmanager
def _work(app: Flask) -> Iterator[None]:
    """As in a view, which commits at its end."""
    with app.app_context():
        yield
        db.session.commit()


def _inside(app: Flask, settings: Settings) -> Ask:
    """Without a server, which does not run yet."""
    client = app.test_client(use_cookies=False)

    def ask(noun: str, body: Said, headers: Mapping[str, str]) -> Said:
        path = f"/device/v1/{noun}"
        with client.post(path, json=body, headers=dict(headers), base_url=settings.url) as response:
            if response.status_code != 200:
                raise ConnectionError(f"{noun}: {response.status_code} {response.get_data(as_text=True)}")
            return dict(response.get_json())

    return ask
