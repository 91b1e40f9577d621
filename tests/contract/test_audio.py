"""The device's own sound by API, and who may unmute it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from pi_cam.errors import SourceError
from pi_cam.setting import Value
from tests.contract.application import OWN, Application, running


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    with running(tmp_path_factory.mktemp("audio")) as application:
        yield application


def audio(application: Application) -> dict[str, Any]:
    answer = application.owner().get("/api/v1/audio")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.get_json()
    return found


def test_a_camera_with_sound_of_its_own_is_heard_itself(application: Application) -> None:
    found = audio(application)
    assert (found["source"], found["muted"], found["trouble"], found["listeners"]) == ("camera", False, None, 0)
    assert found["talk"] == {
        "possible": True,
        "muted": False,
        "trouble": None,
        "duplex": "none",
        "several": False,
        "talkers": [],
    }
    assert found["microphone"]["open"] is False
    assert found["loudspeaker"]["open"] is False


def test_a_named_microphone_is_heard_instead_and_off_is_silence(tmp_path_factory: pytest.TempPathFactory) -> None:
    for named, source, duplex in (("some microphone", "microphone", "half"), ("off", "off", "full")):
        folder = tmp_path_factory.mktemp("named")
        with running(
            folder, PI_CAM_MICROPHONE=named, PI_CAM_LOUDSPEAKER="off", PI_CAM_ECHO_CANCELLING="off"
        ) as application:
            found = audio(application)
            assert (found["source"], found["talk"]["possible"]) == (source, False)
            assert found["talk"]["duplex"] == duplex


@pytest.mark.parametrize("address", ["203.0.113.9", "2001:db8::9", "::ffff:203.0.113.9", "nonsense"])
@pytest.mark.parametrize("name", ["microphone_muted", "loudspeaker_muted"])
def test_who_is_far_away_mutes_but_does_not_unmute(application: Application, name: str, address: str) -> None:
    """Far away: a public address, by a port that somebody opened. Through the tunnel: `test_server.py`."""
    owner, far = application.owner(), {"REMOTE_ADDR": address}
    assert owner.patch("/api/v1/settings", json={name: True}, headers=OWN, environ_overrides=far).status_code == 200
    for value in (False, None):
        change = {name: value, "viewers_max": None}
        refused = owner.patch("/api/v1/settings", json=change, headers=OWN, environ_overrides=far)
        assert refused.status_code == 403
        assert refused.get_json()["detail"] == (
            "A muted microphone or loudspeaker is turned on again in the local network only."
        )
        assert application.services.settings.flag(name)
    near = {"REMOTE_ADDR": "192.168.1.7"}
    assert owner.patch("/api/v1/settings", json={name: False}, headers=OWN, environ_overrides=near).status_code == 200
    assert not application.services.settings.flag(name)


@pytest.mark.parametrize("name", ["microphone", "loudspeaker"])
def test_what_is_off_is_not_turned_on_from_outside(application: Application, name: str) -> None:
    owner = application.owner()
    owner.environ_base["REMOTE_ADDR"] = "203.0.113.9"
    assert owner.patch("/api/v1/settings", json={name: "off"}, headers=OWN).status_code == 200
    found = audio(application)
    assert "off" in (found["source"], None if found["talk"]["possible"] else "off")
    for value in ("auto", None, "vmic"):
        assert owner.patch("/api/v1/settings", json={name: value}, headers=OWN).status_code == 403
    assert owner.patch("/api/v1/settings", json={name: "off"}, headers=OWN).status_code == 200
    owner.environ_base["REMOTE_ADDR"] = "127.0.0.1"
    assert owner.patch("/api/v1/settings", json={name: None}, headers=OWN).status_code == 200


def test_a_mute_that_is_being_set_at_home_is_not_undone_from_outside_meanwhile(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check and the change are one: whoever comes while the file is written comes after."""
    settings = application.services.settings
    owner, stranger = application.owner(), application.owner()
    writing, goes_on = threading.Event(), threading.Event()
    write = settings._write

    def slowly(stored: dict[str, Value]) -> None:
        writing.set()
        assert goes_on.wait(10)
        write(stored)

    stranger.environ_base["REMOTE_ADDR"] = "203.0.113.9"
    monkeypatch.setattr(settings, "_write", slowly)
    at_home = threading.Thread(
        target=lambda: owner.patch("/api/v1/settings", json={"microphone_muted": True}, headers=OWN)
    )
    at_home.start()
    assert writing.wait(10)
    threading.Timer(0.2, goes_on.set).start()
    refused = stranger.patch("/api/v1/settings", json={"microphone_muted": False}, headers=OWN)
    at_home.join()
    assert refused.status_code == 403
    assert settings.flag("microphone_muted")
    monkeypatch.setattr(settings, "_write", write)
    settings.change({"microphone_muted": None})


def test_devices_that_cannot_be_listed_are_told(application: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    def keep() -> list[object]:
        raise SourceError("The sound devices do not answer.")

    monkeypatch.setattr("pi_cam.api.audio.devices.devices", keep)
    assert (audio(application)["devices"], audio(application)["problem"]) == ([], "The sound devices do not answer.")
