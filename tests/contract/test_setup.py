"""The wizard through the application's own routes: everybody who may come, in whatever order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from pi_cam.api.pages.setup_views import key_of
from pi_cam.setup_wizard.marks_file import FILE
from tests.contract.application import NAME, OWN, PASSWORD, Application, running
from tests.contract.setting_up import ADDRESS, STEPS, fields, look, marks, owner_form, seen, send, with_wifi
from tests.scripted_wifi import ScriptedWifi

TUNNEL: dict[str, Any] = {"pi_cam.listener": "tunnel"}


@pytest.fixture
def wifi() -> ScriptedWifi:
    return ScriptedWifi()


@pytest.fixture
def new(tmp_path: Path, wifi: ScriptedWifi) -> Iterator[Application]:
    with with_wifi(tmp_path, wifi) as application:
        yield application


@pytest.fixture
def owned(new: Application) -> Application:
    new.owner()
    return new


# From nobody's camera to one that is ready


def test_the_whole_way_without_a_script(new: Application, wifi: ScriptedWifi) -> None:
    client = new.client()
    assert client.get("/").headers["Location"] == "/setup"
    assert "What is this camera called?" in seen(client.get("/setup"))
    gone = send(client, "language", language="fr", camera_name="Poulailler")
    assert gone.headers["Location"] == "/setup/owner"
    assert "Cette caméra est à vous" in look(client, "owner")
    gone = client.post("/setup", data={**fields(look(client, "owner")), **owner_form(new)})
    assert gone.headers["Location"] == "/setup/wifi"
    gone = send(client, "wifi", "join", network=key_of("Maison"), passphrase="correct horse battery")
    assert gone.headers["Location"] == "/setup/wifi"
    assert "La caméra est connectée à" in look(client, "wifi")
    assert send(client, "wifi").headers["Location"] == "/setup/camera"
    assert send(client, "camera").headers["Location"] == "/setup/time"
    assert send(client, "time", time_zone="Europe/Paris").headers["Location"] == "/setup/remote"
    assert send(client, "remote").headers["Location"] == "/setup/updates"
    assert send(client, "updates").headers["Location"] == "/setup/done"
    assert "Votre caméra est prête" in look(client, "done")
    assert client.get("/setup").headers["Location"] == "/setup/done"
    assert 'data-time-zone="Europe/Paris"' in seen(client.get("/journal"))
    assert client.get("/api/v1/cameras/main").get_json()["name"] == "Poulailler"
    assert '<html lang="fr"' in seen(new.client().get("/login", headers={"Accept-Language": "de"}))
    assert set(marks(client).values()) == {"done", None}


def test_each_step_is_skipped_and_done_after_all(owned: Application) -> None:
    client = owned.owner()
    for step in ("language", "wifi", "camera", "time", "remote", "updates"):
        send(client, step, "skip")
    assert marks(client) == {one: "skipped" for one in STEPS if one not in ("owner", "done")} | {
        "owner": "done",
        "done": None,
    }
    assert client.get("/setup").headers["Location"] == "/setup/done"
    assert send(client, "time", time_zone="Asia/Tokyo").headers["Location"] == "/setup/done"
    assert send(client, "time", "skip").headers["Location"] == "/setup/done"  # leaves it as it is
    assert marks(client)["time"] == "done"
    assert owned.services.settings.text("time_zone") == "Asia/Tokyo"


def test_it_goes_on_where_it_was_after_a_restart_and_begins_anew_with_a_file_that_is_damaged(tmp_path: Path) -> None:
    for step in ("language", "wifi", "camera"):
        with with_wifi(tmp_path, ScriptedWifi()) as application:
            client = application.owner()
            assert client.get("/setup").headers["Location"] == f"/setup/{step}"
            send(client, step, "skip")
    (tmp_path / FILE).write_text("{")
    with with_wifi(tmp_path, ScriptedWifi()) as application:
        client = application.owner()
        assert client.get("/setup").headers["Location"] == "/setup/language"
        assert "begins anew" in look(client, "language")
        send(client, "language", "skip")
        assert "begins anew" not in look(client, "wifi")


# Who may


@pytest.mark.parametrize("step", STEPS[2:])
def test_before_there_is_an_owner_no_later_step_is_there(new: Application, step: str) -> None:
    client = new.client()
    assert client.get(f"/setup/{step}").headers["Location"] == "/setup"
    assert client.post(f"/setup/{step}", data={"action": "skip"}).headers["Location"] == "/setup"
    for who in ({}, new.token("configure", "view")):
        refused = client.post(f"{ADDRESS}/{step}", json={"action": "skip"}, headers=who)
        assert refused.status_code == 409
        assert refused.get_json()["detail"] == "First this camera needs an owner."
    assert not (new.services.wizard._path).exists()


def test_the_owner_is_not_skipped(new: Application) -> None:
    client = new.client()
    assert client.post("/setup/owner", data={"action": "skip"}).status_code == 409
    assert client.post(f"{ADDRESS}/owner", json={"action": "skip"}).status_code == 409
    assert not new.app.accounts.has_owner()


@pytest.mark.parametrize("code", ["", "AAAA-AAAA", "x" * 20])
def test_the_owner_has_the_code(new: Application, code: str) -> None:
    client = new.client()
    page = client.post("/setup/owner", data=owner_form(new, code=code))
    assert page.status_code == 403
    assert "The setup code is wrong" in seen(page)
    assert client.post(f"{ADDRESS}/owner", json=owner_form(new, code=code)).status_code == 403
    assert not new.app.accounts.has_owner()


@pytest.mark.parametrize("path", ["/setup", *(f"/setup/{step}" for step in STEPS), "/setup/dance", ADDRESS])
@pytest.mark.parametrize("is_owned", [False, True])
def test_through_the_tunnel_it_does_not_exist(new: Application, path: str, is_owned: bool) -> None:
    client = new.owner() if is_owned else new.client()
    for method in ("GET", "POST"):
        answer = client.open(path, method=method, data={"action": "skip"}, headers=OWN, environ_overrides=TUNNEL)
        assert answer.status_code == 404
    for step in STEPS:
        answer = client.post(f"{ADDRESS}/{step}", json={"action": "skip"}, headers=OWN, environ_overrides=TUNNEL)
        assert answer.status_code == 404
    assert new.services.wizard.progress(has_owner=True, left_out=frozenset()).marks == {}


def test_afterwards_it_is_the_owners(owned: Application) -> None:
    stranger, member = owned.client(), owned.user("member Max", {"main": ["view", "configure"]})
    assert stranger.get("/setup").status_code == 409
    assert stranger.get("/setup/camera").headers["Location"] == "/login"
    assert stranger.get(ADDRESS).status_code == 401
    assert stranger.post(f"{ADDRESS}/camera", json={"action": "skip"}).status_code == 401
    assert member.get("/setup").status_code == 403
    assert member.get("/setup/camera").status_code == 403
    assert member.post(f"{ADDRESS}/camera", json={"action": "skip"}, headers=OWN).status_code == 403
    assert owned.client().get(ADDRESS, headers=owned.token("view")).status_code == 403
    assert owned.client().get(ADDRESS, headers=owned.token("configure")).status_code == 200
    assert owned.owner().post("/setup/camera", data={"action": "skip"}).status_code == 403  # not from our own page
    assert marks(owned.owner())["camera"] is None


# Two people


def test_the_second_is_told_that_somebody_else_is_there(owned: Application) -> None:
    one, two = owned.owner(), owned.owner()
    assert "Somebody else is setting up" not in look(one, "camera")
    assert "Somebody else is setting up" in look(two, "camera")
    assert "Somebody else is setting up" not in look(one, "camera")


def test_what_one_answered_is_not_overwritten_unseen_and_what_the_other_typed_is_not_lost(owned: Application) -> None:
    one, two = owned.owner(), owned.owner()
    shown = look(two, "language")
    assert send(one, "language", language="en", camera_name="Kitchen").status_code == 302
    told = send(two, "language", page=shown, language="en", camera_name="Hall")
    assert told.status_code == 409
    page = seen(told)
    assert "Somebody else answered this step meanwhile" in page
    assert 'value="Hall"' in page
    assert owned.client().get("/api/v1/cameras/main", headers=owned.token("view")).get_json()["name"] == "Kitchen"
    assert send(two, "language", page=page, language="en", camera_name="Hall").status_code == 302
    assert owned.client().get("/api/v1/cameras/main", headers=owned.token("view")).get_json()["name"] == "Hall"


def test_the_same_answer_twice_is_no_error(owned: Application) -> None:
    one, two = owned.owner(), owned.owner()
    pages = look(one, "language"), look(two, "language")
    for client, page in ((one, pages[0]), (one, pages[0]), (two, pages[1])):
        gone = send(client, "language", page=page, language="en", camera_name="Kitchen")
        assert gone.headers["Location"] == "/setup/wifi"
    for _ in range(2):
        assert owned.owner().post(f"{ADDRESS}/camera", json={}, headers=OWN).status_code == 200


def test_two_who_want_to_be_the_owner(new: Application) -> None:
    form = owner_form(new)
    assert new.client().post("/setup", data=form).headers["Location"] == "/setup/wifi"
    late = new.client().post("/setup", data={**form, "name": "Eve"})
    assert late.status_code == 409
    assert "This camera has an owner already." in seen(late)


def test_the_form_of_the_owner_pressed_twice_at_once(new: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second request passed the guard before the first had made the owner."""
    form = owner_form(new)
    new.app.accounts.create_owner(NAME, PASSWORD)
    truth = new.services.accounts.has_owner
    asked = iter([False, False])
    monkeypatch.setattr(new.services.accounts, "has_owner", lambda: next(asked, None) is None and truth())
    client = new.client()
    gone = client.post("/setup", data=form)
    assert gone.headers["Location"] == "/setup/wifi"
    assert client.get("/api/v1/sessions").status_code == 200
    asked = iter([False, False])
    assert new.client().post("/setup", data={**form, "password": PASSWORD[::-1]}).status_code == 409


def test_a_step_out_of_its_time_goes_where_it_should(owned: Application) -> None:
    client = owned.owner()
    assert client.get("/setup/owner").headers["Location"] == "/setup/language"
    page = look(client, "camera")
    gone = client.post("/setup/owner", data={**fields(page), **owner_form(owned)})
    assert gone.headers["Location"] == "/setup/language"
    assert send(client, "updates").headers["Location"] == "/setup/language"  # those that were passed by
    assert client.get("/setup/dance").status_code == 404
    assert client.post("/setup/dance", data=fields(page)).status_code == 404


# The others


@pytest.mark.parametrize("zone", ["", "Europe/Atlantis", "../etc/passwd", "europe/paris", "Europe/Paris\n"])
def test_a_zone_that_is_none(owned: Application, zone: str) -> None:
    answer = send(owned.owner(), "time", time_zone=zone)
    assert answer.status_code == 422
    assert "There is no such time zone." in seen(answer)
    assert marks(owned.owner())["time"] is None


def test_a_zone_that_the_environment_sets_is_not_asked_for(tmp_path: Path) -> None:
    with running(tmp_path, PI_CAM_TIME_ZONE="Europe/Paris") as application:
        assert "time" not in marks(application.owner())
        assert 'data-time-zone="Europe/Paris"' in seen(application.client().get("/login"))


def test_a_tunnel_of_ones_own(owned: Application) -> None:
    client = owned.owner()
    assert send(client, "remote", "tunnel", tunnel="token", tunnel_host="not a name").status_code == 422
    assert send(client, "remote", "tunnel", tunnel="sideways", tunnel_host="cam.example.org").status_code == 422
    assert owned.services.settings.text("tunnel") == "off"
    gone = send(client, "remote", "tunnel", tunnel="token", tunnel_host="Cam.Example.org")
    assert gone.status_code == 302
    assert owned.services.settings.text("tunnel_host") == "cam.example.org"
    assert marks(client)["remote"] == "done"


def test_a_portal_that_does_not_answer_is_told_and_what_was_typed_stays(owned: Application) -> None:
    answer = send(owned.owner(), "remote", "ask", portal="https://127.0.0.1:1")
    assert answer.status_code in (422, 503)
    assert 'value="https://127.0.0.1:1"' in seen(answer)
    assert marks(owned.owner())["remote"] is None


def test_a_name_that_makes_no_sense(owned: Application) -> None:
    for name in ("x" * 65, "a\u202eb"):
        answer = send(owned.owner(), "language", language="en", camera_name=name)
        assert answer.status_code == 422
    assert send(owned.owner(), "language", language="tlh").status_code == 422
    assert marks(owned.owner())["language"] is None


def test_what_was_done_is_in_the_journal(new: Application) -> None:
    client = new.client()
    send(client, "language", language="fr", camera_name="Poulailler")
    client.post("/setup", data=owner_form(new))
    send(client, "wifi", "join", network=key_of("Maison"), passphrase="correct horse battery")
    rows = client.get("/api/v1/journal").get_json()["rows"]
    said = {row["action"]: row for row in rows}
    assert said["wifi-chosen"]["actor"] == NAME
    assert said["wifi-chosen"]["detail"] == {"ssid": "Maison"}
    assert said["owner-created"]["actor"] == NAME
    assert said["camera-changed"]["actor"] == ""
    assert "correct horse" not in json.dumps(rows)


# For scripts


def test_a_script_sets_up_the_whole_camera(new: Application) -> None:
    client = new.client()
    shown = client.get(ADDRESS).get_json()
    assert [one["step"] for one in shown["steps"]] == STEPS
    assert [one["step"] for one in shown["steps"] if one["open"]] == ["language", "owner"]
    assert shown["wifi"] is None
    assert client.post(f"{ADDRESS}/language", json={"language": "fr"}).get_json()["current"] == "owner"
    assert client.post(f"{ADDRESS}/owner", json=owner_form(new)).get_json()["current"] == "wifi"
    token = new.token("configure")

    def tell(step: str, **given: Any) -> TestResponse:
        return client.post(f"{ADDRESS}/{step}", json=given, headers=token)

    joined = tell("wifi", action="join", ssid="Maison", passphrase="correct horse battery").get_json()
    online = {"phase": "online", "ssid": "Maison", "failed_ssid": None, "reason": None, "country": "00"}
    assert joined["wifi"] == online
    for step, given in {"wifi": {}, "camera": {}, "time": {"time_zone": "UTC"}, "remote": {}, "updates": {}}.items():
        answer = tell(step, **given)
        assert answer.status_code == 200, answer.get_json()
    assert answer.get_json()["complete"] is True
    assert answer.get_json()["current"] == "done"
    assert tell("done").status_code == 422
    assert tell("dance").status_code == 404
    assert tell("time", time_zone="x/y").status_code == 422
    assert tell("time", zone="UTC").status_code == 422
    assert client.get(ADDRESS, headers=token).get_json()["problem"] is None
