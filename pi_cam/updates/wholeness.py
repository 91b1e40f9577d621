"""Whether a version that an update brought is still as it was put onto the card. Sizes take a moment, and tell what a lost
supply leaves behind; contents tell what a worn card makes of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from pi_cam import durable

LIST = "files.sha256"
READ_BYTES = 256 * 1024


def note(folder: Path) -> None:
    """Writes down what is in it: a line `sha256 size path` for each file, the target of each link for its contents. Raises
    `OSError`."""
    lines = [f"{_digest(path)} {_size(path)} {path.relative_to(folder)}\n" for path in _entries(folder)]
    durable.replace(folder / LIST, "".join(lines).encode())


def fault(folder: Path, *, contents: bool) -> str | None:
    """The first file that is not as it was, or None. `contents`: all of it is read, not only looked for."""
    try:
        lines = (folder / LIST).read_text("utf-8").splitlines()
    except (OSError, ValueError):
        return LIST
    for line in lines:
        digest, size, name = [*line.split(" ", 2), "", ""][:3]
        path = folder / name
        try:
            if str(_size(path)) != size or (contents and _digest(path) != digest):
                return name
        except OSError:
            return name
    return None if lines else LIST


def _entries(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or path.is_file():
            yield path


def _size(path: Path) -> int:
    return path.lstat().st_size


def _digest(path: Path) -> str:
    found = hashlib.sha256()
    if path.is_symlink():
        found.update(str(path.readlink()).encode())
        return found.hexdigest()
    with path.open("rb") as file:
        while data := file.read(READ_BYTES):
            found.update(data)
    return found.hexdigest()
