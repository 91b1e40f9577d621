"""What is to be forgotten is written over and removed, as far as the file system lets us."""

from __future__ import annotations

import contextlib
import logging
import os
import stat
from pathlib import Path

log = logging.getLogger(__name__)

CHUNK = bytes(1024 * 1024)
OPEN = os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def remove(path: Path) -> bool:
    """A file, or a folder with all that is in it; of a link the link. Whether it is gone: what stays is logged, and keeps
    nothing else from going."""
    if path.is_symlink() or not path.is_dir():
        _erase(path)
        return not os.path.lexists(path)
    folders = []
    _admit(path)
    for place, inner, files in os.walk(path):
        folders.append(Path(place))
        for entry in (Path(place, name) for name in (*inner, *files)):
            if entry.is_dir() and not entry.is_symlink():
                _admit(entry)
            else:
                _erase(entry)
    for folder in reversed(folders):
        try:
            folder.rmdir()
        except OSError as error:
            log.error("a folder stays", extra={"path": str(folder), "trouble": error.strerror})
    return not os.path.lexists(path)


def _admit(folder: Path) -> None:
    """Lets ourselves into one that we closed to ourselves."""
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        with contextlib.suppress(OSError):  # it is not ours
            folder.chmod(0o700)


def _erase(path: Path) -> None:
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            path.unlink()
            return
        try:
            _overwrite(path)
        except OSError as error:  # no reason to keep it
            log.warning("a file is not written over", extra={"path": str(path), "trouble": error.strerror})
        path.unlink()
    except FileNotFoundError:
        return
    except OSError as error:
        log.error("a file stays", extra={"path": str(path), "trouble": error.strerror})


def _overwrite(path: Path) -> None:
    """On a disk that writes in place nothing is left; a card puts the zeros elsewhere (docs/deploy/backup-and-reset.md)."""
    with os.fdopen(_opened(path), "wb", buffering=0) as file:
        left = os.fstat(file.fileno()).st_size
        while left > 0:
            left -= file.write(CHUNK[: min(left, len(CHUNK))])
        os.fsync(file.fileno())


def _opened(path: Path) -> int:
    try:
        return os.open(path, OPEN)
    except PermissionError:
        path.chmod(stat.S_IRUSR | stat.S_IWUSR)  # one that only its owner may change, and that he may not write
        return os.open(path, OPEN)
