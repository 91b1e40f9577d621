"""Moving house: networks of other kinds, chosen on the setup pages. After `test_first_boot.py`, in the same machine."""

from __future__ import annotations

import pytest

from tests.wifi.air import Air

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
