"""Moving house: networks of other kinds, chosen on the setup pages. After `test_first_boot.py`, in the same machine."""

from __future__ import annotations

import json

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


def test_hidden_networks(air: Air) -> None:
    air.home_on(b"nobody sees me", OTHER, "ignore_broadcast_ssid=1")
    assert air.camera_joins("there is no such", OTHER, hidden=True)["reason"] == "not_found"
    assert air.camera_joins("nobody sees me", OTHER, hidden=True)["phase"] == "online"


def test_a_network_without_addresses(air: Air) -> None:
    air.home_on(b"no dhcp", OTHER, dhcp=False)
    air.listed("no dhcp")
    assert air.camera_joins("no dhcp", OTHER)["reason"] == "no_address"


def test_wpa3_alone(air: Air) -> None:
    lines = ["wpa=2", "wpa_key_mgmt=SAE", "rsn_pairwise=CCMP", "ieee80211w=2", f"sae_password={OTHER}"]
    air.home_on(b"the third", None, *lines)
    assert air.listed("the third")["security"] == "wpa"
    assert air.camera_joins("the third", OTHER)["phase"] == "online"


def test_an_account_for_each_person_is_refused_in_words(machine: Machine, air: Air) -> None:
    machine.run("printf '* PEAP\n' >/srv/people")
    lines = ["wpa=2", "wpa_key_mgmt=WPA-EAP", "rsn_pairwise=CCMP", "ieee8021x=1"]
    air.home_on(b"the office", None, *lines, "eap_server=1", "eap_user_file=/srv/people")
    assert air.listed("the office")["security"] == "enterprise"
    with pytest.raises(AssertionError, match="a name and a password for each person"):
        air.camera_joins("the office", OTHER)


def test_the_country_of_the_radio(machine: Machine, air: Air) -> None:
    """The kernel follows it, and again after the next start; before, and once it is taken back, nobody's rules but the
    world's."""
    assert air.camera_says("state()")["country"] == "00"
    air.camera_says("set_country('FR')")
    machine.until("iw reg get | grep -q '^country FR'")
    machine.until("grep -q FR /run/pi-cam-country/country")
    assert air.camera_says("state()")["country"] == "FR"
    machine.run("rm /run/pi-cam-netd/country /run/pi-cam-country/country; iw reg set 00")
    machine.run("systemctl start pi-cam-country.service")
    machine.until("iw reg get | grep -q '^country FR'")
    assert air.camera_says("state()")["country"] == "FR"
    air.camera_says("set_country('00')")
    machine.until("iw reg get | grep -q '^country 00'")


def test_a_home_that_is_gone_and_a_new_one(machine: Machine, air: Air) -> None:
    """The camera opens its own network by itself, for those who know the old home's password."""
    air.home_on()
    air.listed(HOME)
    assert air.camera_joins(HOME, PASSWORD)["phase"] == "online"
    machine.run("echo PI_CAM_NETD_LOST=20 >>/etc/pi-cam/wifi; systemctl restart pi-cam-netd.service")
    air.phase("online")
    air.home_off()
    hotspot = str(air.phase("hotspot")["ssid"])
    air.phone_joins(hotspot, PASSWORD)
    air.home_on(b"the new one", OTHER)
    assert json.loads(air.phone("send", "the new one", OTHER))[0] == 202
    assert air.phase("online")["ssid"] == "the new one"
