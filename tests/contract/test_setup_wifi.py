"""The Wi-Fi step: hard names, networks of every kind, and what becomes of a try."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pi_cam.api.pages.setup_views import key_of
from tests.contract.application import OWN, Application, running
from tests.contract.setting_up import ADDRESS, look, marks, seen, send, with_wifi
from tests.scripted_wifi import ScriptedWifi


@pytest.fixture
def wifi() -> ScriptedWifi:
    return ScriptedWifi()


@pytest.fixture
def owned(tmp_path: Path, wifi: ScriptedWifi) -> Iterator[Application]:
    with with_wifi(tmp_path, wifi) as application:
        application.owner()
        yield application


HARD = ['Bob\'s "$(reboot)" <b>&amp;', "Café 📷👩‍👧 réseau", "two\nlines\u202eon"]


@pytest.mark.parametrize("ssid", HARD)
def test_hard_names_are_shown_whole_and_joined_exactly(owned: Application, wifi: ScriptedWifi, ssid: str) -> None:
    client, page = owned.owner(), look(owned.owner(), "wifi")
    shown = html.unescape(re.sub(r"<[^<>]*>", "", page[page.index("Networks near") : page.index("A hidden network")]))
    assert ssid.replace("\n", "\ufffd").replace("\u202e", "\ufffd") in shown
    assert "<b>" not in page
    assert key_of(ssid) in page
    passphrase = wifi._near[ssid].passphrase or ""
    assert send(client, "wifi", "join", network=key_of(ssid), passphrase=passphrase).status_code == 302
    assert wifi.joins == [(ssid, passphrase, False)]
    assert wifi.state().ssid == ssid


def test_a_hidden_network(owned: Application, wifi: ScriptedWifi) -> None:
    send(owned.owner(), "wifi", "join", network="", ssid="secret place", passphrase="hidden away")
    assert wifi.joins == [("secret place", "hidden away", True)]
    assert wifi.state().phase == "online"


@pytest.mark.parametrize(
    ("ssid", "passphrase", "said"),
    [
        ("Maison", "wrong wrong", "The password was wrong."),
        ("sans adresse", "12345678", "gave it no address"),
        ("nowhere", "12345678", "It was not found"),
    ],
)
def test_a_try_that_failed_is_told_in_words(owned: Application, ssid: str, passphrase: str, said: str) -> None:
    client = owned.owner()
    assert send(client, "wifi", "join", ssid=ssid, passphrase=passphrase).headers["Location"] == "/setup/wifi"
    page = look(client, "wifi")
    assert said in page
    assert f">{ssid}</bdi>" in page
    assert passphrase not in page
    refused = client.post(f"{ADDRESS}/wifi", json={}, headers=OWN)
    assert refused.get_json()["detail"] == "The camera is not connected to a network yet."
    assert marks(client)["wifi"] is None


@pytest.mark.parametrize(
    ("ssid", "passphrase", "said"),
    [
        ("Vieux routeur", "abcde", "WEP was broken long ago"),
        ("Bureau", "", "This network asks each device for an account"),
        ("Maison", "short", "A Wi-Fi password has 8 to 63 characters."),
        ("Maison", "", "A Wi-Fi password has 8 to 63 characters."),
        ("Maison", "z" * 64, "A Wi-Fi password has 8 to 63 characters."),
        ("é" * 17, "12345678", "A network&#39;s name has 1 to 32 letters"),
        ("", "12345678", "A network&#39;s name has 1 to 32 letters"),
    ],
)
def test_what_cannot_be_joined_is_said_at_once(
    owned: Application, wifi: ScriptedWifi, ssid: str, passphrase: str, said: str
) -> None:
    for network in (key_of(ssid), "", "not base64!", "//8="):
        typed = "" if network == key_of(ssid) else ssid
        answer = send(owned.owner(), "wifi", "join", network=network, ssid=typed, passphrase=passphrase)
        assert answer.status_code == 422
        assert network not in ("", key_of(ssid)) or said in seen(answer)
    assert wifi.joins == []


def test_an_open_network_and_a_known_one_need_no_password(owned: Application, wifi: ScriptedWifi) -> None:
    client = owned.owner()
    answer = send(client, "wifi", "join", network=key_of("Voisin"), passphrase="left over")
    assert (answer.status_code, wifi.joins) == (422, []), "who typed one means a network that is protected"
    assert "This network is open" in seen(answer)
    send(client, "wifi", "join", network=key_of("Voisin"))
    assert wifi.joins[-1] == ("Voisin", None, False)
    send(client, "wifi", "join", network=key_of("Maison"), passphrase="correct horse battery")
    send(client, "wifi", "join", network=key_of("Voisin"))
    assert look(client, "wifi").count("known") > 1
    send(client, "wifi", "join", network=key_of("Maison"))  # moving back
    assert wifi.joins[-1] == ("Maison", None, False)
    assert wifi.state().ssid == "Maison"
    page = look(client, "wifi")
    assert page.count(">Forget<") == 2
    assert send(client, "wifi", "forget", network=key_of("Maison")).headers["Location"] == "/setup/wifi"
    assert wifi.state().ssid is None
    assert look(client, "wifi").count(">Forget<") == 1
    client.post(f"{ADDRESS}/wifi", json={"action": "forget", "ssid": "Voisin"}, headers=OWN)
    assert ">Forget<" not in look(client, "wifi")


def test_the_country_of_the_radio_is_chosen_and_never_guessed(owned: Application, wifi: ScriptedWifi) -> None:
    client = owned.owner()
    client.post("/api/v1/settings", json={"time_zone": "Europe/Paris", "language": "fr"}, headers=OWN)
    page = look(client, "wifi")
    assert '<option value="FR">France</option>' in page
    assert not re.search(r'<option value="[A-Z]{2}" selected', page)
    assert send(client, "wifi", "country", country="FR").headers["Location"] == "/setup/wifi"
    assert wifi.state().country == "FR"
    assert '<option value="FR" selected>France</option>' in look(client, "wifi")
    assert client.get(ADDRESS).get_json()["wifi"]["country"] == "FR"
    for wrong in ("", "ZZ", "fr", "EU", "F"):
        assert send(client, "wifi", "country", country=wrong).status_code == 422
    assert wifi.state().country == "FR"
    client.post(f"{ADDRESS}/wifi", json={"action": "country", "country": "00"}, headers=OWN)
    assert wifi.state().country == "00"


def test_what_will_happen_is_told_before(owned: Application, wifi: ScriptedWifi) -> None:
    assert "own network goes away" in look(owned.owner(), "wifi")
    send(owned.owner(), "wifi", "join", network=key_of("Voisin"))
    assert "goes to that network" in look(owned.owner(), "wifi")


def test_the_cameras_own_network_can_be_asked_for(owned: Application, wifi: ScriptedWifi) -> None:
    client = owned.owner()
    send(client, "wifi", "join", network=key_of("Voisin"))
    assert "Open the camera’s own network" in look(client, "wifi")
    assert send(client, "wifi", "hotspot").headers["Location"] == "/setup/wifi"
    page = look(client, "wifi")
    assert "Camera-TEST" in page
    assert "Open the camera’s own network" not in page
    assert marks(client)["wifi"] is None, "this answers nothing yet"
    rows = client.get("/api/v1/journal", headers=OWN).get_json()
    assert "hotspot-opened" in str(rows)


def test_wifi_that_does_not_answer_is_told_and_can_be_skipped(owned: Application, wifi: ScriptedWifi) -> None:
    wifi.broken = True
    client = owned.owner()
    assert "does not answer" in look(client, "wifi")
    assert send(client, "wifi", "join", ssid="Maison", passphrase="12345678").status_code == 503
    assert send(client, "wifi", "skip").status_code == 302
    assert marks(client)["wifi"] == "skipped"


def test_a_machine_without_wifi_has_no_such_step(tmp_path: Path) -> None:
    with running(tmp_path) as application:
        client = application.owner()
        assert "wifi" not in marks(client)
        assert client.get("/setup/wifi").headers["Location"] == "/setup/language"
        assert client.post(f"{ADDRESS}/wifi", json={"action": "skip"}, headers=OWN).status_code == 404
