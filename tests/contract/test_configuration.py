"""What the real device tells a portal of its settings and cameras, and what it takes from there. No secret is in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from pi_cam.camera_book import CameraRow
from pi_cam.errors import SettingError
from pi_cam.remote.budget import Budget
from pi_cam.remote.portal_answers import Client
from pi_cam.setting_rows import SETTINGS
from pi_cam.settings import ROWS
from tests.contract.application import OWN, Application, running
from web.portal.devices.config_speech import ConfigSchema

OWNER = "a***@example.org"
SECRET = "canary-Zeisig-4711"
EXAMPLE: dict[str, Any] = {
    "names": ["camera.main.name", "log_level"],
    "rows": [
        {
            "name": "log_level",
            "value": "debug",
            "version": 3,
            "seconds_ago": 12.5,
            "by": "Ada",
            "title": "Log level",
            "help": "How much is logged.",
            "kind": "text",
            "low": None,
            "high": None,
            "choices": ["debug", "info", "warning", "error"],
            "restart": False,
            "editable": True,
        }
    ],
    "outcomes": [
        {"key": "4f0c", "result": "applied", "why": "", "version": 3, "other": None},
        {
            "key": "4f0d",
            "result": "overtaken",
            "why": "It was changed at home after that.",
            "version": 7,
            "other": {"value": "Porch", "by": "Ada", "seconds_ago": None},
        },
    ],
}
"""`POST /device/v1/config`: what a device says."""

ANSWER: dict[str, Any] = {
    "digest": "9f86d081884c7d659a2feaa0c55ad015",
    "behind": {},
    "edits": [{"key": "4f0e", "name": "log_level", "value": "info", "base": 1, "seconds_ago": 40.0, "by": OWNER}],
}
"""What the portal answers."""

EDITED = {
    "viewers_max",
    "connect_seconds",
    "grace_seconds",
    "microphone_gain_db",
    "loudspeaker_gain_db",
    "echo_cancelling",
    "noise_suppression",
    "talk_several",
    "log_level",
}
"""Written down once more, so that opening one is a choice that somebody makes and a reviewer sees."""


class Listening:
    """A portal that keeps what is said, and answers what it is told to."""

    address = "https://portal.example"

    def __init__(self, *edits: dict[str, Any]) -> None:
        self.said: list[dict[str, Any]] = []
        self.edits = list(edits)

    def say(self, noun: str, body: dict[str, Any]) -> dict[str, Any]:
        assert noun == "config"
        assert len(json.dumps(body)) < 64 * 1024
        self.said.append(json.loads(json.dumps(body)))
        edits, self.edits = self.edits, []
        return {**ANSWER, "edits": edits}

    def rows(self) -> dict[str, dict[str, Any]]:
        return {row["name"]: row for body in self.said for row in body["rows"]}

    def outcome(self) -> dict[str, Any]:
        found: list[dict[str, Any]] = [one for body in self.said for one in body["outcomes"]]
        return found[-1]


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    environment: dict[str, Any] = {
        "PI_CAM_SOURCE": f"rtsp://me:{SECRET}@lens.example/1",
        "PI_CAM_TUNNEL_CREDENTIALS": f"/etc/{SECRET}.json",
        "PI_CAM_TUNNEL_TOKEN_FILE": f"/etc/{SECRET}.token",
        "PI_CAM_TUNNEL_PROGRAM": f"/opt/{SECRET}",
    }
    with running(tmp_path_factory.mktemp("configuration"), **environment) as application:
        application.owner()
        yield application


def exchange(application: Application, *edits: dict[str, Any]) -> Listening:
    portal = Listening(*edits)
    rows = application.services.configuration._known.rows
    for one in edits:
        if one["base"] is None:
            one["base"] = rows[one["name"]].version if one["name"] in rows else 1
    application.services.configuration._budget = Budget()  # tests ask for more than a portal may
    application.services.configuration.exchange(cast(Client, portal), {"configuration": ""})
    return portal


def edit(name: str, value: object, key: str, **changed: Any) -> dict[str, Any]:
    """Upon the present version, unless another is named."""
    return {"key": key, "name": name, "value": value, "base": None, "seconds_ago": 0, "by": OWNER, **changed}


def name_of(application: Application) -> str:
    return str(application.owner().get("/api/v1/cameras/main").get_json()["name"])


def test_the_examples_are_what_is_said(application: Application) -> None:
    schema = ConfigSchema()
    assert schema.load(EXAMPLE) == EXAMPLE
    told = exchange(application).rows()
    assert set(told["log_level"]) == set(EXAMPLE["rows"][0])
    portal = exchange(application, *ANSWER["edits"])
    assert set(portal.outcome()) == set(EXAMPLE["outcomes"][0])


def test_what_a_device_says_is_what_the_portal_takes(application: Application) -> None:
    portal = exchange(application)
    assert [ConfigSchema().load(body) for body in portal.said] == portal.said
    assert portal.said[0]["names"][0] == "camera.main.name"


def test_what_may_be_edited_is_on_the_list_and_has_no_free_text() -> None:
    assert {row.name for row in SETTINGS if row.at_portal == "edited"} == EDITED
    assert all(row.choices or row.kind != "text" for row in SETTINGS if row.at_portal == "edited")
    assert all(row.local_to_leave is None for row in SETTINGS if row.at_portal == "edited")
    assert all(row.at_portal == "hidden" for row in SETTINGS if row.secret or row.operator)


def test_what_opens_the_house_is_shown_closed_or_not_at_all(application: Application) -> None:
    told = exchange(application).rows()
    editable = {name for name, row in told.items() if row["editable"]}
    assert editable == (EDITED | {"camera.main.name"}) - {"viewers_max", "grace_seconds"}, "two are the environment's"
    for name in ("tunnel", "portal_lock", "microphone_muted", "session_hours", "journal_days"):
        assert told[name]["editable"] is False
    for name in ("source", "tunnel_program", "tunnel_credentials", "tunnel_token_file", "behind_proxy"):
        assert name not in told


@pytest.mark.parametrize(
    "name", [*sorted(set(ROWS) - EDITED), "camera.main.address", "camera.none.name", "camera.main"]
)
def test_a_hostile_portal_changes_nothing_that_is_not_on_the_list(application: Application, name: str) -> None:
    before = application.owner().get("/api/v1/settings").get_json()
    for number, value in enumerate((True, False, 1, 30, "off", "none", "auto", "stun:evil.example", "")):
        outcome = exchange(application, edit(name, value, f"{name} {number}"[:64])).outcome()
        assert outcome["result"] == "refused"
    assert application.owner().get("/api/v1/settings").get_json() == before


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("connect_seconds", 0, "connect_seconds must be at least 1."),
        ("connect_seconds", "20", "connect_seconds must be a number."),
        ("connect_seconds", True, "connect_seconds must be a number."),
        ("log_level", "loud", "log_level must be one of: debug, info, warning, error."),
        ("talk_several", 1, "talk_several must be yes or no."),
        ("viewers_max", 4, "This cannot be changed from the portal."),
        ("camera.main.name", "", "A name has 1 to 64 characters."),
        ("camera.main.name", "a\u202eb", "A name has no invisible signs."),
        ("camera.main.name", 7, "A name is a text."),
    ],
    ids=str,
)
def test_what_fails_at_home_fails_from_the_portal(
    application: Application, name: str, value: object, sentence: str
) -> None:
    outcome = exchange(application, edit(name, value, f"{name}-{value!a}"[:60])).outcome()
    assert (outcome["result"], outcome["why"]) == ("refused", sentence)
    assert name_of(application) == "Camera"


def test_what_is_good_holds_at_once_and_stands_in_the_journal(application: Application) -> None:
    portal = exchange(application, edit("connect_seconds", 21, "good-1"), edit("camera.main.name", " Porch ", "good-2"))
    assert [one["result"] for one in portal.said[1]["outcomes"][-2:]] == ["applied", "applied"]
    assert application.services.settings.number("connect_seconds") == 21.0
    assert name_of(application) == "Porch"
    rows = application.owner().get("/api/v1/journal?action=setting-changed-from-portal").get_json()["rows"]
    assert [(row["actor"], row["camera"], row["result"], row["detail"]) for row in rows[:2]] == [
        (OWNER, "main", "ok", {"name": "camera.main.name", "before": "Camera", "after": " Porch "}),
        (OWNER, "", "ok", {"name": "connect_seconds", "before": 12.0, "after": 21}),
    ]
    assert portal.rows()["camera.main.name"]["by"] == OWNER
    exchange(application, edit("camera.main.name", "Camera", "good-3"), edit("connect_seconds", 12, "good-4"))


def test_a_change_at_home_says_whose_it_was_and_the_page_shows_a_conflict(application: Application) -> None:
    owner = application.owner()
    told = exchange(application).rows()["talk_several"]
    assert owner.patch("/api/v1/settings", json={"talk_several": True}, headers=OWN).status_code == 200
    portal = exchange(
        application, edit("talk_several", False, "late", base=told["version"], seconds_ago=60, by="m***@x.example")
    )
    changed = portal.rows()["talk_several"]
    assert changed["version"] == told["version"] + 1
    assert portal.outcome()["result"] == "overtaken"
    assert portal.outcome()["other"]["by"] == "Ada"
    shown = owner.get("/api/v1/settings/from-portal").get_json()["edits"][0]
    assert (shown["name"], shown["by"], shown["result"]) == ("talk_several", "m***@x.example", "overtaken")
    assert (shown["other"]["value"], shown["other"]["by"]) == (True, "Ada")
    page = owner.get("/settings").text
    assert "m***@x.example" in page
    assert "It was changed at home after that." in page
    owner.patch("/api/v1/settings", json={"talk_several": None}, headers=OWN)


passwords = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF), min_size=8, max_size=40)


@given(password=passwords, name=st.sampled_from(["user", "Jürgen", "a:b"]), in_query=st.booleans())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_secret_is_ever_in_what_is_sent(application: Application, password: str, name: str, in_query: bool) -> None:
    assume(
        all(password not in f"{row.name} {row.title} {row.help}" for row in SETTINGS)
    )  # a word of the rows is no secret
    services = application.services
    written = quote(password, safe="")
    address = f"rtsp://{quote(name)}:{written}@203.0.113.5:554/live"
    if in_query:
        address = f"http://203.0.113.5/stream?user=x&pwd={written}"
    row = CameraRow("", "Garden", 0, address, address)
    added = [services.loop.call(services.cameras.add(row), 10) for _ in range(2)]
    taken_for_another_field = {"name": f"rtsp://x:{SECRET}@h"}
    with pytest.raises(SettingError, match="leave an address with a password out of it"):
        services.loop.call(services.cameras.change(added[1].id, taken_for_another_field), 10)
    shown_text = {
        one.name: f"rtsp://{SECRET}:{SECRET}@host"
        for one in SETTINGS
        if one.at_portal != "hidden" and one.kind == "text" and not one.choices and not one.pattern
    }
    assert shown_text
    try:
        services.settings.change(shown_text)
        portal = exchange(application)
    finally:
        services.settings.change(dict.fromkeys(shown_text))
        for camera in added:
            services.loop.call(services.cameras.remove(camera.id), 10)
    said = json.dumps(portal.said, ensure_ascii=False)
    assert "camera.garden" in said
    for secret in (written, password, SECRET, "203.0.113.5", "lens.example"):
        assert secret not in said
    for hidden in SETTINGS:
        if hidden.secret or hidden.operator:
            assert f'"{hidden.name}"' not in said


def test_no_key_of_the_device_is_in_what_is_sent(application: Application) -> None:
    said = json.dumps(exchange(application).said)
    folder: Path = application.services.accounts._store.folder
    for path in folder.iterdir():
        if path.name in ("secret.key", "device.key"):
            content = path.read_bytes()
            assert content.hex() not in said
            assert content.decode("latin-1") not in said
    assert str(folder) not in said


def test_the_next_owner_learns_nothing_of_what_the_last_one_changed(application: Application) -> None:
    exchange(application, edit("log_level", "warning", "before-the-end"), edit("log_level", "info", "and-back"))
    assert application.owner().get("/api/v1/settings/from-portal").get_json()["edits"]
    application.services.pairing.forget()
    assert application.owner().get("/api/v1/settings/from-portal").get_json() == {"edits": []}
    assert all(body["outcomes"] == [] for body in exchange(application).said)
