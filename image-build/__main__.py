"""Builds the flashable image: `python image-build TARGET [--out DIR]` (or `make image TARGET=pc-amd64`). Needs root.

One definition serves every target: `packages.list`, `overlay/` and what `deploy/` puts on any machine; `targets/TARGET`
holds what differs. mmdebstrap makes the Debian, genimage the disk; nothing is loop-mounted, and nothing is left mounted.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NoReturn

import boot
import debian
import disk
import foreign
import program
import record
from target import NAMES, CannotBuild, Target, version

TOOLS = ("mmdebstrap", "genimage", "mksquashfs", "mkfs.vfat", "mke2fs", "mcopy", "zstd")


def main(arguments: list[str]) -> int:
    """The status: 0, 1 for what went wrong (one sentence on stderr), 2 for wrong usage."""
    if arguments[:1] == ["--inside"]:  # mmdebstrap calls back with the root, in which /proc, /sys and /dev are mounted
        _customise(Target.load(arguments[1]), Path(arguments[2]), Path(arguments[3]))
        return 0
    parser = argparse.ArgumentParser(prog="image-build", description="Builds the flashable image.")
    parser.add_argument("target", choices=NAMES)
    parser.add_argument("--out", type=Path, default=Path("build/images"), metavar="DIR", help="default build/images")
    parser.add_argument("--keep-parts", action="store_true", help="leave the parts beside the image, for the tests")
    given = parser.parse_args(arguments)
    try:
        _build(Target.load(given.target), given.out.resolve(), keep_parts=given.keep_parts)
    except CannotBuild as error:
        sys.stderr.write(f"image-build: {error}\n")
        return 1
    except subprocess.CalledProcessError as error:
        sys.stderr.write(f"image-build: {Path(str(error.cmd[0])).name} failed; what it says stands above.\n")
        return 1
    return 0


def _build(target: Target, out: Path, *, keep_parts: bool) -> None:
    if os.geteuid() != 0:
        raise CannotBuild("This needs root (it makes devices and changes owners): sudo make image TARGET=…")
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        raise CannotBuild(f"These programs are missing: {', '.join(missing)}. deploy/need.sh image installs them.")
    os.umask(0o022)  # whatever the person's is: files get their rights from it
    lines, archive = debian.sources(), debian.archive(target)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="pi-cam-image-", dir=os.environ.get("PI_CAM_IMAGE_WORK")) as folder:
        work = Path(folder)
        _say("the program, with what it needs", began)
        program.collect(target, work / "program")
        if target.archive and not archive:
            _rehearse(target, work, lines, began, kept=out if keep_parts else None)
        _say("Debian", began)
        callback = [sys.executable, str(Path(__file__).parent), "--inside", target.name]
        with foreign.emulated(target, work, lines):
            debian.install(target, work, [*lines, *archive], callback)
        debian.strip(work / "root")
        debian.set_times(work / "root")
        _say("the disk", began)
        boot.fill(target, work / "root", work / "boot")
        disk.make(target, work)
        out.mkdir(parents=True, exist_ok=True)
        _keep(target, work, out / f"pi-cam-{target.name}-{version()}", began, keep_parts=keep_parts)


def _rehearse(target: Target, work: Path, lines: list[str], began: float, *, kept: Path | None) -> NoReturn:
    """Goes as far as it can be gone without the other archive, so that nothing but that is left to go wrong."""
    _say("Debian, without what is not Debian's", began)
    count = debian.look_up(target, work, lines)
    _say("the boot partition, without the firmware", began)
    (work / "boot").mkdir()
    boot.write_settings(target, work / "boot")
    disk.make_boot(work / "boot", work / "boot.vfat")
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        shutil.move(work / "program", kept / "program")
        shutil.move(work / "boot.vfat", kept / "boot.vfat")
    raise CannotBuild(
        f"The program is whole, and Debian has the {count} packages that are asked of it; what is left needs Raspberry "
        f"Pi's own archive, which has its kernel, its firmware and picamera2: set {target.archive} to its address and "
        f"{target.archive_key} to a file with its key (docs/deploy/image.md)."
    )


def _keep(target: Target, work: Path, stem: Path, began: float, *, keep_parts: bool) -> None:
    """The image and what is known of it, under names that begin with `stem`."""
    packed, image, system = (stem.with_name(stem.name + kind) for kind in (".img.zst", ".img", ".squashfs"))
    _say("the records", began)
    record.write(target, work, stem)
    disk.compress(work / "images/pi-cam.img", packed)
    sizes = record.finish(target, packed, work / "images/pi-cam.img")
    if keep_parts:
        shutil.move(work / "images/root.squashfs", system)
        shutil.move(work / "images/pi-cam.img", image)
    _say(f"{packed}\n{sizes.rstrip()}", began)


def _customise(target: Target, root: Path, collected: Path) -> None:
    debian.finish(target, root)
    program.install(target, root, collected)


def _say(what: str, began: float) -> None:
    sys.stdout.write(f"[{time.monotonic() - began:5.0f} s] {what}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
