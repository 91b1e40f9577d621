"""A cable from the camera's USB port to a computer: what the image for a Raspberry Pi has for that, laid over a running
machine whose port the kernel plays (dummy_hcd), both ends of it. The computer is the other end, in a network of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image.guest import SHARE, Guest, booted
from tests.image.root import HERE
from tests.image.test_boot import answers
from tests.prerequisites import require

CAMERA = "10.43.0.1"
UNITS = "pi-cam-gadget.service pi-cam-gadget-addresses.service"
CERTIFICATE = "/data/pi-cam/tls/ca.crt"
LAY_OVER = "import debian, sys; from pathlib import Path; debian._lay_over(Path(sys.argv[1]), Path(sys.argv[2]))"

WHAT_IT_GETS = f"""#!/bin/sh
[ "$1" = bound ] || exit 0
ip address add "$ip/$mask" dev "$interface"
env >{SHARE}/lease
"""

PLUG = f"""
set -e
modprobe dummy_hcd
n=0
until grep -q '^06:' /sys/class/net/*/address; do n=$((n + 1)); [ $n -lt 120 ] || exit 1; sleep 0.5; done
udevadm settle  # it gets another name
basename "$(dirname "$(grep -l '^06:' /sys/class/net/*/address)")" >{SHARE}/card
ip netns add computer
ip link set "$(cat {SHARE}/card)" netns computer
ip -n computer link set lo up
ip -n computer link set "$(cat {SHARE}/card)" up
"""

pytestmark = [pytest.mark.timeout(1500)]


def in_computer(guest: Guest, command: str, seconds: float = 60.0) -> str:
    return guest.must(f"ip netns exec computer {command}", seconds)


def ask(guest: Guest, words: str) -> list[int | str | None]:
    found: list[int | str | None] = json.loads(in_computer(guest, f"python3 {SHARE}/computer.py {words}"))
    return found


@pytest.fixture(scope="module")
def laid(image: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guest]:
    """With the files of the other image, and nothing plugged in."""
    require("QEMU (deploy/need.sh image)", shutil.which("qemu-system-x86_64") is not None)
    folder = tmp_path_factory.mktemp("gadget")
    share = folder / "share"
    share.mkdir()
    overlay = HERE / "image-build/targets/rpi-arm64/overlay"
    subprocess.run([sys.executable, "-c", LAY_OVER, overlay, share / "laid"], cwd=HERE / "image-build", check=True)
    shutil.copyfile(HERE / "tests/image/computer.py", share / "computer.py")
    (share / "gets").write_text(WHAT_IT_GETS, "ascii")
    with booted(image, folder) as guest:
        answers(guest)
        guest.must(f"cp -R --preserve=mode {SHARE}/laid/. / && install -m 755 {SHARE}/gets /root/gets")
        guest.must("systemctl daemon-reload && udevadm control --reload && nmcli connection reload")
        yield guest


@pytest.fixture(scope="module")
def cable(laid: Guest) -> Guest:
    """Plugged in."""
    laid.must(PLUG)
    laid.until("nmcli -g GENERAL.STATE device show gadget0 | grep -q '^100'", 90)
    return laid


def test_systemd_and_udev_take_its_files(laid: Guest) -> None:
    assert laid.must(f"systemd-analyze verify {UNITS}", 200) == ""
    said = laid.run("udevadm verify /etc/udev/rules.d/86-pi-cam-gadget.rules")
    assert said.code == 0, said.output


def test_without_a_port_nothing_starts(laid: Guest) -> None:
    laid.must("systemctl start pi-cam-gadget.service")
    assert laid.must("systemctl show -P ConditionResult pi-cam-gadget.service") == "no"
    assert laid.must("systemctl show -P ActiveState pi-cam-gadget.service") == "inactive"
    assert laid.run("test -e /sys/kernel/config/usb_gadget/pi-cam").code == 1


def test_the_port_becomes_a_network_card(cable: Guest) -> None:
    assert cable.must(f"systemctl is-active {UNITS}").split() == ["active", "active"]
    card = cable.must(f"cat {SHARE}/card")
    camera = cable.must("cat /sys/class/net/gadget0/address")
    computer = in_computer(cable, f"ip -br link show {card}").split()[2]
    assert (camera[:2], computer[:2]) == ("02", "06")
    assert camera[2:] == computer[2:]
    assert camera[2:].replace(":", "") not in cable.must("cat /etc/machine-id")
    assert "Camera Connectee" in cable.must("cat /sys/bus/usb/devices/*/product")
    cable.must("systemctl restart pi-cam-gadget.service")
    assert cable.must("cat /sys/class/net/gadget0/address") == camera


def test_its_profile_comes_up_and_leads_nowhere(cable: Guest) -> None:
    assert cable.must("nmcli -g GENERAL.CONNECTION device show gadget0") == "pi-cam-gadget"
    assert f"inet {CAMERA}/29" in cable.must("ip -4 address show gadget0")
    cable.until("ip -6 address show gadget0 | grep -q 'inet6 fe80:.* scope link'", 30)
    assert "gadget0" not in cable.must("ip route show default; ip -6 route show default")
    assert cable.must("cat /proc/sys/net/ipv4/ip_forward") == "0"


def test_the_computer_gets_an_address_and_keeps_its_internet(cable: Guest) -> None:
    card = cable.must(f"cat {SHARE}/card")
    in_computer(cable, f"busybox udhcpc -i {card} -n -q -f -t 10 -s /root/gets", 120)
    lease = dict(line.split("=", 1) for line in cable.must(f"cat {SHARE}/lease").splitlines() if "=" in line)
    assert lease["ip"] in {f"10.43.0.{last}" for last in range(2, 7)}
    assert (lease["serverid"], lease["mask"]) == (CAMERA, "29")
    assert {"router", "dns", "domain", "staticroutes"}.isdisjoint(lease)


@pytest.mark.parametrize("name", ["pi-cam.local", CAMERA])
def test_its_page_opens_there(cable: Guest, name: str) -> None:
    assert ask(cable, f"open https://{name}/login {CAMERA} {CERTIFICATE}")[0] in (200, 302)


def test_it_is_no_hotspot(cable: Guest) -> None:
    """Port 80 leads to the camera's own page, whatever a computer asks to find out whether it is kept from the Internet."""
    path = "captive.apple.com/hotspot-detect.html"
    assert ask(cable, f"open http://{path} {CAMERA} {CERTIFICATE}") == [308, f"https://{path}"]


def test_its_name_leads_there(cable: Guest) -> None:
    own = in_computer(cable, "ip -4 -br address show scope global").split()[2].partition("/")[0]
    asked = f"ip netns exec computer python3 {SHARE}/computer.py find pi-cam.local {own}"
    assert CAMERA in json.loads(cable.until(f"{asked} 2>/dev/null", 60))


def test_the_hotspot_comes_only_when_the_cable_is_gone(cable: Guest) -> None:
    """The cable alone is a way in; a hotspot beside it would lead phones into the computer."""
    (lan,) = cable.must("nmcli -g DEVICE,TYPE device | sed -n 's/:ethernet$//p' | grep -v gadget0").split()
    hotspot = "nmcli -g NAME connection show --active | grep -q pi-cam-hotspot"
    cable.must(f"modprobe mac80211_hwsim radios=1 && nmcli device disconnect {lan}")
    cable.until("nmcli -g TYPE,STATE device | grep -qx wifi:disconnected", 60)
    cable.must("systemctl restart pi-cam-netd.service && sleep 120", 300)  # longer than it takes below
    assert cable.run(hotspot).code == 1
    cable.must("echo disconnect >/sys/class/udc/dummy_udc.0/soft_connect")
    cable.until(hotspot, 150)
