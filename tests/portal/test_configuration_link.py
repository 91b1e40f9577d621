"""A whole device, its own thread that speaks to a portal, HTTP between them, and the portal's database: settings that are
edited at both ends, while the portal is there and while it is not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from flask import Flask
from sqlalchemy import select

from tests.contract.application import OWN, Application, running
from tests.portal.configuring import edit, page, shown_in
from tests.portal.conftest import SECRET, Hands
from tests.portal.post_office import PostOffice, free_port
from tests.portal.served import served
from tests.portal.speaking import Speaker
from tests.portal.test_devices import ZOE
from tests.portal.visitor import Visitor
from web.portal.database import db
from web.portal.devices.setting_models import SettingEdit
from web.portal.settings import Settings

SECONDS = 20.0


@dataclass(frozen=True)
class Named:
    """What the forms need of a device."""

    id: str


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Application]:
    with running(tmp_path / "device") as application:
        application.owner()
        yield application


def eventually(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.1)


def pair(home: Application, zoe: Visitor, site: str) -> Speaker:
    link, pairing = home.services.link, home.services.pairing
    link.ask(site)
    code = str(link.state()["code"])
    zoe.post("/pair", code=code)
    assert zoe.send("POST", "/pair/claim", data={"form_token": zoe.token, "code": code}).status_code == 303
    eventually(lambda: pairing.portal() is not None)
    claimed = pairing.portal()
    assert claimed is not None
    pairing.accept(claimed.owner)
    link.speak_soon()
    return cast(Speaker, Named(home.services.device_id))


def at_home(home: Application, **values: Any) -> None:
    time.sleep(0.3)  # a moment after whatever was done before
    assert home.owner().patch("/api/v1/settings", json=values, headers=OWN).status_code == 200


def edits(app: Flask, origin: str = "portal") -> dict[str, tuple[str, str | None, str | None]]:
    """The last of each row: state, the other value and whose it was."""
    with app.app_context():
        rows = db.session.execute(select(SettingEdit).where(SettingEdit.origin == origin).order_by(SettingEdit.id))
        return {row.name: (row.state, row.other_value, row.other_by) for row in rows.scalars()}


def test_what_is_edited_at_both_ends_meets_whether_or_not_the_portal_was_there(
    app: Flask, office: PostOffice, settings: Settings, home: Application, hands: Hands, tmp_path: Path
) -> None:
    zoe, port = Visitor(app, office).join(ZOE), free_port()
    environment = {
        "DATABASE_URL": settings.database_url,
        "PORTAL_SECRET_KEY": SECRET,
        "MAIL_URL": f"smtp://127.0.0.1:{office.port}",
    }
    with served(tmp_path / "portal.log", environment, port) as site:
        device = pair(home, zoe, site)
        eventually(lambda: "value.log_level" in shown_in(page(zoe, device)))
        edit(zoe, device, connect_seconds="30")
        home.services.link.speak_soon()
        eventually(lambda: home.services.settings.number("connect_seconds") == 30)
        eventually(lambda: edits(app).get("connect_seconds") == ("applied", None, None))

    at_home(home, microphone_gain_db=3.0, talk_several=True)
    hands.moment = datetime.now(UTC)  # the true time, as the portal that is served has it
    edit(zoe, device, log_level="debug", camera__main__name="Porch", microphone_gain_db="7")
    at_home(home, log_level="error")
    assert "Waits for the camera" in page(zoe, device)

    with served(tmp_path / "portal.log", environment, port):
        home.services.link.speak_soon()
        eventually(lambda: all(state != "waiting" for state, _, _ in edits(app).values()))
        eventually(lambda: shown_in(page(zoe, device))["value.log_level"] == "error")
    mine = home.services.settings
    assert (mine.text("log_level"), mine.number("microphone_gain_db"), mine.flag("talk_several")) == (
        "error",
        7.0,
        True,
    )
    assert home.owner().get("/api/v1/cameras/main").get_json()["name"] == "Porch"
    found = edits(app)
    assert found["camera.main.name"] == ("applied", None, None)
    assert found["microphone_gain_db"] == ("applied", "3.0", "Ada")
    assert set(edits(app, "home")) == {"microphone_gain_db", "talk_several", "log_level"}
    with app.app_context():
        lost = db.session.execute(select(SettingEdit).where(SettingEdit.state == "overtaken")).scalar_one()
        assert (lost.name, lost.value, lost.other_value, lost.other_by) == ("log_level", '"debug"', '"error"', "Ada")
    shown = shown_in(page(zoe, device))
    assert (shown["value.camera.main.name"], shown["value.microphone_gain_db"]) == ("Porch", "7")
    told = home.owner().get("/api/v1/settings/from-portal").get_json()["edits"]
    assert {(one["name"], one["result"]) for one in told} == {
        ("connect_seconds", "applied"),
        ("camera.main.name", "applied"),
        ("microphone_gain_db", "applied"),
        ("log_level", "overtaken"),
    }
