"""Security updates of Debian: into a layer, for the next start, and out again when the camera does not answer with it.

The archive is a small one of our own, which says that it is Debian's; all else is what runs on a card.
"""

from __future__ import annotations

import gzip
import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image.guest import SHARE, Guest, booted
from tests.image.test_boot import answers

PACKAGE, VERSION = "wireless-regdb", "9999.01.01-1"
"""Small, there on each target, and needed by nothing that the test looks at."""

OLD_SOURCES = "/etc/apt/sources.list /etc/apt/sources.list.d/*"
PORT = 8999

pytestmark = [pytest.mark.timeout(2400)]


def archive(folder: Path, *, breaks: bool) -> None:
    """With one package; `breaks`: its script takes nginx away."""
    tree = folder.parent / "package"
    (tree / "DEBIAN").mkdir(parents=True, exist_ok=True)
    (tree / "usr/share/canary").mkdir(parents=True, exist_ok=True)
    (tree / "usr/share/canary/new").write_text("updated\n", "ascii")
    lines = [
        f"Package: {PACKAGE}",
        f"Version: {VERSION}",
        "Architecture: all",
        "Maintainer: Nobody <nobody@example.org>",
    ]
    control = "\n".join([*lines, "Description: a newer one"]) + "\n"
    (tree / "DEBIAN/control").write_text(control, "ascii")
    script = tree / "DEBIAN/postinst"
    script.write_text("#!/bin/sh\n" + ("rm /usr/sbin/nginx\n" if breaks else "exit 0\n"), "ascii")
    script.chmod(0o755)
    folder.mkdir()
    package = folder / "new.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", tree, package], check=True, capture_output=True)
    data = package.read_bytes()
    extra = f"Filename: ./new.deb\nSize: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\n"
    packages = gzip.compress((control.rstrip() + "\n" + extra).encode(), mtime=0)
    (folder / "Packages.gz").write_bytes(packages)
    listed = f" {hashlib.sha256(packages).hexdigest()} {len(packages)} Packages.gz\n"
    head = "Origin: Debian\nLabel: Debian-Security\nSuite: stable-security\nCodename: trixie-security\n"
    (folder / "Release").write_text(f"{head}Date: Sat, 01 Nov 2025 00:00:00 UTC\nSHA256:\n{listed}", "ascii")


def update(guest: Guest, name: str) -> str:
    """As in the night, but for the new start."""
    line = f"deb [trusted=yes] http://127.0.0.1:{PORT}/{name} ./"
    guest.must(f"rm -f {OLD_SOURCES}; echo '{line}' >/etc/apt/sources.list")
    server = f"cd {SHARE}; setsid python3 -m http.server --bind 127.0.0.1 {PORT} >/dev/null 2>&1 & sleep 3"
    run = "systemd-run --wait --pipe --quiet -p PrivateMounts=yes /usr/lib/pi-cam/update-system --no-reboot"
    return guest.must(f"({server}); {run}", 600)


@pytest.fixture(scope="module")
def updated(image: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guest]:
    folder = tmp_path_factory.mktemp("updated")
    with booted(image, folder) as guest:
        archive(guest.share / "good", breaks=False)
        archive(guest.share / "bad", breaks=True)
        answers(guest)
        yield guest


def test_updates_come_with_the_next_start(updated: Guest) -> None:
    guest = updated
    guest.until("test $(findmnt -b -n -o SIZE /data) -gt 2000000000")
    assert "come with the next start" in update(guest, "good")
    guest.must("test ! -e /usr/share/canary/new")
    guest.cut()
    guest.start()
    answers(guest)
    assert guest.must("cat /usr/share/canary/new") == "updated"
    assert guest.must(f"dpkg-query -W -f '${{Version}}' {PACKAGE}") == VERSION
    guest.must("test ! -e /usr/sbin/policy-rc.d")
    guest.must("/usr/lib/pi-cam/update-good; ! test -e /data/system/*/tries")


def test_when_there_is_nothing_new_nothing_is_done(updated: Guest) -> None:
    assert "up to date" in update(updated, "good")
    updated.must("test $(ls -d /data/system/*/layer-* | wc -l) = 1")


def test_updates_with_which_the_camera_does_not_answer_are_left_out_again(updated: Guest) -> None:
    guest = updated
    guest.must("rm -rf /data/system/*")
    assert "come with the next start" in update(guest, "bad")
    for _ in range(3):
        guest.cut()
        guest.start()
        guest.until("systemctl is-active pi-cam", 300)
        assert guest.run("test -e /usr/sbin/nginx || /usr/lib/pi-cam/update-good").code != 0
    guest.cut()
    guest.start()
    answers(guest)
    guest.must("test -e /usr/sbin/nginx && test ! -e /usr/share/canary/new")
