"""How security updates of Debian become a layer; natively, in a container. How a start takes it: `test_card.py`."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.appliance.guest import Guest, booted
from tests.image.card import WITHOUT_ITS_NETWORK
from tests.image.debian_archive import BAD, GOOD, PACKAGE, UPDATE, make, update

pytestmark = [pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def guest(copy: Path, system: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guest]:
    folder = tmp_path_factory.mktemp("updated")
    archives, data = folder / "archives", folder / "data"
    archives.mkdir()
    data.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1g", "tmpfs", data], check=True)
    make(archives / "good", GOOD)
    make(archives / "bad", BAD)
    binds = [f"--bind-ro={system}:/run/image/system", f"--bind={data}:/data", f"--bind={archives}:/srv/test"]
    with booted(copy, folder / "console", *binds, *WITHOUT_ITS_NETWORK) as guest:
        guest.run("install -D /dev/null /run/NetworkManager/resolv.conf")
        yield guest


def test_updates_are_laid_beside_the_system_that_runs(guest: Guest) -> None:
    before = guest.run("cat /var/lib/dpkg/status | sha256sum")
    assert "come with the next start" in guest.run(update("/srv/test", "good"))
    assert guest.run("cat /data/system/*/ready/usr/share/canary/new") == "updated"
    assert GOOD in guest.run(f"grep -A9 '^Package: {PACKAGE}$' /data/system/*/ready/var/lib/dpkg/status")
    assert guest.run("cat /data/system/*/tries") == "0"
    assert guest.run("cat /var/lib/dpkg/status | sha256sum") == before
    guest.run("! find /data/system -name policy-rc.d | grep . && ! mount | grep ' on /run/pi-cam-system'")


def test_what_was_cut_off_is_taken_away_and_another_images_too(guest: Guest) -> None:
    guest.run("mkdir -p /data/system/0.0.1-old/layer-1/upper $(echo /data/system/0.1*)/layer-1/upper")
    assert "come with the next start" in guest.run(update("/srv/test", "bad"))
    layers = guest.run("cd /data/system; ls -d */layer-* | wc -l; ls | wc -l").split()
    assert layers == ["2", "1"]  # the one that would be laid over the system until the next start, and the new one
    assert "come with the next start" in guest.run(update("/srv/test", "bad"))
    guest.run("test -e $(ls -d /data/system/*/ready/)/usr/share/canary/new")


def test_without_an_archive_or_room_the_layer_before_stays(guest: Guest) -> None:
    ready = guest.run("readlink /data/system/*/ready")
    guest.run("systemctl stop archive")
    guest.attempt(UPDATE)
    assert guest.run("readlink /data/system/*/ready") == ready
    guest.run("fallocate -l 600M /data/full")
    assert "no room for security updates" in guest.run(UPDATE)
    assert guest.run("readlink /data/system/*/ready") == ready
    guest.run("rm /data/full")


def test_the_same_updates_are_not_installed_a_second_time(guest: Guest) -> None:
    ready = guest.run("readlink /data/system/*/ready")
    assert "are in the layer that is there" in guest.run(update("/srv/test", "bad"))
    assert guest.run("readlink /data/system/*/ready") == ready
    guest.run("test $(ls -d /data/system/*/layer-* | wc -l) = 1")


def test_a_camera_that_answers_keeps_its_updates(guest: Guest) -> None:
    guest.run("systemctl start pi-cam-update-good; test $(cat /data/system/*/tries) = 0")  # they do not run yet
    guest.run("echo 1 >$(ls /data/system/*/tries)")
    guest.until("systemctl start pi-cam-update-good && ! test -e /data/system/*/tries")


WATCHED = """
import time
from pi_cam.updates import layer
layer.HERE.watched.touch()
assert layer.is_busy()
while layer.is_busy():
    time.sleep(0.2)
"""


def test_somebody_who_watches_is_seen_and_the_camera_says_when_nobody_does(guest: Guest) -> None:
    guest.run(f"/opt/pi-cam/current/bin/python -I -c '{WATCHED}'")
