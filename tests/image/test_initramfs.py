"""What starts before the system: its own programs, and not those that busybox has by the same names."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.image.card import SCRIPT
from tests.image.guest import BOOT_OFFSET


@pytest.fixture(scope="module")
def initramfs(image: Path, copy: Path) -> Path:
    packed, unpacked = copy / "initrd.img", copy / "initrd"
    subprocess.run(["mcopy", "-n", "-i", f"{image}@@{BOOT_OFFSET}", "::/initrd.img", packed], check=True)
    subprocess.run(["chroot", copy, "unmkinitramfs", "/initrd.img", "/initrd"], check=True)
    return unpacked if (unpacked / "conf").exists() else unpacked / "main"


def inside(initramfs: Path, *command: str) -> str:
    done = subprocess.run(["chroot", initramfs, *command], check=False, capture_output=True, text=True)
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout


def test_it_makes_a_data_partition_and_knows_it_again(initramfs: Path, system: Path) -> None:
    (line,) = (line for line in (system / SCRIPT).read_text("utf-8").splitlines() if "mke2fs -q" in line)
    making = shlex.split(line.split("||")[0])
    assert making[-1] == "$data"
    (initramfs / "card").touch()
    os.truncate(initramfs / "card", 64 << 20)
    inside(initramfs, *making[:-1], "/card")
    assert inside(initramfs, "blkid", "-p", "-s", "TYPE", "-o", "value", "/card") == "ext4\n"
    inside(initramfs, "e2fsck", "-p", "/card")


def test_it_mends_one_by_a_copy_of_its_beginning(initramfs: Path) -> None:
    (initramfs / "spoilt").touch()
    os.truncate(initramfs / "spoilt", 256 << 20)
    inside(initramfs, "mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "/spoilt")
    with (initramfs / "spoilt").open("r+b") as file:
        file.write(bytes(4096))
    subprocess.run(["chroot", initramfs, "e2fsck", "-y", "-b", "32768", "-B", "4096", "/spoilt"], check=False)
    assert inside(initramfs, "blkid", "-p", "-s", "TYPE", "-o", "value", "/spoilt") == "ext4\n"
