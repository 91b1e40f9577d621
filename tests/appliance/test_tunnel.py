"""cloudflared in a unit of its own: it reaches the camera and the Internet, and nothing of the home."""

from __future__ import annotations

import json
import shlex
import ssl
import time
from collections.abc import Iterator

import pytest

from tests import network
from tests.appliance.guest import Guest
from tests.appliance.root import SOURCE
from tests.appliance.test_install import HARDENED, answers, ask
from tests.server import request

PYTHON = "/opt/pi-cam/current/bin/python"
CAMERA = "https://127.0.0.1"
UNKNOWN = ssl._create_unverified_context()  # noqa: S323 - its authority is its own, and new
ASK = f"{PYTHON} -I -m pi_cam.remote.confinement outside /run/pi-cam-tunnel.sock"
LOOK = """
import os, socket
def reached(address, port):
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
        probe.settimeout(3)
        return probe.connect_ex((address, port)) == 0
def read(path):
    try:
        return bool(os.listdir(path) if os.path.isdir(path) else open(path, "rb").read())
    except OSError:
        return False
def killed(number):
    try:
        os.kill(number, 0)
    except OSError:
        return False
    return True
import json
print(json.dumps({
    "loopback": reached("127.0.0.1", 8081), "home": reached("%s", 443), "home 6": reached("%s", 443),
    "seen": [p for p in ("/var/lib/pi-cam/device.key", "/var/lib/pi-cam/pi-cam.db", "/etc/pi-cam/environment", "/dev/snd")
             if read(p)],
    "tunnel": sorted(os.listdir("/var/lib/pi-cam/tunnel")), "written": os.access("/var/lib/pi-cam/tunnel", os.W_OK),
    "resolver": open("/etc/resolv.conf").read().count("1.1.1.1"),
}))
""" % (network.HOST_ADDRESS, network.HOST_ADDRESS_6)  # noqa: UP031 - braces are Python's here


@pytest.fixture
def stand_in(guest: Guest) -> Iterator[None]:
    """A program cloudflared, as somebody installs it who wants a tunnel."""
    words = shlex.quote(f'#!/bin/sh\nexec /usr/bin/python3 {SOURCE}/tests/fake_cloudflared.py /tmp "$@"\n')
    guest.run(f"printf %s {words} > /usr/local/bin/cloudflared; chmod 755 /usr/local/bin/cloudflared")
    yield
    guest.run("rm /usr/local/bin/cloudflared")


def test_what_it_sees_and_reaches(guest: Guest) -> None:
    answers()
    guest.run("install -d -o pi-cam -g pi-cam -m 700 /var/lib/pi-cam/tunnel")
    guest.run("printf x | runuser -u pi-cam -- tee /var/lib/pi-cam/tunnel/credentials.json")
    seen = json.loads(guest.run(f"runuser -u pi-cam -- {ASK} /usr/bin/python3 -c {shlex.quote(LOOK)}"))
    assert seen == {
        "loopback": True,
        "home": False,
        "home 6": False,
        "seen": [],
        "tunnel": ["credentials.json"],
        "written": False,
        "resolver": 1,
    }
    guest.run("rm /var/lib/pi-cam/tunnel/credentials.json")


def test_nobody_else_has_anything_run_there(guest: Guest) -> None:
    assert guest.attempt(f"runuser -u nobody -- {ASK} /bin/true").returncode != 0
    assert guest.attempt(f"runuser -u pi-cam -- {ASK} /bin/true").returncode == 0


def test_it_may_do_little(guest: Guest) -> None:
    said = guest.run("systemd-analyze security --no-pager pi-cam-tunnel@x.service | tail -n 1")
    assert float(said.split(": ")[1].split()[0]) <= HARDENED, said


def test_a_tunnel_comes_up_in_it_and_ends_with_the_camera(guest: Guest, stand_in: None) -> None:
    token = guest.run("pi-cam token create --name tunnel --can configure")
    body = json.dumps({"tunnel": "quick"}).encode()
    json_token = {"Content-Type": "application/json"}
    changed = request(CAMERA, "PATCH", "/api/v1/settings", token=token, body=body, headers=json_token, trust=UNKNOWN)
    assert changed.status == 200, changed.body
    deadline = time.monotonic() + 30
    while (state := ask("/api/v1/tunnel", token=token).json())["state"] != "up":
        assert time.monotonic() < deadline, (state, guest.log())
        time.sleep(0.2)
    runs = "systemctl list-units --plain --no-legend --state=running 'pi-cam-tunnel@*'"
    assert len(guest.run(runs).splitlines()) == 1
    guest.run("systemctl stop pi-cam.service")
    guest.until("! pgrep -f '[f]ake_cloudflared.py'")
    guest.run("systemctl start pi-cam.service")
    answers()
    first = guest.until("pgrep -f '[f]ake_cloudflared.py'")
    main = guest.run("systemctl show -P MainPID pi-cam.service")
    guest.run(f"kill -KILL {main} $(pgrep -P {main})")
    guest.until(f"! test -e /proc/{first.split()[0]}")
    guest.until("pgrep -f '[f]ake_cloudflared.py'", 60)
    answers()
