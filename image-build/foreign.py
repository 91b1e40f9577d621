"""Programs of another processor, run while an image is built: by the qemu-user of the Debian that is in the image.

It is fetched for each build, and the kernel is told of it (binfmt_misc) for as long as the build takes: nothing has to be
installed, and nothing is left. That of Debian 12 would take twice as long.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import debian
from target import CannotBuild, Target, call

EMULATORS = {"arm64": "qemu-aarch64"}
MACHINES = {"arm64": rb"\xb7\x00"}
"""EM_AARCH64."""

CLONE_NEWNS = 0x00020000
"""A mount namespace of one's own (unshare(2))."""

EXECUTABLE = rb"\x7fELF\x02\x01\x01\x00" + rb"\x00" * 8 + rb"\x02\x00"
"""What a program for a little-endian machine of 64 bits begins with (elf(5)), as the kernel wants it written."""
WHAT_COUNTS = rb"\xff" * 7 + rb"\x00" + rb"\xff" * 8 + rb"\xfe\xff" + rb"\xff\xff"
"""The bits of it that are compared: any system, and a place that may or may not be fixed."""


def is_foreign(target: Target) -> bool:
    """Whether this machine cannot run the target's programs by itself."""
    return _own_architecture() != target.architecture


@contextlib.contextmanager
def emulated(target: Target, work: Path, lines: list[str]) -> Iterator[None]:
    """Within the block the target's programs run on this machine. `lines`: of apt, where Debian is."""
    if not is_foreign(target):
        yield
        return
    if target.architecture not in EMULATORS:
        raise CannotBuild(f"{target.name} can only be built on a machine of its own kind ({target.architecture}).")
    emulator = _fetched(EMULATORS[target.architecture], work, lines)
    name = f"pi-cam-{os.getpid()}"
    # P: a program keeps its name. F: the kernel opens the emulator now, and so has it in any root.
    row = [b"", name.encode(), b"M", b"", EXECUTABLE + MACHINES[target.architecture], WHAT_COUNTS]
    with _registry(work / "binfmt_misc") as registry:
        (registry / "register").write_bytes(b":".join([*row, os.fsencode(emulator), b"PF"]))
        try:
            yield
        finally:
            (registry / name).write_bytes(b"-1")


def _own_architecture() -> str:
    asked = subprocess.run(["dpkg", "--print-architecture"], check=True, capture_output=True, text=True)
    return asked.stdout.strip()


def _fetched(program: str, work: Path, lines: list[str]) -> Path:
    """It is linked statically, and runs wherever it is."""
    unpacked, emulator = work / "qemu-user", work / program
    debian.bootstrap(
        unpacked, lines, "--variant=extract", f"--architectures={_own_architecture()}", "--include=qemu-user"
    )
    shutil.move(unpacked / "usr/bin" / program, emulator)
    shutil.rmtree(unpacked)
    return emulator


@contextlib.contextmanager
def _registry(folder: Path) -> Iterator[Path]:
    """What the kernel is told there it may forget with the last mount of it: so it stays mounted, for this process alone."""
    folder.mkdir()
    ctypes.CDLL(None).unshare(CLONE_NEWNS)
    call("mount", "--make-rprivate", "/")
    try:
        call("mount", "-t", "binfmt_misc", "binfmt_misc", folder)
    except subprocess.CalledProcessError as error:
        raise CannotBuild(
            "This machine's kernel cannot be told of programs for another processor (binfmt_misc)."
        ) from error
    try:
        yield folder
    finally:
        call("umount", folder)
