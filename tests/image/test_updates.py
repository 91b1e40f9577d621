"""A start takes the security updates that a night laid ready, and leaves them out again if the camera does not answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image.debian_archive import BAD, GOOD, PACKAGE, make, update
from tests.image.guest import SHARE, Guest, booted
from tests.image.test_boot import answers

pytestmark = [pytest.mark.timeout(2400)]


@pytest.fixture(scope="module")
def updated(image: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guest]:
    folder = tmp_path_factory.mktemp("updated")
    with booted(image, folder) as guest:
        make(guest.share / "good", GOOD)
        make(guest.share / "bad", BAD)
        answers(guest)
        yield guest


def test_updates_come_with_the_next_start(updated: Guest) -> None:
    guest = updated
    guest.until("test $(findmnt -b -n -o SIZE /data) -gt 2000000000")
    assert "come with the next start" in guest.must(update(SHARE, "good"), 600)
    guest.must("test ! -e /usr/share/canary/new")
    guest.cut()
    guest.start()
    answers(guest)
    assert guest.must("cat /usr/share/canary/new") == "updated"
    assert guest.must(f"dpkg-query -W -f '${{Version}}' {PACKAGE}") == GOOD
    guest.must("test ! -e /usr/sbin/policy-rc.d")
    guest.must("/usr/lib/pi-cam/update-good; ! test -e /data/system/*/tries")


def test_when_there_is_nothing_new_nothing_is_done(updated: Guest) -> None:
    assert "up to date" in updated.must(update(SHARE, "good"), 600)
    updated.must("test $(ls -d /data/system/*/layer-* | wc -l) = 1")


def test_updates_with_which_the_camera_does_not_answer_are_left_out_again(updated: Guest) -> None:
    guest = updated
    assert "come with the next start" in guest.must(update(SHARE, "bad"), 600)
    for _ in range(3):
        guest.cut()
        guest.start()
        guest.until("systemctl is-active pi-cam", 300)
        assert guest.run("test -e /usr/sbin/nginx || /usr/lib/pi-cam/update-good").code != 0
    guest.cut()
    guest.start()
    answers(guest)
    guest.must("test -e /usr/sbin/nginx && test ! -e /usr/share/canary/new")
