"""Signed updates of the program, on the image: natively, on a card that outlives its starts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.appliance.guest import Guest
from tests.appliance.test_install import answers, ask
from tests.image.cut import CutCard
from tests.image.releases import Releases

BUILT_IN = "/usr/lib/pi-cam/built-in"
NEVER_SERVES = ("pi_cam/serving.py", "\nraise SystemExit(3)\n")
LOOK = "/usr/lib/pi-cam/built-in/bin/python -I -m pi_cam.updates.built_in contents"

pytestmark = [pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def releases(copy: Path, system: Path, tmp_path_factory: pytest.TempPathFactory) -> Releases:
    del copy  # says what is missing here
    return Releases(system, tmp_path_factory.mktemp("releases"))


@pytest.fixture(scope="module")
def card(image: Path, releases: Releases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CutCard]:
    """With release 2 on it. The tests are its life, in their order."""
    folder = tmp_path_factory.mktemp("card")
    card = CutCard(image, folder)
    card.renew(customised=False, erased=False)
    yield card
    (folder / "card.img").unlink()
    (folder / "data.img").unlink()


def started(card: CutCard, releases: Releases) -> AbstractContextManager[Guest]:
    return card.started(f"--bind-ro={releases.folder}:/srv/releases", before=releases.trust)


def running(guest: Guest) -> str:
    return guest.run("readlink -f /opt/pi-cam/current")


def of_camera(guest: Guest) -> str:
    return guest.run("tr '\\0' ' ' < /proc/$(systemctl show -P MainPID pi-cam.service)/cmdline")


def test_a_newer_release_runs_and_is_there_at_the_next_start(card: CutCard, releases: Releases) -> None:
    package = releases.make(2)
    with started(card, releases) as guest:
        answers()
        assert running(guest) == BUILT_IN
        said = guest.run(f"pi-cam update install /srv/releases/{package.name}", 600)
        assert "Version 0.1.2 (release 2) was installed" in said
        assert "/opt/pi-cam/2-0.1.2/bin/python" in of_camera(guest)
        answers()
    with started(card, releases) as guest:
        answers()
        assert running(guest) == "/opt/pi-cam/2-0.1.2"
        assert "/opt/pi-cam/2-0.1.2/bin/python" in of_camera(guest)
        assert "(release 2)" in guest.run("pi-cam update status")
        guest.until("pi-cam journal export --format csv | grep update-installed")
        guest.run(LOOK)
        assert guest.run("systemctl --failed --plain --no-legend") == ""


def test_a_bad_one_on_the_boot_partition_is_taken_back(card: CutCard, releases: Releases) -> None:
    card.write("new.pi-cam", releases.make(3, NEVER_SERVES).read_bytes())
    with started(card, releases) as guest:
        guest.until("pi-cam update status | grep 'taken back: It did not answer. The version before it runs.'", 300)
        assert running(guest) == "/opt/pi-cam/2-0.1.2"
        answers()
        guest.run("! test -e /opt/pi-cam/3-0.1.3 && ! test -e /boot/firmware/new.pi-cam")
    assert "new.pi-cam" not in card.names()


def test_what_is_older_or_of_a_stranger_is_refused(card: CutCard, releases: Releases) -> None:
    packages = {
        releases.make(1): "This update (release 1) is older than what runs (release 2).",
        releases.make(9, stranger=True): "This update was not signed by a key that this camera trusts",
    }
    with started(card, releases) as guest:
        answers()
        for package, sentence in packages.items():
            done = guest.attempt(f"pi-cam update install /srv/releases/{package.name}", 600)
            assert done.returncode == 1, done.stdout
            assert sentence in done.stdout
        assert running(guest) == "/opt/pi-cam/2-0.1.2"


def test_a_card_that_lost_a_file_of_it_starts_with_what_came_with_the_image(card: CutCard, releases: Releases) -> None:
    with card.mounted() as root:
        (victim,) = root.glob("data/programs/2-0.1.2/lib/python3*/site-packages/pi_cam/serving.py")
        victim.write_bytes(b"")
    with started(card, releases) as guest:
        answers()
        assert running(guest) == BUILT_IN
        assert "Its files on the card are damaged." in guest.run("pi-cam update status")
        token = guest.run("pi-cam token create --name page --can view,configure")
        assert ask("/api/v1/system", token=token).json()["update"]["result"] == "rolled-back"
        said = guest.run("pi-cam update install /srv/releases/2.pi-cam", 600)
        assert "was installed" in said


def test_a_card_that_garbled_one_is_found_out_while_it_runs(card: CutCard, releases: Releases) -> None:
    with started(card, releases) as guest:
        answers()
        guest.run("printf X | dd of=$(echo /opt/pi-cam/2-0.1.2/lib/python3*/site-packages/pi_cam/hub.py) conv=notrunc")
        guest.run("systemctl start pi-cam-programs-look.service", 200)
        assert running(guest) == BUILT_IN
        answers()
        assert "/opt/pi-cam/0.1.0/bin/python" in of_camera(guest)


def test_what_was_put_there_for_another_image_goes(card: CutCard, releases: Releases) -> None:
    with card.mounted() as root:
        (root / "data/programs/image").write_text("0.0.1-another\n", "ascii")
        (root / "data/programs/7-0.1.7").mkdir()
    with started(card, releases) as guest:
        answers()
        assert running(guest) == BUILT_IN
        guest.run("! test -e /opt/pi-cam/7-0.1.7")
