"""A flashed card that is started natively: its partitions on loop devices, the image's own initramfs script over them, and
systemd in a container on what comes of it. Seconds where `tests.image.guest` takes minutes; kernel, firmware, FAT and the
growing of `/data` are for that one to try.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.appliance.guest import Guest, booted

SECTOR = 512
SYSTEM, ITS_DATA = 2, 4
"""Numbers of partitions."""

SCRIPT = "etc/initramfs-tools/scripts/init-bottom/pi-cam"
DATA = "c8a8b7a2-3a1d-4b0e-8c55-70692d646174"

WITHOUT_ITS_NETWORK = ("systemd.mask=NetworkManager.service", "systemd.mask=wpa_supplicant.service")
"""It is the tests' own, and not the container's to manage."""


class Card:
    """A copy of the image in `folder`. To be used in a mount namespace of one's own (`python -m tests.image.root run`)."""

    def __init__(self, image: Path, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self.disk = folder, folder / "card.img"
        subprocess.run(["cp", "--sparse=always", image, self.disk], check=True)
        os.truncate(self.disk, 3 << 30)
        self.said = ""
        """What the initramfs script told the kernel's log at the last start."""

    def partition(self, number: int) -> tuple[int, int]:
        """Where it is on the card, and how large, in bytes."""
        listed = subprocess.run(["sfdisk", "--dump", self.disk], check=True, capture_output=True, text=True).stdout
        (line,) = (line for line in listed.splitlines() if line.startswith(f"{self.disk}{number} "))
        words = line.replace(",", " ").replace("=", " ").split()
        return (int(words[words.index("start") + 1]) * SECTOR, int(words[words.index("size") + 1]) * SECTOR)

    def grow(self) -> None:
        """Gives its data the rest of the card, as its first start does on real hardware."""
        subprocess.run(["sfdisk", "--quiet", "-N", str(ITS_DATA), self.disk], input=b", +\n", check=True)
        loop = self._loop(ITS_DATA)
        try:
            _do("resize2fs", "-f", loop)
        finally:
            _do("losetup", "--detach", loop)

    def spoil(self, offset: int, size: int) -> None:
        """Zeros in its data partition: what a card does that loses a block, or more."""
        start, _ = self.partition(ITS_DATA)
        with self.disk.open("r+b") as file:
            file.seek(start + offset)
            file.write(bytes(size))

    def found(self) -> str:
        """What the initramfs says that it found there; while it is mounted."""
        return (self._folder / "image/data-found").read_text("ascii").strip()

    def write(self, name: str, data: bytes) -> None:
        """A file on the boot partition, as from a person's computer."""
        self._mtool("mcopy", "-o", "-", f"::/{name}", data=data)

    def names(self) -> list[str]:
        """What is on the boot partition."""
        said = self._mtool("mdir", "-b", "::/").decode()
        return [line.removeprefix("::/").rstrip("/") for line in said.splitlines()]

    @contextmanager
    def mounted(self, data: Path | None = None) -> Iterator[Path]:
        """As the initramfs leaves it to systemd. `data`: a device to be taken for its data partition."""
        image, root = self._folder / "image", self._folder / "root"
        for folder in (image, root, self._folder / "by-partuuid"):
            folder.mkdir(exist_ok=True)
        loops = [self._loop(number) for number in (SYSTEM, ITS_DATA)]
        name = self._folder / "by-partuuid" / DATA
        name.unlink(missing_ok=True)
        name.symlink_to(data or loops[1])
        try:
            _do("mount", "-t", "squashfs", "-o", "ro", loops[0], root)
            self._run_script(image, root)
            self._lend_boot_partition(root / "boot/firmware")
            yield root
            self._take_back(root / "boot/firmware")
        finally:
            for place in (root, image / "memory", image / "data", image / "system"):
                subprocess.run(["umount", "--recursive", place], check=False, capture_output=True)
            for loop in loops:
                _do("losetup", "--detach", loop)

    @contextmanager
    def started(self, *words: str, before: Callable[[Path], None] | None = None) -> Iterator[Guest]:
        """Until the end of the block; then it is shut down. `words`: more for systemd-nspawn; `before` is given its root."""
        with self.mounted() as root:
            if before is not None:
                before(root)
            with booted(root, self.console, *self.words(*words)) as guest:
                yield guest

    @property
    def console(self) -> Path:
        """What it said since its last start."""
        return self._folder / "console"

    def words(self, *more: str) -> list[str]:
        """For systemd-nspawn: what is in /etc is the card's own affair."""
        binds = [f"--bind-ro={self._folder}/image/system:/run/image/system", "--timezone=off", "--resolv-conf=off"]
        return [*binds, *more, *WITHOUT_ITS_NETWORK]

    def _lend_boot_partition(self, place: Path) -> None:
        """Its texts, in memory: not every kernel that runs tests knows FAT."""
        _do("mount", "-t", "tmpfs", "-o", "mode=0700", "tmpfs", place)
        for name in self.texts():
            (place / name).write_bytes(self._mtool("mcopy", f"::/{name}", "-"))
        _do("mount", "-o", "remount,ro", place)

    def _take_back(self, place: Path) -> None:
        left = {path.name: path.read_bytes() for path in place.iterdir()}
        for name in self.texts():
            self._mtool("mdel", f"::/{name}")
        for name, data in left.items():
            self.write(name, data)

    def texts(self) -> list[str]:
        """What the camera and a person tell each other there."""
        return [name for name in self.names() if name.endswith((".txt", ".toml", ".pi-cam"))]

    def _mtool(self, program: str, *words: str, data: bytes = b"") -> bytes:
        command = [program, "-i", f"{self.disk}@@{self.partition(1)[0]}", *words]
        return subprocess.run(command, check=True, capture_output=True, input=data).stdout

    def _run_script(self, image: Path, root: Path) -> None:
        text = (root / SCRIPT).read_text("utf-8")
        places = {
            ". /scripts/functions": 'panic() { echo "$@" >&2; exit 1; }',
            "IMAGE=/run/image": f"IMAGE={image}",
            "/dev/kmsg": str(self._folder / "kmsg"),
            "/proc/cmdline": str(self._folder / "cmdline"),
            "/dev/disk/by-partuuid": str(self._folder / "by-partuuid"),
        }
        for old, new in places.items():
            assert old in text, old
            text = text.replace(old, new)
        (self._folder / "cmdline").write_text(f"quiet data=PARTUUID={DATA} panic=10\n", "ascii")
        (self._folder / "kmsg").write_text("", "ascii")
        _do("sh", "-c", text.replace(f">{self._folder}/kmsg", f">>{self._folder}/kmsg"), rootmnt=str(root))
        self.said = (self._folder / "kmsg").read_text("utf-8", "replace")

    def _loop(self, number: int) -> str:
        start, size = self.partition(number)
        words = ["losetup", "--find", "--show", f"--offset={start}", f"--sizelimit={size}", str(self.disk)]
        return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()


def _do(*command: str | Path, **variables: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True, env={**os.environ, **variables})
    assert done.returncode == 0, f"{command[0]}: {done.stderr}"
