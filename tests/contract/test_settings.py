"""The settings by API."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from pi_cam.setting_rows import SETTINGS
from pi_cam.settings_file import NAME
from tests.contract.application import OWN, Application, running


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    folder = tmp_path_factory.mktemp("settings")
    (folder / NAME).write_text(json.dumps({"version": 2, "values": {"colour": "red", "journal_days": 0}}))
    with running(folder) as application:
        application.owner()
        yield application


def row(application: Application, name: str) -> dict[str, object]:
    rows = application.owner().get("/api/v1/settings").get_json()["settings"]
    (found,) = [row for row in rows if row["name"] == name]
    return dict(found)


def test_each_row_says_what_it_is_and_what_decides_it(application: Application) -> None:
    shown = application.owner().get("/api/v1/settings").get_json()
    assert [row["name"] for row in shown["settings"]] == [row.name for row in SETTINGS]
    assert row(application, "connect_seconds") == {
        "title": "Seconds to connect",
        "name": "connect_seconds",
        "value": 12.0,
        "default": 12.0,
        "kind": "number",
        "low": 1,
        "high": 60,
        "choices": [],
        "help": "A viewer whose connection is not up by then is let go.",
        "restart": False,
        "waiting": False,
        "secret": False,
        "changeable": True,
        "variable": "PI_CAM_CONNECT_SECONDS",
        "set_by": "default",
    }
    assert row(application, "viewers_max")["set_by"] == "environment"
    assert row(application, "viewers_max")["changeable"] is False
    assert row(application, "source")["value"] is None


def test_problems_of_the_file_are_told(application: Application) -> None:
    assert application.owner().get("/api/v1/settings").get_json()["problems"] == [
        "settings.json has colour, which is no setting; it is kept as it is.",
        "settings.json: journal_days must be at least 1. Its default is used.",
    ]


def test_a_change_holds_at_once_is_written_and_stands_in_the_journal(application: Application) -> None:
    change = {"connect_seconds": 20, "log_level": "warning", "session_hours": 1}
    answer = application.owner().patch("/api/v1/settings", json=change, headers=OWN)
    assert answer.status_code == 200
    settings = application.services.settings
    assert (settings.number("connect_seconds"), settings.number("session_hours")) == (20.0, 720.0)
    assert row(application, "session_hours")["waiting"] is True
    assert logging.getLogger("pi_cam").level == logging.WARNING
    written = json.loads((application.services.accounts._store.folder / NAME).read_text())
    assert written["values"] == {"colour": "red", "connect_seconds": 20.0, "log_level": "warning", "session_hours": 1.0}
    rows = application.owner().get("/api/v1/journal?action=setting-changed").get_json()["rows"]
    assert [entry["detail"] for entry in rows] == [
        {"name": "session_hours", "before": 720.0, "after": 1.0},
        {"name": "log_level", "before": "info", "after": "warning"},
        {"name": "connect_seconds", "before": 12.0, "after": 20.0},
    ]
    assert {(entry["actor"], entry["address"]) for entry in rows} == {("Ada", "127.0.0.1")}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"connect_seconds": 30, "viewers_max": 4}, "viewers_max cannot be changed here"),
        ({"connect_seconds": 30, "source": "file:/etc/passwd"}, "source cannot be changed here"),
        ({"connect_seconds": 30, "log_level": "loud"}, "log_level must be one of"),
        ({"connect_seconds": 30, "journal_days": "9"}, "journal_days must be a number."),
        ({"connect_seconds": 30, "colour": 1}, "There is no setting named colour."),
        ({"connect_seconds": 0}, "connect_seconds must be at least 1."),
        ([], "Send a JSON object."),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused_by_name_and_nothing_of_it_is_applied(
    application: Application, change: object, sentence: str
) -> None:
    before = application.services.settings.number("connect_seconds")
    answer = application.owner().patch("/api/v1/settings", json=change, headers=OWN)
    assert answer.status_code == 422
    assert sentence in answer.get_json()["detail"]
    assert application.services.settings.number("connect_seconds") == before


def test_only_who_may_configure_sees_or_changes_them(application: Application, tmp_path: Path) -> None:
    headers = application.token("view", "listen", "talk", "control", "record")
    client = application.client()
    assert client.get("/api/v1/settings", headers=headers).status_code == 403
    assert client.patch("/api/v1/settings", json={"journal_days": 1}, headers=headers).status_code == 403
    headers = application.token("configure")
    assert client.patch("/api/v1/settings", json={"journal_days": 30}, headers=headers).status_code == 200
    assert client.patch("/api/v1/settings", json={"journal_days": None}, headers=headers).status_code == 200
    assert row(application, "journal_days")["set_by"] == "default"
