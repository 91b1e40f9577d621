"""Privacy by API: who turns it on, who ends it, and what is refused meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from pi_cam.errors import NotReady
from pi_cam.master_switch import By
from tests.contract.application import OWN, Application, running

PATH = "/api/v1/privacy"
ENDS_AT_HOME = "Privacy ends at the camera itself, or on its page at home."


@pytest.fixture
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    with running(tmp_path_factory.mktemp("privacy")) as application:
        yield application


def turn(client: FlaskClient, on: object, **environ: str) -> tuple[int, object]:
    answer = client.put(PATH, json={"on": on}, headers=OWN, environ_overrides=environ)
    return answer.status_code, answer.get_json()


def state(client: FlaskClient) -> str:
    return str(client.get("/api/v1/cameras/main").get_json()["state"])


def test_it_closes_everything_until_somebody_ends_it(application: Application) -> None:
    owner = application.owner()
    assert owner.get(PATH).get_json() == {"on": False}
    assert turn(owner, True) == (200, {"on": True})
    assert state(owner) == "privacy"
    for method, path in (("POST", "cameras/main/start"), ("GET", "cameras/main/snapshot.jpg")):
        answer = owner.open(f"/api/v1/{path}", method=method, headers=OWN)
        assert (answer.status_code, answer.get_json()["code"]) == (409, "privacy"), path
    assert turn(owner, True) == (200, {"on": True})
    assert turn(owner, False) == (200, {"on": False})
    assert state(owner) == "idle"
    application.app.journal.flush()
    rows = owner.get("/api/v1/journal").get_json()["rows"]
    done = [(row["action"], row["actor"]) for row in rows if row["action"].startswith("privacy")]
    assert done == [("privacy-off", "Ada"), ("privacy-on", "Ada")], "each once"


def test_a_stopped_camera_is_stopped_afterwards(application: Application) -> None:
    owner = application.owner()
    owner.post("/api/v1/cameras/main/stop", headers=OWN)
    turn(owner, True)
    assert state(owner) == "privacy"
    turn(owner, False)
    assert state(owner) == "stopped"
    turn(owner, True)
    owner.post("/api/v1/cameras/main/stop", headers=OWN)
    turn(owner, False)
    assert state(owner) == "stopped"
    assert owner.post("/api/v1/cameras/main/start", headers=OWN).status_code == 200


def test_a_camera_that_is_added_meanwhile_is_closed_too(application: Application) -> None:
    owner = application.owner()
    turn(owner, True)
    camera = {"name": "Yard", "address": "rtsp://192.168.1.20/stream1", "allow_lan": True}
    added = owner.post("/api/v1/cameras", json=camera, headers=OWN)
    assert (added.status_code, added.get_json()["state"]) == (201, "privacy")
    changed = owner.patch(
        f"/api/v1/cameras/{added.get_json()['id']}", json={"address": "rtsp://192.168.1.21/"}, headers=OWN
    )
    assert changed.get_json()["state"] == "privacy"
    turn(owner, False)
    assert owner.get(f"/api/v1/cameras/{added.get_json()['id']}").get_json()["state"] == "idle"


@pytest.mark.parametrize(
    "away", [{"pi_cam.listener": "tunnel"}, {"REMOTE_ADDR": "203.0.113.9"}], ids=["tunnel", "port"]
)
def test_from_away_it_is_turned_on_and_never_off(application: Application, away: dict[str, str]) -> None:
    owner = application.owner()
    if "pi_cam.listener" in away:  # there the cookie is one that only TLS may set
        secret = owner.get_cookie("sid")
        assert secret is not None
        owner.set_cookie("__Host-sid", secret.value, secure=True)
    assert turn(owner, True, **away) == (200, {"on": True})
    status, problem = turn(owner, False, **away)
    assert status == 403
    assert isinstance(problem, dict)
    assert problem["detail"] == ENDS_AT_HOME
    page = owner.get("/privacy", environ_overrides=away).text
    assert "End privacy" not in page
    assert "End privacy" in owner.get("/privacy").text
    assert turn(owner, False) == (200, {"on": False})


def test_who_may_only_watch_sees_it_and_turns_nothing(application: Application) -> None:
    viewer = application.user("Eve", {"main": ["view"]})
    assert viewer.get(PATH).get_json() == {"on": False}
    assert turn(viewer, True)[0] == 403
    assert viewer.get("/privacy").status_code == 403
    controls_one = application.user("Max", {"main": ["view", "control"]})
    assert turn(controls_one, True)[0] == 403, "it would close the others, too"


@pytest.mark.parametrize("on", ["true", 2, None, [], {}])
def test_what_is_neither_on_nor_off(application: Application, on: object) -> None:
    assert turn(application.owner(), on)[0] == 422


def test_a_press_of_the_button(tmp_path_factory: pytest.TempPathFactory) -> None:
    with running(tmp_path_factory.mktemp("button"), button=True) as application:
        owner = application.owner()

        def press(kind: object) -> int:
            return owner.post("/api/v1/button", json={"press": kind}, headers=OWN).status_code

        assert (press("short"), state(owner)) == (204, "stopped")
        assert (press("short"), state(owner)) == (204, "idle")
        assert (press("long"), state(owner)) == (204, "privacy")
        assert (press("short"), state(owner)) == (409, "privacy"), "a short press opens nothing that is private"
        assert (press("long"), state(owner)) == (204, "idle")
        assert press("very long") == 422
        assert owner.get("/").status_code == 200
        away = {"pi_cam.listener": "tunnel"}
        assert owner.post("/api/v1/button", json={"press": "long"}, environ_overrides=away).status_code in (401, 404)
        application.app.journal.flush()
        rows = owner.get("/api/v1/journal").get_json()["rows"]
        done = [row["action"] for row in reversed(rows) if row["actor"] == "button"]
        assert done == ["stopped", "started", "privacy-on", "privacy-off"]


def test_without_being_asked_for_there_is_no_button(application: Application) -> None:
    answer = application.owner().post("/api/v1/button", json={"press": "long"}, headers=OWN)
    assert (answer.status_code, state(application.owner())) == (404, "idle")


def test_it_survives_a_restart(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("restarted")
    with running(folder) as application:
        turn(application.owner(), True)
    with running(folder) as application:
        assert state(application.owner()) == "privacy"


def test_it_does_not_wait_for_a_busy_camera(application: Application) -> None:
    """Nothing opens any more from the moment it is asked for; what is open is closed as soon as there is time."""
    owner, switch, loop = application.owner(), application.services.switch, application.app.loop
    busy, outcomes = threading.Event(), []

    def ask() -> None:
        try:
            switch.hide(By("Ada"))
        except NotReady as error:
            outcomes.append(error)

    loop.post(lambda: busy.wait(30))
    asking = threading.Thread(target=ask)
    try:
        asking.start()
        deadline = time.monotonic() + 4
        while not switch.is_private:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert asking.is_alive(), "and it waits to say that all is closed"
        asking.join(30)  # the call's own patience
    finally:
        busy.set()
        asking.join()
    assert len(outcomes) == 1
    deadline = time.monotonic() + 10
    while state(owner) != "privacy":
        assert time.monotonic() < deadline
    application.app.journal.flush()
    rows = owner.get("/api/v1/journal").get_json()["rows"]
    assert [row["action"] for row in rows if row["action"].startswith("privacy")] == ["privacy-on"]
