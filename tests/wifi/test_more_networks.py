"""Moving house: networks of every kind, and the home's network lost. After `test_first_boot.py`, in the same machine."""

from __future__ import annotations

import pytest

from tests.wifi.air import HOME, PASSWORD, Air
from tests.wifi.machine import Machine

OTHER = "another password"
ODD = "🏠 $(reboot) \"x\" 'y'\n"

pytestmark = [pytest.mark.timeout(900)]


def test_a_name_made_of_everything(air: Air) -> None:
    air.home_on(ODD.encode(), OTHER)
    air.listed(ODD)
    assert air.camera_joins(ODD, OTHER)["ssid"] == ODD
    assert air.camera_says("state()")["phase"] == "online"


def test_an_open_network_whose_name_is_no_utf8(air: Air) -> None:
    air.home_on(b"caf\xe9 open", None)
    shown = "caf\N{REPLACEMENT CHARACTER} open"
    assert air.listed(shown)["security"] == "open"
    state = air.camera_joins(shown, None)
    assert (state["phase"], state["ssid"]) == ("online", shown)


def test_hidden_networks(air: Air) -> None:
    air.home_on(b"nobody sees me", OTHER, "ignore_broadcast_ssid=1")
    assert air.camera_joins("there is no such", OTHER, hidden=True)["reason"] == "not_found"
    assert air.camera_joins("nobody sees me", OTHER, hidden=True)["phase"] == "online"


def test_a_network_without_addresses(air: Air) -> None:
    air.home_on(b"no dhcp", OTHER, dhcp=False)
    air.listed("no dhcp")
    assert air.camera_joins("no dhcp", OTHER)["reason"] == "no_address"


def test_an_enterprise_network_has_a_clear_answer(air: Air) -> None:
    eap = ("ieee8021x=1", "wpa=2", "wpa_key_mgmt=WPA-EAP", "rsn_pairwise=CCMP", "eap_server=1")
    air.home_on(b"Office", None, *eap)
    assert air.listed("Office")["security"] == "enterprise"
    with pytest.raises(AssertionError, match="for each person"):
        air.camera_joins("Office", OTHER)


def test_wpa3(air: Air) -> None:
    air.home_on(
        b"newest", None, "wpa=2", "wpa_key_mgmt=SAE", "rsn_pairwise=CCMP", "ieee80211w=2", f"sae_password={OTHER}"
    )
    assert air.listed("newest")["security"] == "wpa"
    assert air.camera_joins("newest", OTHER)["phase"] == "online"


def test_a_forgotten_network_is_joined_no_more(machine: Machine, air: Air) -> None:
    air.camera_says("forget('newest')")
    air.phase("offline")
    assert "newest" not in machine.run("nmcli --terse --fields NAME connection")


def test_several_are_known_and_the_one_that_is_there_is_joined(air: Air) -> None:
    air.home_on()
    state = air.phase("online")
    assert state["ssid"] == HOME


def test_the_network_is_lost_and_the_hotspot_asks_for_its_password(air: Air) -> None:
    """Five minutes, as they are."""
    air.home_off()
    hotspot = air.phase("hotspot", 420)
    assert air.phone_joins(str(hotspot["ssid"]), PASSWORD)["dns"] == "10.42.0.1"
