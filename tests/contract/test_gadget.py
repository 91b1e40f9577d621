"""The cable to a computer, by the files of the image for a Raspberry Pi; a machine that runs with them is in tests/image."""

from __future__ import annotations

import configparser
import ipaddress
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pi_cam.setup_wizard.network_profiles import HOTSPOT_ADDRESS

HERE = Path(__file__).resolve().parents[2]
TARGETS = HERE / "image-build/targets"
OVERLAY = TARGETS / "rpi-arm64/overlay"
UNITS = OVERLAY / "etc/systemd/system"
HELPER = OVERLAY / "usr/lib/pi-cam/gadget"
PROFILE = OVERLAY / "usr/lib/NetworkManager/system-connections/pi-cam-gadget.nmconnection"
LAY_OVER = "import debian, sys; from pathlib import Path; debian._lay_over(Path(sys.argv[1]), Path(sys.argv[2]))"

FILTERS = {
    "Zero 2 W": {"pi0", "pi0w", "pi02"},
    "3B": {"pi3"},
    "3B+": {"pi3", "pi3+"},
    "3A+": {"pi3", "pi3+"},
    "4B": {"pi4"},
    "400": {"pi4", "pi400"},
    "5": {"pi5"},
    "500": {"pi5", "pi500"},
    "Compute Module 4": {"pi4", "cm4"},
    "Compute Module 5": {"pi5", "cm5"},
}
"""The sections of config.txt that each board reads, by Raspberry Pi's documentation (config.txt, conditional filters)."""

ROLES = {"Zero 2 W": "otg", "4B": "peripheral", "400": "peripheral", "5": "peripheral", "500": "peripheral"}
ROLES |= {"Compute Module 4": "host", "Compute Module 5": "host"}

FAKE_ID = """#!/bin/sh
case "$*" in
    "machine-id --app-specific="[0-9a-f]*) echo 5ba652c9984e4cf7ac136822b2ecf9bc ;;
    *) exit 1 ;;
esac
"""
"""systemd-id128's answer for some machine."""


def read_by(board: str) -> list[str]:
    """The settings that its firmware takes, in their order."""
    taken, counts = [], True
    for line in (TARGETS / "rpi-arm64/config.txt").read_text("ascii").splitlines():
        if line.startswith("["):
            counts = line[1:-1] in FILTERS[board] | {"all"}
        elif counts and line and not line.startswith("#"):
            taken.append(line)
    return taken


@pytest.mark.parametrize("board", FILTERS)
def test_the_port_is_what_suits_the_board(board: str) -> None:
    """A later overlay has the last word. A board without such a port keeps the driver that it has for its ports."""
    roles = [line.partition("dr_mode=")[2] for line in read_by(board) if line.startswith("dtoverlay=dwc2")]
    assert roles[-1:] == ([ROLES[board]] if board in ROLES else [])


@pytest.mark.parametrize("board", FILTERS)
def test_what_is_for_all_boards_reaches_all(board: str) -> None:
    wanted = {"arm_64bit=1", "auto_initramfs=1", "camera_auto_detect=1", "dtoverlay=vc4-kms-v3d", "enable_uart=1"}
    assert wanted <= set(read_by(board))


def test_what_a_person_adds_at_the_end_is_for_every_board() -> None:
    sections = re.findall(r"^\[(.+)\]$", (TARGETS / "rpi-arm64/config.txt").read_text("ascii"), re.MULTILINE)
    assert sections[-1] == "all"


def test_no_other_image_has_any_of_it() -> None:
    found = {path.relative_to(HERE / "image-build").parts[:2] for path in (HERE / "image-build").rglob("*gadget*")}
    assert found == {("targets", "rpi-arm64")}


def test_the_files_have_the_rights_that_they_need(tmp_path: Path) -> None:
    """NetworkManager takes no profile that others can read."""
    subprocess.run([sys.executable, "-c", LAY_OVER, OVERLAY, tmp_path], cwd=HERE / "image-build", check=True)
    rights = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.rglob("*gadget*") if path.is_file()}
    assert rights == {
        "86-pi-cam-gadget.rules": 0o644,
        "pi-cam-gadget.service": 0o644,
        "pi-cam-gadget-addresses.service": 0o644,
        "gadget": 0o755,
        "pi-cam-gadget.nmconnection": 0o600,
    }


@pytest.fixture
def kernel(tmp_path: Path) -> Path:
    """Files where the kernel has its own, of a machine with one port, as they are after the first `mkdir`."""
    card = tmp_path / "sys/kernel/config/usb_gadget/pi-cam"
    for folder in (card / "os_desc", card / "functions/ncm.0/os_desc/interface.ncm"):
        folder.mkdir(parents=True)
    (card / "UDC").write_text("\n", "ascii")
    (tmp_path / "sys/class/udc/3f980000.usb").mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/systemd-id128").write_text(FAKE_ID, "ascii")
    (tmp_path / "bin/systemd-id128").chmod(0o755)
    return tmp_path


def run(kernel: Path) -> Path:
    """What the helper made."""
    environment = {**os.environ, "PATH": f"{kernel / 'bin'}:{os.environ['PATH']}"}
    subprocess.run(["sh", HELPER, kernel], env=environment, check=True)
    return kernel / "sys/kernel/config/usb_gadget/pi-cam"


def read(path: Path) -> str:
    return path.read_text("ascii").strip()


def test_the_port_is_made_a_network_card(kernel: Path) -> None:
    card = run(kernel)
    assert read(card / "UDC") == "3f980000.usb"
    assert (card / "configs/c.1/ncm.0").samefile(card / "functions/ncm.0")
    assert (card / "os_desc/c.1").samefile(card / "configs/c.1")
    assert read(card / "functions/ncm.0/os_desc/interface.ncm/compatible_id") == "WINNCM"
    assert read(card / "functions/ncm.0/ifname") == "gadget%d"


def test_both_ends_have_an_address_of_their_own_that_no_maker_has(kernel: Path) -> None:
    """IEEE 802: the first bit is that of groups, the second that of who is no maker of cards."""
    card = run(kernel)
    ends = [bytes.fromhex(read(card / f"functions/ncm.0/{end}_addr").replace(":", "")) for end in ("dev", "host")]
    assert [end[0] & 0b11 for end in ends] == [0b10, 0b10]
    assert len({*ends}) == 2
    assert [len(end) for end in ends] == [6, 6]
    assert ends[0][1:].hex() == "5ba652c998"


def test_a_card_that_is_there_is_left_alone(kernel: Path) -> None:
    card = run(kernel)
    (card / "functions/ncm.0/dev_addr").write_text("left", "ascii")
    (card / "idVendor").write_text("left", "ascii")
    run(kernel)
    assert (read(card / "functions/ncm.0/dev_addr"), read(card / "idVendor")) == ("left", "left")


def test_what_was_cut_off_is_made_whole(kernel: Path) -> None:
    """Of a function that is in a configuration the kernel lets nobody change the addresses."""
    card = run(kernel)
    (card / "UDC").write_text("\n", "ascii")
    (card / "os_desc/c.1").unlink()
    (card / "functions/ncm.0/dev_addr").write_text("left", "ascii")
    run(kernel)
    assert read(card / "UDC") == "3f980000.usb"
    assert read(card / "functions/ncm.0/dev_addr") == "left"
    assert (card / "os_desc/c.1").is_symlink()


def profile() -> configparser.ConfigParser:
    found = configparser.ConfigParser(interpolation=None)
    found.read(PROFILE, "utf-8")
    return found


def test_the_profile_leads_nowhere_and_shares_nothing() -> None:
    found = profile()
    assert (found["connection"]["type"], found["connection"]["interface-name"]) == ("ethernet", "gadget0")
    assert (found["ipv4"]["method"], found["ipv6"]["method"]) == ("manual", "link-local")
    assert found["ipv4"].getboolean("never-default")
    assert found["ipv6"].getboolean("never-default")
    assert not {"gateway", "dns", "route1"} & {*found["ipv4"], *found["ipv6"]}
    assert "," not in found["ipv4"]["address1"], "an address with a gateway"


def test_the_computer_gets_an_address_of_that_network_and_neither_router_nor_names() -> None:
    words = (UNITS / "pi-cam-gadget-addresses.service").read_text("ascii").replace("\\\n", " ").split()
    (span,) = (word.partition("=")[2].split(",") for word in words if word.startswith("--dhcp-range="))
    own = ipaddress.ip_interface(profile()["ipv4"]["address1"])
    first, last = (ipaddress.ip_address(one) for one in span[:2])
    assert {first, last} <= set(own.network.hosts())
    assert not first <= own.ip <= last  # type: ignore[operator]
    assert span[2] == str(own.network.netmask)
    # dnsmasq (8): an option without a value is left out of the answer.
    assert {"--port=0", "--dhcp-option=option:router", "--dhcp-option=option:dns-server"} <= set(words)
    assert f"IPAddressAllow={own.network}" in words


def test_it_is_not_the_network_of_the_hotspot() -> None:
    """nginx tells by the address that a request comes to who is a phone without a network."""
    own = ipaddress.ip_interface(profile()["ipv4"]["address1"])
    assert not own.network.overlaps(ipaddress.ip_network(f"{HOTSPOT_ADDRESS}/24", strict=False))


def test_udev_starts_what_there_is_after_networkmanagers_own_rules() -> None:
    (rules,) = (OVERLAY / "etc/udev/rules.d").glob("*gadget.rules")
    assert int(rules.name.partition("-")[0]) > 85
    wanted = re.findall(r'ENV\{SYSTEMD_WANTS\}\+="([^"]+)"', rules.read_text("ascii"))
    assert sorted(wanted) == sorted(path.name for path in UNITS.glob("*.service"))


def test_a_machine_without_such_a_port_starts_nothing() -> None:
    text = (UNITS / "pi-cam-gadget.service").read_text("ascii")
    assert "\nConditionDirectoryNotEmpty=/sys/class/udc\n" in text
    assert "[Install]" not in text
    assert "gadget" not in (HERE / "image-build/units.list").read_text("ascii")
