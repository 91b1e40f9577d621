"""The whole story of the button, in the machine that the image makes: on the kernel's own pins, with a USB camera,
a microphone and people who watch; and what the light says of it all."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.image.guest import SHARE, Guest, booted
from tests.image.header import BUTTON, LIGHT, PYTHON, UNITS, Header, put_into
from tests.image.root import HERE
from tests.image.test_boot import answers
from tests.image.test_camera import trust
from tests.prerequisites import require
from tests.server import Answer, request

ADDRESS = "usb:/dev/video0?size=320x240&fps=2"
"""vivid has no such size, and gives its smallest: an emulated machine has little left beside."""

WHO = (
    "tests/__init__.py",
    "tests/process_figures.py",
    "tests/server.py",
    "tests/live_page.py",
    "tests/talker.py",
    "tests/image/person.py",
)
NETWORK = "[connection]\nid=home\ntype=wifi\n\n[wifi]\nssid=Home\n"
SHORT, LONG = 0.4, 4.0
HOLD_SECONDS = 10

pytestmark = [pytest.mark.timeout(1500)]


class House:
    """The camera on its shelf, and the people around it."""

    def __init__(self, guest: Guest) -> None:
        self.guest = guest
        self.header = Header(guest)
        self.token = ""
        self._people = 0

    def asked(self, method: str, path: str, body: object = None) -> Answer:
        """By somebody in the next room, who may do everything."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} if data else {}
        deadline = time.monotonic() + 120
        while True:
            try:
                url, way, key = self.guest.url, f"/api/v1{path}", self.token
                return request(url, method, way, token=key, body=data, headers=headers, trust=trust(), seconds=60)
            except OSError:  # the front starts anew when the certificate does
                assert self.guest.is_on(), self.guest.console
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)

    def state(self) -> str:
        return str(self.asked("GET", "/cameras/main").json()["state"])

    def until(self, state: str, seconds: float = 60.0) -> None:
        deadline = time.monotonic() + seconds
        while (now := self.state()) != state:
            assert time.monotonic() < deadline, f"{now}, not {state}"
            time.sleep(0.5)

    def comes(self, *, listens: bool = False) -> Path:
        """Somebody who watches from now on; the file in which stands what they see."""
        self._people += 1
        name = f"person{self._people}"
        path = f"PYTHONPATH={SHARE}/people {PYTHON} -m tests.image.person {self.token} {SHARE}/talk"
        path += " listen" if listens else ""
        self.guest.must(f"cd / && {path} >{SHARE}/{name}.new 2>&1 </dev/null & sleep 1")
        self.guest.until(f"grep -q '^watching' {SHARE}/{name}.new", 120)
        return self.guest.share / f"{name}.new"

    def film_is_open(self) -> bool:
        return self.guest.run("ls -l /proc/[0-9]*/fd 2>/dev/null | grep -q '/dev/video0$'").code == 0

    def ear_is_open(self) -> bool:
        return self.guest.run("cat /proc/asound/card*/pcm*c/sub*/status | grep -q RUNNING").code == 0


def sees(person: Path, line: str, seconds: float = 60.0) -> None:
    """Waits until that stands in what somebody saw."""
    deadline = time.monotonic() + seconds
    while line not in person.read_text("utf-8").splitlines():
        assert time.monotonic() < deadline, f"{line!r} is not in: {person.read_text('utf-8')}"
        time.sleep(0.5)


@pytest.fixture(scope="module")
def house(image: Path, system: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    require("QEMU (deploy/need.sh image)", shutil.which("qemu-system-x86_64") is not None)
    folder = tmp_path_factory.mktemp("button")
    share = folder / "share"
    share.mkdir()
    put_into(share, system)
    for name in WHO:
        place = share / "people" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(HERE / name, place)
    (share / "people/tests/image/__init__.py").touch()
    with booted(image, folder, units=UNITS) as guest:
        answers(guest)
        house = House(guest)
        can = "view,listen,talk,control,configure"
        house.token = guest.must(f"pi-cam token create --name house --can {can}").splitlines()[-1]
        wanted = {"button_pin": BUTTON, "light_pin": LIGHT, "reset_hold_seconds": HOLD_SECONDS, **sound_devices(house)}
        assert house.asked("PATCH", "/settings", wanted).status == 200
        guest.must("modprobe vivid")
        guest.must(f"echo 'PI_CAM_SOURCE={ADDRESS}' >>/etc/pi-cam/environment")
        guest.must("systemctl restart pi-cam.service", 200)
        answers(guest)
        yield house


def sound_devices(house: House) -> dict[str, str]:
    """The kernel's virtual card, by the names that the camera lists."""
    house.guest.must("modprobe snd-aloop")
    told: dict[str, Any] = house.asked("GET", "/audio").json()
    names = [one["name"] for one in told["devices"] if one["name"].endswith("(hw:Loopback,1)")]
    assert names, told
    return {"microphone": names[0], "loudspeaker": names[0]}


def test_a_lamp_that_nobody_watches_is_ready(house: House) -> None:
    assert house.asked("GET", "/system/doctor").status in (200, 503)
    house.header.shows("ready")
    assert not house.film_is_open()


def test_a_short_press_stops_and_starts_the_stream(house: House) -> None:
    person = house.comes()
    house.until("live", 120)
    house.header.shows("watched")
    assert house.film_is_open()
    house.header.press(SHORT)
    house.until("stopped")
    sees(person, "state stopped")
    house.header.shows("off")
    assert not house.film_is_open()
    house.header.press(SHORT)
    house.until("idle")
    house.header.shows("ready")


def test_talking_shows(house: House) -> None:
    person = house.comes()
    (house.guest.share / "talk").touch()
    sees(person, "talk True")
    house.header.shows("talking")
    (house.guest.share / "talk").unlink()
    sees(person, "talk False")
    house.header.shows("watched")


def test_a_long_press_is_privacy_for_everybody(house: House) -> None:
    person = house.comes(listens=True)
    house.until("live", 120)
    assert house.film_is_open()
    assert house.ear_is_open()
    house.header.press(LONG)
    house.until("privacy")
    sees(person, "state privacy")
    house.header.shows("privacy")
    assert not house.film_is_open()
    assert not house.ear_is_open()


def refused(house: House) -> None:
    """Whoever is not at the button gets nothing, and is told why."""
    for method, path in (("POST", "/cameras/main/start"), ("GET", "/cameras/main/snapshot.jpg")):
        answer = house.asked(method, path)
        assert answer.status == 409, (path, answer.body)
        assert b"privacy" in answer.body.lower()
    assert house.asked("GET", "/privacy").json() == {"on": True}


def test_nobody_elsewhere_ends_it(house: House) -> None:
    refused(house)
    house.header.press(SHORT)  # a short press opens nothing either
    house.header.shows("privacy")
    refused(house)


def test_it_outlives_the_program_and_the_supply(house: House) -> None:
    house.guest.must("systemctl restart pi-cam.service", 200)
    answers(house.guest)
    refused(house)
    house.guest.must("sync")
    house.guest.cut()
    house.guest.start()
    answers(house.guest)
    assert house.state() == "privacy"
    house.header.shows("privacy")
    refused(house)


def test_another_long_press_ends_it(house: House) -> None:
    house.header.press(LONG)
    house.until("idle")
    house.header.shows("ready")
    rows = house.guest.must("pi-cam journal export --format csv")
    for action in ("stopped", "started", "privacy-on", "privacy-off"):
        assert re.search(rf"{action}.*button|button.*{action}", rows), rows


def test_a_camera_that_is_gone_is_a_fault(house: House) -> None:
    guest = house.guest
    guest.must("modprobe vivid")
    guest.must(f"echo 'PI_CAM_SOURCE={ADDRESS}' >>/etc/pi-cam/environment")  # forgotten with the supply
    guest.must("systemctl restart pi-cam.service", 200)
    answers(guest)
    house.comes()
    house.until("live", 120)
    guest.must("cd /sys/bus/platform/drivers/vivid && ls | grep '^vivid[.]' | head -n 1 >unbind")
    house.until("unreachable", 120)
    house.header.shows("fault")


def test_held_while_the_power_comes_back_it_forgets_everything(house: House) -> None:
    guest = house.guest
    number = guest.must("cat /data/pi-cam/tls/ca.crt | sha256sum")
    for name, word in (("hostname", "kitchen"), ("timezone", "Asia/Tokyo"), ("wifi-country", "FR")):
        guest.must(f"echo {word} >/data/etc/{name}")
    guest.must("install -m 600 /dev/stdin /data/NetworkManager/home.nmconnection <<'END'\n" + NETWORK + "END")
    guest.must("sync")
    guest.cut()
    with house.header.held():
        guest.start()
        house.header.shows("reset", 400, look=1.0)
        guest.must("test -e /data/pi-cam/pi-cam.db")
        assert guest.must("hostname; readlink /etc/localtime").split() == ["kitchen", "/usr/share/zoneinfo/Asia/Tokyo"]
    deadline = time.monotonic() + 300
    while guest.is_on():  # it starts again by itself, which here turns it off
        assert time.monotonic() < deadline
        time.sleep(0.5)
    guest.start()
    answers(guest)
    assert guest.must("ls -A /data/NetworkManager") == ""
    assert guest.must("hostname") == (HERE / "image-build/overlay/etc/hostname").read_text("ascii").strip()
    assert guest.run("test -e /data/pi-cam/forget-machine || test -e /data/etc/wifi-country").code == 1
    assert "Tokyo" not in guest.must("readlink /etc/localtime || true")
    still = "systemctl is-active pi-cam-overwrite.service && grep -qx 0 /sys/fs/ext4/*/reserved_clusters"
    guest.must(
        f"test ! -e /data/to-overwrite || ( {still} )"
    )  # what was deleted before is written over beside the camera
    assert house.asked("GET", "/cameras/main").status == 401
    assert guest.must("cat /data/pi-cam/tls/ca.crt | sha256sum") != number
    assert "privacy-on" not in guest.must("pi-cam journal export --format csv")
    assert "setup-code" in guest.must("journalctl -u pi-cam -o cat")
    assert house.header.light().sign == "off", "which pin it is on is forgotten, too"
