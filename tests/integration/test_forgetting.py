"""The reset of a flashed card, on a data partition like the card's: of every byte of it is looked at what is left."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pi_cam import durable
from pi_cam.keeping.settling import settle
from pi_cam.setup_wizard import first_boot
from tests.integration.test_keeping import CANARY, used
from tests.prerequisites import require
from tests.server import PASSWORD

OVERLAY = Path(__file__).parents[2] / "image-build/overlay/usr/lib/pi-cam"
MAKE = ("mke2fs", "-q", "-t", "ext4", "-b", "4096", "-m", "1", "-J", "size=16")
"""As image-build/disk.py."""

NETWORKS = "data/NetworkManager"
NOW, REPLACED, DELETED = (f"{word}-passphrase-of-the-home" for word in ("present", "replaced", "deleted"))
NAME = "name-of-the-neighbours"


class Card:
    """`root` is that of a machine whose /data is a file system in `image`."""

    def __init__(self, place: Path) -> None:
        self.image, self.root, self.data = place / "image", place / "root", place / "root/data"
        self._programs = place / "bin"
        for folder in (self.data, self.root / "boot/firmware", self.root / "var/lib", self._programs):
            folder.mkdir(parents=True)
        (self.root / "var/lib/pi-cam").symlink_to(self.data / "pi-cam")
        (self._programs / "systemctl").write_text("#!/bin/sh\n")
        (self._programs / "systemctl").chmod(0o755)
        with self.image.open("wb") as file:
            file.truncate(64 << 20)
        subprocess.run([*MAKE, self.image], check=True)

    def mount(self) -> None:
        subprocess.run(["mount", "-o", "loop,noatime,commit=30", self.image, self.data], check=True)

    def unmount(self) -> None:
        subprocess.run(["umount", self.data], check=True)

    def start(self, name: str) -> subprocess.Popen[bytes]:
        path = f"{self._programs}:{os.environ['PATH']}"
        return subprocess.Popen([OVERLAY / name, self.root], env={**os.environ, "PATH": path}, start_new_session=True)

    def run(self, name: str) -> None:
        assert self.start(name).wait(100) == 0

    def found(self, *secrets: bytes) -> list[bytes]:
        """Which of them are on the disk."""
        subprocess.run(["sync"], check=True)
        everything = self.image.read_bytes()
        return [secret for secret in secrets if secret in everything]


@pytest.fixture
def card(tmp_path: Path) -> Iterator[Card]:
    require("root and a loop device", os.geteuid() == 0 and Path("/dev/loop-control").exists())
    card = Card(tmp_path)
    card.mount()
    try:
        yield card
    finally:
        if os.path.ismount(card.data):
            card.unmount()


def network(card: Card, name: str, passphrase: str) -> Path:
    path = card.root / NETWORKS / name
    path.parent.mkdir(exist_ok=True)
    durable.replace(path, f"psk={passphrase}\n".encode())
    return path


def test_a_reset_by_the_card_leaves_nothing_on_it(card: Card) -> None:
    data = card.data / "pi-cam"
    used(data)
    keys = [(data / "secret.key").read_bytes(), (data / "device.key").read_bytes().splitlines()[1]]
    (data / "journal.db-old").write_bytes(b"SQLite format 3 of a row")
    durable.sync_file(data / "journal.db-old")
    (data / "journal.db-old").unlink()
    network(card, NAME, DELETED).unlink()
    network(card, "home", REPLACED)
    network(card, "home", NOW)
    secrets = [*keys, *map(str.encode, (CANARY, NOW, REPLACED, DELETED, NAME)), b"SQLite format 3"]
    assert card.found(*secrets) == secrets, "else there would be nothing to find"

    (card.root / "boot/firmware/reset").touch()
    assert first_boot.main(card.root) == 0
    settle(data)
    card.run("forget")
    left = card.found(*secrets)
    assert REPLACED.encode() in left, "else nothing would have to be written over"
    card.run("overwrite")
    assert sorted(path.name for path in card.data.iterdir()) == ["NetworkManager", "lost+found", "pi-cam"]
    free = shutil.disk_usage(card.data).free
    card.unmount()
    assert card.found(*secrets, PASSWORD.encode()) == []
    card.mount()
    assert shutil.disk_usage(card.data).free == free, "the room is given back"


def test_cut_off_while_it_writes_over_the_next_start_begins_anew(card: Card) -> None:
    network(card, NAME, DELETED).unlink()
    wish, zeros = card.data / "to-overwrite", card.data / "zeros"
    wish.touch()
    process = card.start("overwrite")
    deadline = time.monotonic() + 20
    while not (zeros.exists() and any(zeros.iterdir())):
        assert time.monotonic() < deadline
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert wish.exists()
    assert zeros.exists(), "else it was over already"
    card.run("overwrite")
    assert not wish.exists()
    assert not zeros.exists()
    card.unmount()
    assert card.found(DELETED.encode(), NAME.encode()) == []


def test_told_to_stop_it_gives_the_room_back(card: Card) -> None:
    (card.data / "to-overwrite").touch()
    held = Path("/sys/fs/ext4") / Path(f"/sys/dev/block/{_device(card.data)}").resolve().name / "reserved_clusters"
    before = held.read_text("ascii")
    process = card.start("overwrite")
    deadline = time.monotonic() + 20
    while not (card.data / "zeros").exists():
        assert time.monotonic() < deadline
    assert int(held.read_text("ascii")) == 0, "what ext4 holds back is written over, too"
    os.killpg(process.pid, signal.SIGTERM)
    assert process.wait(60) != 0
    assert (card.data / "to-overwrite").exists()
    assert not (card.data / "zeros").exists()
    assert held.read_text("ascii") == before


def test_without_a_reset_nothing_is_written(card: Card) -> None:
    network(card, "home", DELETED).unlink()
    card.run("overwrite")
    assert card.found(DELETED.encode()) == [DELETED.encode()]


def _device(folder: Path) -> str:
    number = folder.stat().st_dev
    return f"{os.major(number)}:{os.minor(number)}"
