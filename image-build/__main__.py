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

import boot
import debian
import disk
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
    sources = debian.sources(target)
    began = time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    name = f"pi-cam-{target.name}-{version()}"
    with tempfile.TemporaryDirectory(prefix="pi-cam-image-", dir=os.environ.get("PI_CAM_IMAGE_WORK")) as folder:
        work = Path(folder)
        _say("the program, with what it needs", began)
        program.collect(target, work / "program")
        _say("Debian", began)
        debian.install(target, work, sources, [sys.executable, str(Path(__file__).parent), "--inside", target.name])
        debian.strip(work / "root")
        debian.set_times(work / "root")
        _say("the disk", began)
        boot.fill(target, work / "root", work / "boot")
        disk.make(target, work)
        _say("the records", began)
        record.write(target, work, out / name)
        disk.compress(work / "images/pi-cam.img", out / f"{name}.img.zst")
        record.finish(target, out / f"{name}.img.zst", work / "images/pi-cam.img")
        if keep_parts:
            shutil.move(work / "images/root.squashfs", out / f"{name}.squashfs")
            shutil.move(work / "images/pi-cam.img", out / f"{name}.img")
    _say(f"{out / name}.img.zst", began)


def _customise(target: Target, root: Path, collected: Path) -> None:
    debian.finish(target, root)
    program.install(target, root, collected)


def _say(what: str, began: float) -> None:
    sys.stdout.write(f"[{time.monotonic() - began:5.0f} s] {what}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
