"""What the pages and the API say of the tunnel."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.application import OWN, Application, running
from tests.tunnels import HOST, until

TUNNEL: dict[str, Any] = {"pi_cam.listener": "tunnel"}
NO_LISTENER = "The tunnel leads to a port of its own: start pi-cam with --tunnel-port."


@pytest.fixture
def off(tmp_path: Path) -> Iterator[Application]:
    with running(tmp_path) as application:
        yield application


@pytest.fixture
def without_listener(tmp_path: Path) -> Iterator[Application]:
    with running(tmp_path, PI_CAM_TUNNEL="quick") as application:
        until(lambda: application.services.tunnel.state()["state"] == "waiting")
        yield application


def page(application: Application, language: str) -> str:
    answer = application.owner().get("/remote", headers={"Accept-Language": language})
    assert answer.status_code == 200
    return answer.text.replace("\u00a0", " ")


def test_none(off: Application) -> None:
    assert off.owner().get("/api/v1/tunnel").get_json() == {
        "way": "off",
        "state": "off",
        "host": None,
        "trouble": None,
        "connections": 0,
        "restarts": 0,
        "next_try_seconds": None,
    }
    assert "This device keeps no tunnel up." in page(off, "en")
    assert "Cet appareil ne maintient aucun tunnel." in page(off, "fr")


def test_the_trouble_is_said_in_both_languages(without_listener: Application) -> None:
    found = without_listener.owner().get("/api/v1/tunnel").get_json()
    assert (found["state"], found["trouble"]) == ("waiting", NO_LISTENER)
    assert found["next_try_seconds"] <= 60
    english, french = page(without_listener, "en"), page(without_listener, "fr")
    assert NO_LISTENER in english
    assert "Waits until it tries again" in english
    assert "Le tunnel mène à un port qui lui est propre : démarrez pi-cam avec --tunnel-port." in french
    assert "Attend avant de réessayer" in french


def test_the_doctor_says_it_too(without_listener: Application) -> None:
    findings = without_listener.owner().get("/api/v1/system/doctor").get_json()["findings"]
    (found,) = [one for one in findings if one["name"] == "tunnel"]
    assert (found["level"], found["text"]) == ("missing", NO_LISTENER)
    assert NO_LISTENER in without_listener.owner().get("/system").text


@pytest.mark.parametrize("state", ["connecting", "up"])
def test_how_it_is_stands_on_the_page(off: Application, monkeypatch: pytest.MonkeyPatch, state: str) -> None:
    told = {**off.services.tunnel.state(), "way": "named", "state": state, "host": HOST, "restarts": 3}
    monkeypatch.setattr(type(off.services.tunnel), "state", lambda _: told)
    english = page(off, "en")
    assert f'data-tunnel="{state}"' in english
    assert f'href="https://{HOST}/"' in english
    assert {"connecting": "Connecting", "up": "Connected"}[state] in english
    assert "3 times" in english
    assert "3 fois" in page(off, "fr")


def test_nobody_turns_one_on_from_outside(off: Application) -> None:
    off.services.settings.change({"tunnel_host": HOST})
    headers = {**OWN, **off.token("configure")}

    def change(**values: object) -> Any:
        return off.client().patch(
            "/api/v1/settings", json=values, headers=headers, base_url=f"https://{HOST}", environ_overrides=TUNNEL
        )

    answer = change(tunnel="quick")
    assert (answer.status_code, answer.get_json()["detail"]) == (
        403,
        "A tunnel is turned on in the local network only.",
    )
    assert change(tunnel="off").status_code == 200


def test_the_paths_are_the_operators(off: Application) -> None:
    for name in ("tunnel_program", "tunnel_credentials", "tunnel_token_file"):
        assert off.owner().patch("/api/v1/settings", json={name: "/bin/sh"}, headers=OWN).status_code == 422
