"""What a card remembers from one start to the next, and what it forgets; natively."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image.card import Card
from tests.image.debian_archive import GOOD, PACKAGE, make, update
from tests.image.test_boot import PRESEED

pytestmark = [pytest.mark.timeout(600)]

PASSWORD = "printf 'a green door behind the house\\n' | pi-cam owner set --name Ada"


@pytest.fixture
def card(copy: Path, image: Path, tmp_path: Path) -> Iterator[Card]:
    del copy  # says what is missing here
    yield Card(image, tmp_path)
    (tmp_path / "card.img").unlink()


def test_it_remembers_what_it_should_and_nothing_else(card: Card) -> None:
    with card.started() as guest:
        number = guest.run("cat /etc/machine-id")
        code = guest.until("cat /run/pi-cam/setup-code")
        name = guest.run("cat /run/pi-cam/name")
        guest.until(f"grep -q 'https://{name}/setup#code={code}' /boot/firmware/pi-cam-setup.txt")
        guest.run(
            "touch /etc/forgotten; ln -sfn /usr/share/zoneinfo/Europe/Paris /etc/localtime; echo salon >/etc/hostname"
        )
        guest.until("grep -q Paris /data/etc/timezone && grep -q salon /data/etc/hostname")
    with card.started() as guest:
        assert guest.until("cat /run/pi-cam/setup-code") == code  # read from the card while it was off
        assert guest.run("cat /etc/machine-id; cat /etc/hostname; readlink /etc/localtime").split() == [
            number,
            "salon",
            "/usr/share/zoneinfo/Europe/Paris",
        ]
        guest.run("! test -e /etc/forgotten")
        guest.run(PASSWORD)
        guest.until("! test -e /boot/firmware/pi-cam-setup.txt")
        assert guest.run("systemctl --failed --plain --no-legend") == ""
    assert "pi-cam-setup.txt" not in card.names()


def test_what_was_chosen_with_imager_is_done(card: Card) -> None:
    card.write("rpi-preseed.toml", PRESEED)
    with card.started() as guest:
        guest.until("grep -q ABCD-2345 /boot/firmware/pi-cam-setup.txt")
        text = guest.run("cat /boot/firmware/pi-cam-setup.txt")
        assert f"https://{guest.run('cat /run/pi-cam/name')}/setup#code=ABCD-2345" in text
        assert guest.run("cat /etc/hostname") == "wohnzimmer"
        assert "This camera has no accounts of the system and no SSH." in text
        assert guest.run("stat -c '%a %U' /etc/NetworkManager/system-connections/home.nmconnection") == "600 root"
        assert guest.run("date +%Z; cat /data/etc/wifi-country").split() in (["CET", "FR"], ["CEST", "FR"])
        assert guest.run("systemctl --failed --plain --no-legend") == ""
    assert "rpi-preseed.toml" not in card.names()


def test_who_forgot_the_password_puts_a_file_onto_the_card(card: Card) -> None:
    with card.started() as guest:
        guest.run(PASSWORD)
        guest.until("! test -e /boot/firmware/pi-cam-setup.txt")
        number = guest.run("sha256sum </var/lib/pi-cam/device.key")
    card.write("reset.txt", b"")
    with card.started() as guest:
        guest.until(
            f"test -e /var/lib/pi-cam/device.key && ! sha256sum </var/lib/pi-cam/device.key | grep -q '{number}'", 120
        )
    assert "reset.txt" not in card.names()
    with card.started() as guest:
        guest.until("grep -q setup#code= /boot/firmware/pi-cam-setup.txt")
        assert guest.run("systemctl --failed --plain --no-legend") == ""


@pytest.mark.parametrize("data", [b"\xff\xfe\x00", b"[wlan\nssid=", b"x = " + b"[" * 3000, b"a" * 100_000])
def test_a_broken_file_is_told_and_the_camera_starts(card: Card, data: bytes) -> None:
    card.write("rpi-preseed.toml", data)
    with card.started() as guest:
        guest.until(
            "grep -q 'The file' /boot/firmware/pi-cam-setup.txt && grep -q 'Le fichier' /boot/firmware/pi-cam-setup.txt"
        )
        assert guest.run("systemctl --failed --plain --no-legend") == ""
    assert "rpi-preseed.toml" not in card.names()


def test_updates_come_with_the_next_start_and_go_when_the_camera_does_not_answer(card: Card, tmp_path: Path) -> None:
    archives = tmp_path / "archives"
    archives.mkdir()
    make(archives / "good", GOOD)
    with card.started(f"--bind={archives}:/srv/test") as guest:
        guest.run("install -D /dev/null /run/NetworkManager/resolv.conf")
        guest.run("sed -i s/ROOM=700000/ROOM=20000/ /usr/lib/pi-cam/update-system")  # this card is a small one
        assert "come with the next start" in guest.run(update("/srv/test", "good"))
    with card.started() as guest:
        assert guest.run("cat /usr/share/canary/new") == "updated"
        assert guest.run(f"dpkg-query -W -f '${{Version}}' {PACKAGE}") == GOOD
        guest.until("systemctl start pi-cam-update-good && ! test -e /data/system/*/tries")
    for _ in range(5):  # proved: it stays
        with card.mounted() as root:
            assert (root / "usr/share/canary/new").exists()
            layers = list((root / "data/system").glob("*"))
    with card.mounted() as root:
        (root / "data/system" / layers[0].name / "tries").write_text("0\n", "ascii")
    for _ in range(3):
        with card.mounted() as root:
            assert (root / "usr/share/canary/new").exists()
    with card.mounted() as root:
        assert not (root / "usr/share/canary/new").exists()
    assert "did not prove themselves" in card.said
    with card.started(f"--bind={archives}:/srv/test") as guest:
        guest.run("install -D /dev/null /run/NetworkManager/resolv.conf")
        guest.run("sed -i s/ROOM=700000/ROOM=20000/ /usr/lib/pi-cam/update-system")
        assert "there are no others yet" in guest.run(update("/srv/test", "good"))
        guest.run("! test -L /data/system/*/ready && ! ls -d /data/system/*/layer-*")


def test_a_data_partition_that_was_erased_is_made_anew(card: Card) -> None:
    with card.mounted() as root:
        number = (root / "etc/machine-id").read_text("ascii")
    card.spoil(0, card.partition(4)[1])
    with card.mounted() as root:
        assert (root / "etc/machine-id").read_text("ascii") != number
        assert (root / "data").is_mount()
        assert card.found() == "anew"
    assert "made anew" in card.said


def test_one_that_lost_its_beginning_keeps_what_is_on_it(card: Card) -> None:
    """The first block of it is one among millions, and ext4 has copies of that."""
    card.grow()
    with card.mounted() as root:
        number = (root / "etc/machine-id").read_text("ascii")
        (root / "data/pi-cam").mkdir()
        (root / "data/pi-cam/owner").write_text("Ada\n", "ascii")
        assert card.found() == "whole"
    card.spoil(0, 4096)
    with card.mounted() as root:
        assert (root / "etc/machine-id").read_text("ascii") == number
        assert (root / "data/pi-cam/owner").read_text("ascii") == "Ada\n"
        assert card.found() == "mended"
    assert "made anew" not in card.said
    with card.mounted():
        assert card.found() == "whole"


def test_one_that_cannot_be_read_is_not_made_anew(card: Card, tmp_path: Path) -> None:
    """A block device that nobody drives."""
    device = tmp_path / "gone"
    os.mknod(device, 0o600 | stat.S_IFBLK, os.makedev(240, 1))
    with card.mounted() as root:
        number = (root / "etc/machine-id").read_text("ascii")
    with card.mounted(device) as root:
        assert not (root / "data").is_mount()
        assert card.found() == "unreadable"
    assert "made anew" not in card.said
    with card.mounted() as root:
        assert (root / "etc/machine-id").read_text("ascii") == number
