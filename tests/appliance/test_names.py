"""Found by name, with avahi itself: the camera's names, its page in the lists of devices, and two with the same wish."""

from __future__ import annotations

import ssl
import subprocess

import pytest

from tests import network
from tests.appliance.guest import Guest
from tests.appliance.test_install import CAMERA, answers, ask
from tests.server import request

pytestmark = [pytest.mark.timeout(300)]


def device_id(guest: Guest) -> str:
    listed = guest.until("avahi-browse --resolve --terminate --parsable --no-db-lookup _https._tcp | grep id=")
    return listed.partition('"id=')[2].partition('"')[0]


def own_name(guest: Guest) -> str:
    return f"pi-cam-{device_id(guest)[:6]}.local"


def test_its_page_is_in_the_lists_of_devices(guest: Guest) -> None:
    answers()
    listed = guest.until("avahi-browse --resolve --terminate --parsable --no-db-lookup _https._tcp | grep ^=")
    rows = [line.split(";") for line in listed.splitlines()]
    assert {(row[4], row[8]) for row in rows} == {("_https._tcp", "443")}
    assert network.HOST_ADDRESS in {row[7] for row in rows}


def test_it_has_three_names(guest: Guest) -> None:
    host = guest.run("hostname")
    for name in (f"{host}.local", "pi-cam.local", own_name(guest)):
        assert network.HOST_ADDRESS in guest.until(f"avahi-resolve --name -4 {name} | grep {network.HOST_ADDRESS}")


def test_the_page_says_them(guest: Guest) -> None:
    token = guest.run("pi-cam token create --name names --can configure")
    names = ask("/api/v1/system", token=token).json()["names"]
    assert set(names) == {f"{guest.run('hostname')}.local", "pi-cam.local", own_name(guest)}
    guest.run("pi-cam token revoke names")


def test_its_certificate_is_for_each_of_them(guest: Guest) -> None:
    shown = ssl.get_server_certificate(("127.0.0.1", 443))
    said = subprocess.run(
        ["openssl", "x509", "-noout", "-ext", "subjectAltName"], input=shown, check=True, capture_output=True, text=True
    ).stdout
    for name in (f"{guest.run('hostname')}.local", "pi-cam.local", own_name(guest)):
        assert f"DNS:{name}" in said


def test_of_two_in_one_home_the_second_has_a_name_of_its_own(guest: Guest) -> None:
    own = own_name(guest)
    guest.run(f"systemctl stop {CAMERA}")
    guest.run("systemd-run --quiet --unit=other-camera avahi-publish --address --no-reverse pi-cam.local 10.99.0.77")
    guest.until("avahi-resolve --name -4 pi-cam.local | grep 10.99.0.77")
    guest.run(f"systemctl start {CAMERA}")
    answers()
    assert network.HOST_ADDRESS in guest.until(f"avahi-resolve --name -4 {own} | grep {network.HOST_ADDRESS}")
    assert "10.99.0.77" in guest.run("avahi-resolve --name -4 pi-cam.local")
    guest.run("systemctl stop other-camera")


def test_what_is_printed_leads_to_this_camera(guest: Guest) -> None:
    assert guest.run("runuser -u pi-cam -- cat /run/pi-cam/name") == own_name(guest)


def test_a_machine_whose_name_another_has_is_reached_by_what_avahi_made_of_it(guest: Guest) -> None:
    host = guest.run("hostname")
    guest.run(f"avahi-set-host-name {host}-2")
    name = f"{host}-2.local"
    guest.until(f"avahi-resolve --name -4 {name} | grep {network.HOST_ADDRESS}")
    guest.until(
        f"openssl s_client -connect 127.0.0.1:443 </dev/null 2>/dev/null | openssl x509 -noout -text | grep {name}"
    )
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    headers = {"Host": name}
    assert request("https://127.0.0.1", "GET", "/healthz", headers=headers, trust=context).status == 200
    guest.run(f"avahi-set-host-name {host}")


def test_when_avahi_comes_back_it_is_told_again(guest: Guest) -> None:
    guest.run("systemctl restart avahi-daemon")
    guest.until(f"avahi-resolve --name -4 pi-cam.local | grep {network.HOST_ADDRESS}", 60)


def test_names_end_with_the_camera(guest: Guest) -> None:
    guest.run(f"systemctl stop {CAMERA}")
    guest.until("! avahi-browse --terminate --parsable --no-db-lookup _https._tcp | grep .")
    guest.run(f"systemctl start {CAMERA}")
    answers()
