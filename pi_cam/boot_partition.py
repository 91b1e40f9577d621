"""The boot partition of an image: a person's computer reads and writes it, the camera does for moments only."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path("/boot/firmware")


@contextlib.contextmanager
def writable(folder: Path = FOLDER) -> Iterator[None]:
    """While it is: one program at a time, since the first to end would end it for the other. What was written is on the card
    afterwards. For root alone. Raises `OSError`."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        _remount(folder, "rw")
        try:
            yield
        finally:
            _remount(folder, "ro")
    finally:
        os.close(descriptor)


def is_there(folder: Path = FOLDER) -> bool:
    """Whether it is mounted."""
    return folder.is_mount()


def _remount(folder: Path, how: str) -> None:
    command = ["/usr/bin/mount", "--options-source=disable", "-o", f"remount,{how}", str(folder)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise OSError(errno.EROFS, done.stderr.strip() or f"It cannot be mounted {how}", str(folder))
