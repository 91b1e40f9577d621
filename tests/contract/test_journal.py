"""What the application writes into its journal, and how it is read."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.application import NAME, OWN, PASSWORD, Application, running

JOURNAL = "/api/v1/journal"
ADDRESS = "127.0.0.1"


@pytest.fixture
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    with running(tmp_path_factory.mktemp("journal")) as application:
        yield application


def rows(application: Application, **query: Any) -> list[dict[str, Any]]:
    answer = application.client().get(JOURNAL, query_string=query, headers=reader(application))
    assert answer.status_code == 200, answer.get_data(as_text=True)
    found: list[dict[str, Any]] = answer.get_json()["rows"]
    return found


def reader(application: Application) -> dict[str, str]:
    return application.token("configure")


def newest(application: Application, **query: Any) -> tuple[Any, ...]:
    row = rows(application, **query)[0]
    return row["action"], row["actor"], row["camera"], row["address"], row["result"]


def form(application: Application, name: str, password: str) -> dict[str, str]:
    return {"code": application.app.setup_code.code, "name": name, "password": password}


def test_setting_up_signing_in_and_out(application: Application) -> None:
    client = application.client()
    assert client.post("/setup", data={**form(application, NAME, PASSWORD), "code": "x"}).status_code == 403
    assert newest(application) == ("setup-refused", "", "", ADDRESS, "refused")
    assert client.post("/setup", data=form(application, NAME, PASSWORD)).status_code == 302
    assert newest(application, action="owner-created") == ("owner-created", NAME, "", ADDRESS, "ok")
    assert newest(application) == ("signed-in", NAME, "", ADDRESS, "ok")
    assert client.delete("/api/v1/sessions/current", headers=OWN).status_code == 204
    assert newest(application) == ("signed-out", NAME, "", ADDRESS, "ok")
    assert [row["action"] for row in rows(application)][-2:] == ["device-started", "journal-begun"]


def test_signing_in_that_was_refused_names_known_people_only(application: Application) -> None:
    application.owner()
    client = application.client()
    for _ in range(6):
        client.post("/api/v1/sessions", json={"name": NAME.lower(), "password": "wrong"})
    assert newest(application) == ("sign-in-refused", NAME, "", ADDRESS, "refused")
    client.post("/login", data={"name": PASSWORD, "password": "x"})  # typed into the wrong field
    assert newest(application) == ("sign-in-refused", "", "", ADDRESS, "refused")
    folder = application.services.accounts._store.folder
    assert PASSWORD.encode() not in b"".join(path.read_bytes() for path in folder.glob("journal*"))


def test_start_stop_and_snapshot(application: Application) -> None:
    owner = application.owner()
    owner.get("/api/v1/cameras/main/snapshot.jpg")
    assert newest(application) == ("snapshot-taken", NAME, "main", ADDRESS, "ok")
    for word, action in (("stop", "stopped"), ("start", "started")):
        owner.post(f"/api/v1/cameras/main/{word}", headers=OWN)
        assert newest(application) == (action, NAME, "main", ADDRESS, "ok")


def test_refused_requests_of_somebody_stand_there(application: Application) -> None:
    client = application.client()
    token = application.token("view")
    client.post("/api/v1/cameras/main/stop", headers=token)
    assert newest(application, action="refused") == ("refused", "token test 0", "main", ADDRESS, "refused")
    (row,) = rows(application, action="refused")
    assert row["detail"] == {
        "method": "POST",
        "route": "/api/v1/cameras/<camera_id>/stop",
        "why": "This needs the right to control.",
    }
    client.get("/api/v1/cameras", headers={"Authorization": "Bearer pct_canary"})
    assert newest(application, action="refused")[1] == ""
    application.owner().post("/api/v1/cameras/main/stop")  # without the header of our own page
    assert newest(application, action="refused")[1] == NAME
    client.post("/login", data={}, headers={"Origin": "https://evil.example"})
    assert len(rows(application, action="refused")) == 4


def test_strangers_who_are_only_sent_to_sign_in_do_not(application: Application) -> None:
    for path in ("/", "/api/v1/cameras", "/nowhere", "/api/v1/journal"):
        application.client().get(path)
    assert rows(application, result="refused") == []


def test_an_attacker_does_not_fill_it(application: Application) -> None:
    client = application.client()
    for number in range(300):
        client.get("/api/v1/cameras", headers={"Authorization": f"Bearer pct_{number}"})
    assert len(rows(application, action="refused")) == 5


def test_pages_of_rows_follow_one_another(application: Application) -> None:
    for number in range(25):
        application.app.journal.append("token-created", name=str(number))
    headers, seen = reader(application), []
    before: dict[str, int] = {}
    while True:
        page = application.client().get(
            JOURNAL, query_string={"limit": 10, "action": "token-created", **before}, headers=headers
        )
        shown = page.get_json()
        seen += [row["detail"]["name"] for row in shown["rows"]]
        if shown["next"] is None:
            break
        before = {"before": shown["next"]}
    assert seen == [str(number) for number in reversed(range(25))]
    assert shown["problem"] is None


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0},
        {"limit": 501},
        {"limit": "many"},
        {"limit": "9" * 5000},
        {"before": 0},
        {"before": 2**63},
        {"since": "yesterday"},
        {"since": "nan"},
        {"until": "inf"},
        {"action": "danced"},
        {"result": "maybe"},
        {"actor": ""},
        {"actor": "x" * 101},
        {"order": "id; DROP TABLE rows"},
    ],
    ids=str,
)
def test_questions_that_make_no_sense_are_refused(application: Application, query: dict[str, Any]) -> None:
    answer = application.client().get(JOURNAL, query_string=query, headers=reader(application))
    assert answer.status_code == 422
    assert next(iter(query)) in answer.get_json()["detail"]


@pytest.mark.parametrize("actor", ["' OR 1=1 --", "\x00", "%", "é", "\ud800"])
def test_whoever_is_asked_for_is_a_value_and_no_statement(application: Application, actor: str) -> None:
    assert rows(application, actor=actor.encode(errors="surrogatepass")) == []


def test_the_export_is_whole_and_harmless_in_a_spreadsheet(application: Application) -> None:
    hostile = ["=cmd|'/c calc'!A0", "+1", "-1", "@SUM(A1)", " =1", 'a"b,c', "plain"]
    for text in hostile:
        application.app.journal.append("user-added", actor=text, name=text)
    for number in range(1200):
        application.app.journal.append("token-created", name=str(number))
    headers = reader(application)
    exported = application.client().get(f"{JOURNAL}/export", headers=headers)
    assert exported.mimetype == "application/json"
    everything = json.loads(exported.get_data(as_text=True))
    assert [row["id"] for row in everything] == list(range(1, len(everything) + 1))
    assert len(everything) > 1200
    assert everything[-1]["action"] == "journal-exported"
    answer = application.client().get(f"{JOURNAL}/export?format=csv", headers=headers)
    assert answer.mimetype == "text/csv"
    assert "attachment" in answer.headers["Content-Disposition"]
    table = list(csv.DictReader(io.StringIO(answer.get_data(as_text=True))))
    assert len(table) == len(everything) + 1
    actors = [line["actor"] for line in table if line["action"] == "user-added"]
    assert actors == [f"'{text}" if text.strip()[0] in "=+-@" else text for text in hostile]
    assert table[0]["time"].startswith("20")


def test_an_export_in_another_form_is_refused(application: Application) -> None:
    answer = application.client().get(f"{JOURNAL}/export?format=xml", headers=reader(application))
    assert answer.status_code == 422


def test_a_start_after_damage_says_so(application: Application) -> None:
    application.owner()
    folder = application.services.accounts._store.folder
    application.app.stop()
    (folder / "pi-cam.db").write_bytes(b"a letter" * 1000)
    with running(folder) as again:
        assert again.app.accounts.has_owner()
        (row,) = rows(again, action="database-restored")
        assert row["detail"]["kept_as"].startswith("pi-cam.damaged-")
        assert [row["action"] for row in rows(again, action="device-stopped")] == ["device-stopped"]


def test_what_is_changed_about_people_tokens_and_cameras_stands_in_it(tmp_path: Path) -> None:
    with running(tmp_path) as application:
        owner = application.owner()
        person = {"name": "Bob", "password": PASSWORD, "role": "member", "cameras": {"main": ["view"]}}
        user = owner.post("/api/v1/users", json=person, headers=OWN).get_json()["id"]
        owner.patch(f"/api/v1/users/{user}", json={"cameras": {}}, headers=OWN)
        owner.put(f"/api/v1/users/{user}/password", json={"password": PASSWORD + "!"}, headers=OWN)
        owner.delete(f"/api/v1/users/{user}", headers=OWN)
        owner.post("/api/v1/tokens", json={"name": "door", "can": ["view"]}, headers=OWN)
        owner.delete("/api/v1/tokens/door", headers=OWN)
        address = "rtsp://bob:s3cret-canary@camera.invalid/"
        owner.post("/api/v1/cameras", json={"name": "Door", "address": address}, headers=OWN)
        owner.patch("/api/v1/cameras/door", json={"name": "Back door"}, headers=OWN)
        owner.delete("/api/v1/cameras/door", headers=OWN)
        rows = owner.get("/api/v1/journal?actor=Ada").get_json()["rows"]
    done = [row["action"] for row in reversed(rows)]
    assert done[-9:] == [
        *("user-added", "user-changed", "password-changed", "user-removed", "token-created", "token-revoked"),
        *("camera-added", "camera-changed", "camera-removed"),
    ]
    assert "canary" not in str(rows)
    assert PASSWORD not in str(rows)
