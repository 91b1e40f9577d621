"""Updates that come by themselves, as the API and the pages have them."""

from __future__ import annotations

import html
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pi_cam.updates import inbox, trusted
from pi_cam.updates.places import Places
from pi_cam.updates.plan import Plan
from pi_cam.updates.release_watch import NO_KEY, NOTHING_FOUND, NOWHERE
from tests.contract.application import OWN, Application, running
from tests.contract.setting_up import marks, seen, send

ADDRESS = "/api/v1/updates"


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    """A machine on which updates are installed, that trusts a key."""
    for name in ("opt", "kept", "data", "keys"):
        (tmp_path / name).mkdir(mode=0o700)
    key = Ed25519PrivateKey.generate().public_key()
    pem = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "keys/own.pem").write_bytes(pem)
    places = Places(tmp_path / "opt", tmp_path / "kept", tmp_path / "asked", tmp_path / "data", tmp_path / "image")
    monkeypatch.setattr("pi_cam.app.HERE", places)
    monkeypatch.setattr("pi_cam.api.system.HERE", places)
    monkeypatch.setattr(trusted.load, "__defaults__", ((tmp_path / "keys",),))
    return places


@pytest.fixture
def installed(places: Places) -> Iterator[Application]:
    """With an address at which nobody answers, and something that was found there."""
    Plan(begun_at=1.0, looked_at=2e9, version="0.9", release=9).write(places.data / "updates/plan.json")
    with running(places.data, PI_CAM_UPDATES_ADDRESS="https://127.0.0.1:9/pi-cam/") as application:
        application.owner()
        yield application


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    with running(tmp_path_factory.mktemp("checkout")) as application:
        application.owner()
        yield application


def state(application: Application) -> dict[str, Any]:
    answer: dict[str, Any] = application.owner().get(ADDRESS).get_json()
    return answer


def page(application: Application, language: str = "en") -> str:
    shown = application.owner().get("/system", headers={"Accept-Language": language}).get_data(as_text=True)
    return html.unescape(shown.partition('id="updates"')[2].partition("<h2>")[0])


def test_where_updates_are_not_installed_the_page_says_so(checkout: Application) -> None:
    assert state(checkout)["hindrance"] == inbox.NOT_HERE
    assert inbox.NOT_HERE in page(checkout)
    assert "Les mises à jour sont pour une caméra que deploy/install.sh a installée" in page(checkout, "fr")
    for path in ("look", "install"):
        answer = checkout.owner().post(f"{ADDRESS}/{path}", headers=OWN)
        assert answer.status_code == 409
    assert "data-path" not in page(checkout)


def test_without_an_address_or_a_key_nobody_is_asked_and_the_page_says_why(places: Places, tmp_path: Path) -> None:
    with running(places.data) as application:
        assert state(application)["hindrance"] == NOWHERE
        assert NOWHERE in page(application)
        assert state(application)["next_at"] is None
        (tmp_path / "keys/own.pem").unlink()
        given = {"updates_address": "https://example.org/pi-cam/"}
        assert application.owner().patch("/api/v1/settings", json=given, headers=OWN).status_code == 200
        assert state(application)["hindrance"] == NO_KEY
        assert "Ce pi-cam ne connaît aucune clé pour les mises à jour" in page(application, "fr")


@pytest.mark.parametrize(
    "wrong", ["ftp://example.org", "https://", "example.org", "https://a b/", "file:///etc/passwd"]
)
def test_an_address_that_makes_no_sense_is_refused(checkout: Application, wrong: str) -> None:
    answer = checkout.owner().patch("/api/v1/settings", json={"updates_address": wrong}, headers=OWN)
    assert answer.status_code == 422


def test_what_was_found_is_offered_and_can_be_put_off(installed: Application) -> None:
    assert state(installed)["found"] == {"version": "0.9", "release": 9}
    shown = page(installed)
    for word in ("0.9", "Install now", "Put off for a week", "Look for updates now"):
        assert word in shown
    owner = installed.owner()
    answer = owner.put(f"{ADDRESS}/put-off", json={"days": 7}, headers=OWN)
    assert (answer.status_code, answer.get_json()["state"]) == (200, "nothing")
    assert "No longer put off" in page(installed)
    assert "Remise jusqu’au" in page(installed, "fr")
    assert owner.put(f"{ADDRESS}/put-off", json={"days": 0}, headers=OWN).get_json()["put_off_until"] is None
    installed.services.journal.flush()
    rows = owner.get("/api/v1/journal?action=update-put-off").get_json()["rows"]
    assert [row["detail"] for row in rows] == [{"days": 0}, {"days": 7}]
    for wrong in ({"days": -1}, {"days": 61}, {"days": "7"}, {"days": 1.5}, {}, {"days": 1, "more": 1}):
        assert owner.put(f"{ADDRESS}/put-off", json=wrong, headers=OWN).status_code == 422


def test_what_was_asked_for_is_tried_and_what_was_wrong_is_said(installed: Application) -> None:
    owner = installed.owner()
    answer = owner.post(f"{ADDRESS}/install", headers=OWN)
    assert (answer.status_code, answer.get_json()["state"] in ("looking", "nothing")) == (202, True)
    deadline = time.monotonic() + 30
    while (trouble := state(installed)["trouble"]) is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert trouble in ("The web host 127.0.0.1 does not answer.", "The connection to the web host 127.0.0.1 broke off.")
    installed.services.journal.flush()
    rows = owner.get("/api/v1/journal").get_json()["rows"]
    assert {"update-asked", "update-look-failed"} <= {row["action"] for row in rows}


def test_while_one_is_being_installed_nothing_else_is(installed: Application, places: Places) -> None:
    places.inbox.parent.mkdir(parents=True)
    places.inbox.write_bytes(b"on its way")
    assert state(installed)["state"] == "installing"
    owner = installed.owner()
    for method, path in (("POST", "look"), ("POST", "install"), ("PUT", "put-off")):
        answer = owner.open(f"{ADDRESS}/{path}", method=method, headers=OWN, json={"days": 7})
        assert (answer.status_code, answer.get_json()["detail"]) == (409, inbox.UNDER_WAY)
    assert 'data-updates="installing"' in page(installed)


def test_without_anything_newer_there_is_nothing_to_install(places: Places) -> None:
    with running(places.data, PI_CAM_UPDATES_ADDRESS="https://127.0.0.1:9/pi-cam/") as application:
        answer = application.owner().post(f"{ADDRESS}/install", headers=OWN)
        assert (answer.status_code, answer.get_json()["detail"]) == (409, NOTHING_FOUND)


@pytest.mark.parametrize("choice", ["on", "off"])
def test_the_wizard_asks_whether_they_come_by_themselves(tmp_path: Path, choice: str) -> None:
    with running(tmp_path) as application:
        client = application.owner()
        shown = seen(client.get("/setup/updates"))
        assert 'value="on" checked' in shown
        send(client, "updates", updates=choice)
        assert application.services.settings.flag("updates") == (choice == "on")
        assert marks(client)["updates"] == "done"
        assert f'value="{choice}" checked' in seen(client.get("/setup/updates"))
        assert send(client, "updates", updates="perhaps").status_code == 422
        answer = client.post("/api/v1/setup/updates", json={"updates": "off"}, headers=OWN)
        assert answer.status_code == 200
        assert not application.services.settings.flag("updates")


def test_what_the_environment_says_the_wizard_does_not_ask(tmp_path: Path) -> None:
    with running(tmp_path, PI_CAM_UPDATES="no") as application:
        client = application.owner()
        assert 'name="updates"' not in seen(client.get("/setup/updates"))
        send(client, "updates", updates="on")
        assert not application.services.settings.flag("updates")
