"""Files that nobody else may read, and that are never half there, whenever the power goes."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

PRIVATE = 0o600


def replace(path: Path, data: bytes, mode: int = PRIVATE) -> None:
    """Puts `data` in the place of what was there. A reader sees the old or the new, never a mixture. Raises `OSError`."""
    with _written(path, data, mode) as name:
        Path(name).replace(path)
    _keep_folder(path.parent)


def make_once(path: Path, data: bytes) -> None:
    """Makes the file unless it is there: of two processes one wins. Raises `OSError`."""
    with _written(path, data, PRIVATE) as name, contextlib.suppress(FileExistsError):
        os.link(name, path)
    _keep_folder(path.parent)


@contextlib.contextmanager
def _written(path: Path, data: bytes, mode: int) -> Iterator[str]:
    """A file beside `path`, of another name, that holds `data` on the disk already."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # of mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        yield name
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)


def _keep_folder(folder: Path) -> None:
    """The new name, too, survives a cut of the power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
