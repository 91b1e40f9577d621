"""`pi-cam update` on a Debian 12 with a real systemd: a release that works, one that does not, and what is refused.

That it can be ended at any step is in tests/unit/test_update_machine.py."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pi_cam.updates import maker
from tests.appliance.guest import Guest
from tests.appliance.test_install import answers, ask
from tests.contract.test_units import MORE, exposure

ROOT_PART = "pi-cam-update.service"
PROGRAMS = "/opt/pi-cam"

PACKAGES = "lib/python3.11/site-packages"
WORDS = ("any", "x86_64", "cpython-3.11")

pytestmark = [pytest.mark.timeout(900)]


class Maker:
    """Makes releases of what is installed in the guest."""

    def __init__(self, copy: Path, scratch: Path, guest: Guest) -> None:
        self._copy, self._guest = copy, guest
        self._tree = scratch / "tree"
        installed = Path(guest.run(f"readlink {PROGRAMS}/current")).relative_to("/")
        shutil.copytree(
            copy / installed / PACKAGES, self._tree, ignore=shutil.ignore_patterns("__pycache__", "pip", "setuptools")
        )
        public = maker.make_key(scratch / "key")
        maker.make_key(scratch / "other")
        self.key, self._other = maker.load_key(scratch / "key"), maker.load_key(scratch / "other")
        trusted = copy / "etc/pi-cam/update-keys"
        trusted.mkdir()
        (trusted / "own.pem").write_text(public, "ascii")

    def refused(self, number: int, *, other_key: bool = False) -> str:
        """The path of a package, in the guest, whose files nobody will look at."""
        tree = self._tree.with_name("small")
        tree.mkdir(exist_ok=True)
        (tree / "file").write_text("x")
        name = f"/root/{number}-{'other' if other_key else 'own'}.pi-cam"
        maker.pack(tree, self._copy / name[1:], self._other if other_key else self.key, "0.1.0", number)
        return name

    def release(self, number: int, broken: tuple[str, str] | None = None) -> str:
        """The path of its package, in the guest. `broken`: a file of the program, and what is added to it."""
        (self._tree / "pi_cam/updates/release").write_text(f"{number}\n", "ascii")
        assert maker.own_release(self._tree) == number
        if broken:
            whole = (self._tree / broken[0]).read_text("utf-8")
            (self._tree / broken[0]).write_text(whole + broken[1], "utf-8")
        name = f"/root/{number}{'-broken' * bool(broken)}.pi-cam"
        maker.pack(self._tree, self._copy / name[1:], self.key, f"0.1.{number}", number, words=WORDS, preset=0)
        if broken:
            (self._tree / broken[0]).write_text(whole, "utf-8")
        return name


@pytest.fixture(scope="module")
def releases(copy: Path, guest: Guest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Maker]:
    answers()
    guest.run(f"systemctl is-active pi-cam-update.path && ! systemctl is-failed {ROOT_PART}")
    yield Maker(copy, tmp_path_factory.mktemp("releases"), guest)
    guest.run("rm -f /root/*.pi-cam")


def running(guest: Guest) -> str:
    return Path(guest.run(f"readlink {PROGRAMS}/current")).name


def versions(guest: Guest) -> set[str]:
    return set(guest.run(f"find {PROGRAMS} -mindepth 1 -maxdepth 1 -type d -printf '%f\\n'").split())


def shown(guest: Guest) -> tuple[str, int]:
    """As the page *This device* has it."""
    token = guest.run("pi-cam token create --name page --can view,configure")
    update = ask("/api/v1/system", token=token).json()["update"]
    guest.run("pi-cam token revoke page")
    return update["result"], update["release"]


def test_a_newer_release_takes_the_place_of_what_runs(guest: Guest, releases: Maker) -> None:
    before = running(guest)
    package = releases.release(2)
    said = guest.run(f"cd /root && pi-cam update install {Path(package).name}", 600)
    assert "Version 0.1.2 (release 2) was installed" in said
    assert running(guest) == "2-0.1.2"
    assert versions(guest) == {before, "2-0.1.2"}
    answers()
    assert guest.run("pi-cam update status").splitlines()[0] == "Version 0.1.0 runs (release 2)."
    of_camera = guest.run(
        "readlink /proc/$(systemctl show -P MainPID pi-cam.service)/exe; tr '\\0' ' ' < "
        "/proc/$(systemctl show -P MainPID pi-cam.service)/cmdline"
    )
    assert "/opt/pi-cam/2-0.1.2/bin/python" in of_camera
    guest.until("pi-cam journal export --format csv | grep update-installed")
    assert guest.run("ls /var/lib/pi-cam-update /var/lib/pi-cam/updates/inbox").split() == [
        "/var/lib/pi-cam-update:",
        "outcome.json",
        "/var/lib/pi-cam/updates/inbox:",
    ]


def test_one_that_does_not_serve_is_taken_back(guest: Guest, releases: Maker) -> None:
    package = releases.release(3, ("pi_cam/serving.py", "\nraise SystemExit(3)\n"))
    done = guest.attempt(f"pi-cam update install {package}", 600)
    assert done.returncode == 1, done.stdout
    assert "Version 0.1.3 (release 3) was tried" in done.stdout
    assert "taken back: It did not answer. The version before it runs." in done.stdout
    assert running(guest) == "2-0.1.2"
    answers()
    assert "taken back" in guest.run("pi-cam update status")
    assert shown(guest) == ("rolled-back", 3)
    guest.until("pi-cam journal export --format csv | grep update-rolled-back")


def test_one_that_shows_no_pictures_is_taken_back(guest: Guest, releases: Maker) -> None:
    """It serves, and every page is there."""
    package = releases.release(
        3, ("pi_cam/hub.py", "\n\ndef _nothing(self, unit):\n    return None\n\n\nHub.publish = _nothing\n")
    )
    done = guest.attempt(f"pi-cam update install {package}", 600)
    assert done.returncode == 1, done.stdout
    assert "A camera that gave pictures before gave none." in done.stdout
    assert running(guest) == "2-0.1.2"
    answers()


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("truncated", "This update is not complete: fetch it again."),
        ("other", "This update was not signed by a key that this camera trusts, or it is damaged."),
        ("older", "This update (release 1) is older than what runs (release 2)."),
        ("same", "Release 2 runs already."),
        ("absent", "/root/absent.pi-cam cannot be read"),
    ],
)
def test_what_is_refused(guest: Guest, releases: Maker, kind: str, sentence: str) -> None:
    package = {"truncated": "/root/short.pi-cam", "same": "/root/2.pi-cam", "absent": "/root/absent.pi-cam"}.get(
        kind, ""
    )
    if kind == "truncated":
        guest.run(f"head -c 1000000 /root/2.pi-cam > {package}")
    elif kind in ("other", "older"):
        package = releases.refused(9 if kind == "other" else 1, other_key=kind == "other")
    done = guest.attempt(f"pi-cam update install {package}", 600)
    assert done.returncode == 1, done.stdout
    assert sentence in done.stdout
    assert running(guest) == "2-0.1.2"


def test_root_believes_nothing_that_the_cameras_user_says(guest: Guest, releases: Maker) -> None:
    """Past the command, straight into the inbox; and a link to what only root may read."""
    inbox = "/var/lib/pi-cam/updates/inbox"
    guest.run(f"install -o pi-cam -m 600 /root/short.pi-cam {inbox}/.x && mv {inbox}/.x {inbox}/update.pi-cam")
    guest.until("pi-cam update status | grep 'not complete'")
    guest.run(f"runuser -u pi-cam -- ln -s /root/2.pi-cam {inbox}/update.pi-cam")
    guest.until(f"! test -L {inbox}/update.pi-cam && pi-cam update status | grep 'cannot be written'")
    assert running(guest) == "2-0.1.2"


def test_roots_part_may_do_no_more_than_it_must(guest: Guest) -> None:
    said = guest.run(f"systemd-analyze security --no-pager {ROOT_PART} | tail -n 1")
    assert exposure(said) <= MORE[ROOT_PART]
