"""From the first boot to a camera on the home's network, by real radios as far as a kernel can pretend them."""

from __future__ import annotations

import json
import re

import pytest

from tests.wifi.air import HOME, HOME_ADDRESS, PASSWORD, PYTHON, Air
from tests.wifi.machine import Machine

HELPER = "pi-cam-netd.service"
HARDENED = 2.0
JOINS = 5
PROBES = [
    ("connectivitycheck.gstatic.com", "/generate_204"),
    ("captive.apple.com", "/hotspot-detect.html"),
    ("www.msftconnecttest.com", "/connecttest.txt"),
    ("detectportal.firefox.com", "/canonical.html"),
    ("nmcheck.gnome.org", "/check_network_status.txt"),
]

pytestmark = [pytest.mark.timeout(900)]


def test_the_helper_runs_and_is_no_root(machine: Machine) -> None:
    machine.until(f"systemctl is-active {HELPER}", 120)
    assert machine.run(f"ps -o user= -p $(systemctl show -P MainPID {HELPER})") == "pi-cam-netd"
    said = machine.run(f"systemd-analyze security --no-pager {HELPER} | tail -n 1")
    found = re.search(r"(\d+\.\d+) ", said)
    assert found is not None, said
    assert float(found[1]) <= HARDENED, said


def test_the_hotspot_comes_up_by_itself(machine: Machine, air: Air) -> None:
    state = air.phase("hotspot")
    assert re.fullmatch(r"Camera-[A-Z2-7]{4}", str(state["ssid"]))


def test_a_phone_is_led_to_the_page(machine: Machine, air: Air) -> None:
    hotspot = str(air.phase("hotspot")["ssid"])
    lease = air.phone_joins(hotspot)
    assert bytes.fromhex(lease["opt114"]) == b"http://10.42.0.1/captive/api"
    for host, path in PROBES:
        assert json.loads(air.phone("probe", host, path)) == [302, "http://10.42.0.1/setup-wifi"]
    page = air.phone("get", "/setup-wifi")
    assert 'id="password"' in page
    state = json.loads(air.phone("get", "/setup-wifi/state"))
    assert HOME in {one["ssid"] for one in state["networks"]}


@pytest.mark.parametrize("number", range(1, JOINS + 1))
def test_wrong_then_right(machine: Machine, air: Air, number: int) -> None:
    hotspot = str(air.phase("hotspot")["ssid"])
    known = None if number == 1 else PASSWORD
    air.phone_joins(hotspot, known)
    assert json.loads(air.phone("send", HOME, f"wrong password {number}"))[0] == 202
    air.phase("joining")
    assert air.phase("hotspot")["reason"] == "wrong_password"
    air.phone_joins(hotspot, known)
    said = json.loads(air.phone("get", "/setup-wifi/state"))["state"]
    assert (said["failed_ssid"], said["reason"]) == (HOME, "wrong_password")
    assert json.loads(air.phone("send", HOME, PASSWORD)) == [202, {"hotspot": hotspot}]
    air.phase("online")
    address = machine.run("ip -4 -o addr show wlan0 | sed 's/.*inet \\([0-9.]*\\).*/\\1/'")
    assert address.startswith(HOME_ADDRESS.rpartition(".")[0])
    page = f"ip netns exec home curl -sSk -o /dev/null -w '%{{http_code}}' https://{address}/healthz"
    assert machine.until(f"{page} | grep 200") == "200"
    plain = f"ip netns exec home curl -sS -o /dev/null -w '%{{http_code}}' http://{address}/setup-wifi"
    assert machine.run(plain) == "308"
    if number < JOINS:
        air.camera_says("hotspot()")


def test_what_was_tried_in_vain_is_not_kept(machine: Machine) -> None:
    kept = machine.run("ls /etc/NetworkManager/system-connections; ls /etc/NetworkManager/dnsmasq-shared.d")
    assert len(kept.splitlines()) == 1


def test_nobody_else_may_ask(machine: Machine) -> None:
    for user, name in (("nobody", "control"), ("nobody", "captive"), ("pi-cam", "captive")):
        reach = f"import socket; socket.socket(socket.AF_UNIX).connect('/run/pi-cam-netd/{name}')"
        status, said = machine.attempt(f'runuser -u {user} -- {PYTHON} -c "{reach}"')
        assert status != 0
        assert "PermissionError" in said
    kept = machine.run("nmcli --terse --fields UUID,TYPE connection | sed -n 's/:802-11-wireless//p'")
    assert machine.attempt(f"runuser -u pi-cam -- nmcli connection delete {kept}")[0] != 0


def test_no_password_is_in_the_log_or_a_command(machine: Machine) -> None:
    log = machine.run("journalctl --no-pager -o cat; cat /proc/*/cmdline | tr '\\0' ' '")
    assert PASSWORD not in log
    assert "wrong password" not in log
