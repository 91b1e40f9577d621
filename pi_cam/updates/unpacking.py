"""A payload's files: only what a program consists of, and nothing outside the folder that they go to."""

from __future__ import annotations

import contextlib
import lzma
import os
import shutil
import tarfile
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from pi_cam import durable
from pi_cam.errors import UpdateRefused

MAX_ENTRIES = 30_000
COPY_BYTES = 256 * 1024
LEADS_OUT = "This update holds a link that leads out of its folder."
DAMAGED = "This update's files cannot be unpacked: they are damaged."


def unpack(file: BinaryIO, folder: Path, limit: int) -> None:
    """`limit`: bytes of all files together. Raises `UpdateRefused`; the folder is then gone, and so when it was there before
    this raises without touching it."""
    try:
        folder.mkdir(mode=0o755)
    except OSError as error:
        raise UpdateRefused(f"The update cannot be put into {folder}: {error.strerror}.") from error
    try:
        _unpack(file, folder, limit)
    except (tarfile.TarError, lzma.LZMAError, EOFError, ValueError, RecursionError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, UpdateRefused):
            raise
        raise UpdateRefused(DAMAGED) from None
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise UpdateRefused(f"The update cannot be unpacked: {error.strerror or DAMAGED}.") from error
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _unpack(file: BinaryIO, folder: Path, limit: int) -> None:
    """Links come last, when nothing can be written through them any more."""
    links: list[tuple[Path, str]] = []
    with lzma.open(file) as plain, tarfile.open(fileobj=plain, mode="r|") as archive:
        for count, member in enumerate(archive, 1):
            limit -= member.size if member.isreg() else 0
            if count > MAX_ENTRIES or limit < 0:
                raise UpdateRefused("This update is larger than it says.")
            path = folder.joinpath(*_parts(member.name))
            if member.isdir():
                path.mkdir(mode=0o755, exist_ok=True)
            elif member.issym():
                links.append((path, inner_target(path.relative_to(folder), member.linkname)))
            elif member.isreg():
                _write(archive, member, path)
            else:
                raise UpdateRefused("This update holds something that is neither a file, a folder nor a link.")
    for path, target in links:
        # One in a folder that is a link itself would be made elsewhere, where its target is counted from.
        if any(parent.is_symlink() for parent in path.parents if parent.is_relative_to(folder)):
            raise UpdateRefused(LEADS_OUT)
        path.symlink_to(target)
    _to_disk(folder)


def _parts(name: str) -> tuple[str, ...]:
    parts = PurePosixPath(name).parts
    if not parts or "\0" in name or name.startswith("/") or ".." in parts:
        raise UpdateRefused("This update holds a file that would lie outside its folder.")
    return parts


def inner_target(link: Path, target: str) -> str:
    """A link's target, if it stays inside; else raises `UpdateRefused`. Only `../` at the beginning, and no more than
    the link is deep: the folders above a link are real ones, so that it stays inside whatever other links there are."""
    parts = PurePosixPath(target).parts
    up = next((index for index, part in enumerate(parts) if part != ".."), len(parts))
    if not parts or target.startswith("/") or "\0" in target or up > len(link.parts) - 1 or ".." in parts[up:]:
        raise UpdateRefused(LEADS_OUT)
    return target


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    source = archive.extractfile(member)
    if source is None:
        raise UpdateRefused(DAMAGED)
    mode = 0o755 if member.mode & 0o100 else 0o644
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)
        shutil.copyfileobj(source, file, COPY_BYTES)
        if file.tell() != member.size:
            raise UpdateRefused(DAMAGED)


def _to_disk(folder: Path) -> None:
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place, name)
            if not path.is_symlink():
                durable.sync_file(path)
        durable.sync_folder(Path(place))
    with contextlib.suppress(OSError):
        durable.sync_folder(folder.parent)
