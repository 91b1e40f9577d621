"""The file systems and the disk: the same bytes for the same files."""

from __future__ import annotations

import os
from pathlib import Path

from target import Target, call, epoch

BOOT_MEGABYTES = 256
DATA_MEGABYTES = 64
"""It grows to the end of the card at the first start."""

DATA_UUID = "70692d63-616d-4d64-8174-612d30303031"
HASH_SEED = "70692d63-616d-4d73-8565-642d30303031"
MAGIC_NUMBER = "70696361"
"""The serial number of the FAT."""

LEVEL = 15
"""zstd's, in squashfs: 22 makes the image 3 % smaller, and takes three times as long."""


def make(target: Target, work: Path) -> None:
    """From `work/root` and `work/boot` to `work/images/pi-cam.img`."""
    images = work / "images"
    images.mkdir()
    _system(work / "root", images / "root.squashfs")
    make_boot(work / "boot", images / "boot.vfat")
    _data(images / "data.ext4")
    scratch = {name: str(work / "genimage" / name) for name in ("tmppath", "rootpath")}
    for folder in scratch.values():
        Path(folder).mkdir(parents=True)
    call(
        "genimage",
        "--loglevel=0",
        f"--config={target.folder / 'genimage.cfg'}",
        f"--inputpath={images}",
        f"--outputpath={images}",
        *(f"--{name}={folder}" for name, folder in scratch.items()),
    )


def _system(root: Path, image: Path) -> None:
    options = ["-quiet", "-no-progress", "-noappend", "-reproducible", "-xattrs", "-b", "256K"]
    call("mksquashfs", root, image, *options, "-comp", "zstd", "-Xcompression-level", str(LEVEL))


def make_boot(folder: Path, image: Path) -> None:
    """A FAT with what is in the folder."""
    for name in (folder, *folder.rglob("*")):
        os.utime(name, (epoch(), epoch()))
    with image.open("wb") as file:
        file.truncate(BOOT_MEGABYTES << 20)
    call("mkfs.vfat", "--invariant", "-i", MAGIC_NUMBER, "-n", "PI-CAM", "-F", "32", image)
    # One after the other, by name: the order of a folder is the file system's own.
    for path in sorted(folder.rglob("*")):
        place = f"::/{path.relative_to(folder)}"
        if path.is_dir():
            call("mmd", "-i", image, place)
        else:
            call("mcopy", "-m", "-i", image, path, place)


def _data(image: Path) -> None:
    with image.open("wb") as file:
        file.truncate(DATA_MEGABYTES << 20)
    options = ["-q", "-t", "ext4", "-b", "4096", "-m", "1", "-J", "size=16", "-L", "pi-cam-data", "-U", DATA_UUID]
    room = f"hash_seed={HASH_SEED},resize=268435456,lazy_itable_init=0,root_owner=0:0"
    call("mke2fs", *options, "-E", room, image, E2FSPROGS_FAKE_TIME=str(epoch()))


def compress(image: Path, packed: Path) -> None:
    """For downloading: the system in it is packed already."""
    partial = packed.with_suffix(".partial")
    call("zstd", "-q", "-f", "-T0", "-6", "--no-progress", image, "-o", partial)
    partial.replace(packed)
