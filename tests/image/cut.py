"""Machines whose supply is taken away at once, and what their card then holds.

What the file system in the machine had not written to the card yet is lost. What it had written is there: a card that says
so too early, against the standard, is played by nobody here.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Protocol

from tests.appliance.guest import Guest as Native
from tests.appliance.guest import leader, turn_on
from tests.image import guest as emulation
from tests.image.card import ITS_DATA, Card
from tests.image.releases import KEYS, Releases
from tests.image.test_boot import PRESEED

DATA_BYTES = 1200 << 20
OLD_DATA = "data.img"
STILL_SECONDS = 20.0

TRUST = """
[Unit]
Description=The key that the tests sign with
DefaultDependencies=no
Before=pi-cam-update.service pi-cam.service
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'mkdir -p /{keys} && printf "%%b" "{pem}" > /{keys}/tests.pem'
"""


class Machine(Protocol):
    """One, with its card. `said`: what its initramfs told the kernel's log at the last start, as far as it is known."""

    url: str
    said: str

    def renew(self, *, customised: bool, erased: bool) -> None:
        """A freshly flashed card. `customised`: Imager wrote on it; `erased`: its data partition has no file system."""

    def start(self) -> None:
        """Turns it on, and waits for nothing."""

    def run(self, script: str, seconds: float = 120.0) -> tuple[str, int]:
        """As root in it, once it is up so far: what it says, and the exit status. Raises `Gone`."""

    def cut(self) -> None:
        """Takes its supply away."""

    def package(self, number: int) -> str:
        """The path in it of a release."""


class Gone(Exception):
    """It was cut while something was asked of it."""


class CutCard(Card):
    """A card whose data partition is a file of its own, of which a copy can be taken at the moment of the cut."""

    def __init__(self, image: Path, folder: Path) -> None:
        super().__init__(image, folder)
        self._own_texts = set(self.texts())
        self._data = folder / OLD_DATA
        self._loop_of_data = ""

    def renew(self, *, customised: bool, erased: bool) -> None:
        """As it comes, and as the first start of a real machine makes it (the data partition grown)."""
        start, size = self.partition(ITS_DATA)
        with self.disk.open("rb") as source, self._data.open("wb") as target:
            source.seek(start)
            if not erased:
                target.write(source.read(min(size, 64 << 20)))
            target.truncate(DATA_BYTES)
        if not erased:
            _do("e2fsck", "-f", "-p", self._data)
            _do("resize2fs", self._data)
        for name in set(self.texts()) - self._own_texts:
            self._mtool("mdel", f"::/{name}")
        if customised:
            self.write("rpi-preseed.toml", PRESEED)

    def freeze(self) -> Path:
        """A copy of the data partition as the file system has written it until now, and of no two moments: while it is made
        nothing is written."""
        statistics = Path("/sys/block", Path(self._loop_of_data).name, "stat")
        copy = self._data.with_suffix(".next")
        deadline = time.monotonic() + STILL_SECONDS
        while True:
            before = statistics.read_text("ascii").split()
            subprocess.run(["cp", "--sparse=always", self._data, copy], check=True)
            after = statistics.read_text("ascii").split()
            if (before[4:9] == after[4:9]) and after[8] == "0":  # writes completed, and those that are on their way
                return copy
            assert time.monotonic() < deadline, "the disk does not come to rest"

    def put_back(self, copy: Path) -> None:
        """The next start is with it."""
        copy.replace(self._data)

    def _loop(self, number: int) -> str:
        if number != ITS_DATA:
            return super()._loop(number)
        words = ["losetup", "--find", "--show", str(self._data)]
        self._loop_of_data = subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()
        return self._loop_of_data


class InContainer:
    """A `Machine`, natively."""

    url = "https://127.0.0.1"

    def __init__(self, image: Path, folder: Path, releases: Releases) -> None:
        self._card, self._releases = CutCard(image, folder), releases
        self._stack = contextlib.ExitStack()
        self._process: subprocess.Popen[bytes] | None = None
        self._guest: Native | None = None
        self.said = ""

    def renew(self, *, customised: bool, erased: bool) -> None:
        self._card.renew(customised=customised, erased=erased)

    def start(self) -> None:
        root = self._stack.enter_context(self._card.mounted())
        self.said = self._card.said
        self._releases.trust(root)
        share = f"--bind-ro={self._releases.folder}:/srv/releases"
        self._process = turn_on(root, self._card.console, *self._card.words(share))
        self._guest = None

    def run(self, script: str, seconds: float = 120.0) -> tuple[str, int]:
        process = self._process
        if process is None or process.poll() is not None:
            raise Gone
        try:
            self._guest = self._guest or Native(leader(process, self._card.console), self._card.console)
            done = self._guest.attempt(script, seconds)
        except (AssertionError, OSError):
            raise Gone from None
        if process.poll() is not None or done.returncode == -9:
            raise Gone
        return done.stdout.strip(), done.returncode

    def cut(self) -> None:
        """systemd's end takes all in the container along."""
        assert self._process is not None
        systemd = Path("/proc/none")
        with contextlib.suppress(AssertionError, OSError):
            number = leader(self._process, self._card.console)
            systemd = Path(f"/proc/{number}/stat")
            os.kill(number, signal.SIGKILL)
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(OSError):
            while systemd.read_text().rpartition(")")[2].split()[0] not in "ZX":
                time.sleep(0.01)
        self._process = None
        copy = self._card.freeze()
        self._stack.close()
        self._card.put_back(copy)

    def package(self, number: int) -> str:
        return f"/srv/releases/{self._releases.number(number).name}"


class Emulated:
    """A `Machine` in QEMU, with its firmware, its initramfs and its kernel."""

    said = ""

    def __init__(self, image: Path, folder: Path, releases: Releases) -> None:
        self._image, self._folder, self._releases = image, folder, releases
        self._count = 0
        self._guest: emulation.Guest | None = None
        self.url = ""

    def renew(self, *, customised: bool, erased: bool) -> None:
        if self._guest is not None:
            self._guest.disk.unlink(missing_ok=True)
        self._count += 1
        folder = self._folder / str(self._count)
        pem = self._releases.public.replace("\n", "\\n")
        units = {"tests-trust.service": TRUST.format(keys=KEYS, pem=pem)}
        self._guest = emulation.Guest(self._image, folder, units=units, written=PRESEED if customised else None)
        self.url = self._guest.url
        if erased:
            self._guest.insert_card()
            self._erase(self._guest.disk)

    def start(self) -> None:
        assert self._guest is not None
        self._guest.start()

    def run(self, script: str, seconds: float = 120.0) -> tuple[str, int]:
        assert self._guest is not None
        try:
            said = self._guest.run(script, seconds)
        except AssertionError:
            if self._guest.is_on():
                raise
            raise Gone from None
        return said.output, said.code

    def cut(self) -> None:
        assert self._guest is not None
        self._guest.cut()

    def package(self, number: int) -> str:
        assert self._guest is not None
        path = self._releases.number(number)
        shared = self._guest.share / path.name
        if not shared.exists():
            shared.hardlink_to(path)
        return f"{emulation.SHARE}/{path.name}"

    def _erase(self, disk: Path) -> None:
        listed = subprocess.run(["sfdisk", "--dump", disk], check=True, capture_output=True, text=True).stdout
        (line,) = (line for line in listed.splitlines() if line.startswith(f"{disk}{ITS_DATA} "))
        start = int(line.split("start=")[1].split(",")[0]) * 512
        with disk.open("r+b") as file:
            file.seek(start)
            file.write(bytes(4 << 20))


def _do(*command: str | Path) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"{command[0]}: {done.stdout}{done.stderr}"
