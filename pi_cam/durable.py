"""Files that are whole at any moment: after a power cut the next start finds the old one or the new one, never half."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import tempfile
from pathlib import Path

IN_THE_WAY = "in-the-way-"
"""How the name of what stood in a file's place begins."""


def replace(path: Path, data: bytes, owner: tuple[int, int] | None = None) -> None:
    """Puts a file of mode 0600 in the place of `path`. `owner`: a user's and a group's number, whose it becomes; only root
    may give files away. One writer at a time. Raises `OSError`; then the old one stands.

    Root writes into the camera user's folder by it: what that user put in the way is not written through."""
    temporary = path.with_name(f".{path.name}.new")
    try:
        _clear(temporary)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as file:
            if owner is not None:
                os.fchown(file.fileno(), *owner)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        sync_folder(path.parent)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def make_way(path: Path) -> None:
    """What is no file and has this name gets another one: whoever may write into the folder may have made a folder of it,
    whose place no file takes, and which may be closed to us. Raises `OSError`."""
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISREG(path.lstat().st_mode):
            path.rename(path.with_name(f"{IN_THE_WAY}{secrets.token_hex(4)}"))


def _clear(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:  # a folder
        make_way(path)


def make_once(path: Path, data: bytes) -> None:
    """Makes a file of mode 0600 unless it is there: of two processes one wins, and both find it whole. Raises `OSError`."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(file.name, path)
    sync_folder(path.parent)


def rename(old: Path, new: Path) -> None:
    """Gives a file that is written already its place: its bytes first, then its name, are on the disk."""
    sync_file(old)
    os.replace(old, new)
    sync_folder(new.parent)


def sync_file(path: Path) -> None:
    """Waits until what was written to it is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Waits until the names in it are on the disk."""
    sync_file(folder)
