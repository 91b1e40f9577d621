"""A camera as it was when it was new: everything that it remembers goes, keys first."""

from __future__ import annotations

import contextlib
import errno
import io
import os
from collections.abc import Iterator
from pathlib import Path

from pi_cam import durable
from pi_cam.errors import StoreError
from pi_cam.keeping import occupied

MARK = "resetting"
"""While this file is there, a reset was begun and has to be ended."""

MACHINE = "forget-machine"
"""On an image: while this file is there, root's part has the machine's own choices to forget (pi-cam-forget.service)."""

KEYS_FIRST = ("secret.key", "device.key", "tls", "tunnel")
CHUNK = bytes(1024 * 1024)
ROUNDS = 4


def reset(folder: Path, *, free_space: bool = False, machine: bool = False) -> None:
    """Overwrites and removes every file of the data folder. `free_space`: writes over what earlier versions of files left on
    this file system, too, which takes as long as filling it. `machine`: leaves word for root's part, in the end. Raises
    `Conflict` while the device runs, `StoreError`."""
    words = [word for word, wanted in (("all", free_space), ("machine", machine)) if wanted]
    with occupied.alone(folder):
        try:
            durable.replace(folder / MARK, f"{' '.join(words)}\n".encode())
            finish(folder)
        except OSError as error:
            raise StoreError(f"The camera could not be reset: {error.strerror}. Do it again.") from error


def finish(folder: Path) -> bool:
    """Ends a reset that was begun; whether there was one. To be called with nothing else in the folder. Raises `OSError`."""
    mark = folder / MARK
    try:
        words = mark.read_bytes().split()
    except FileNotFoundError:
        return False
    first = [folder / name for name in KEYS_FIRST]
    for path in [*first, *sorted(folder.iterdir())]:
        if path.name not in (MARK, occupied.NAME):
            _remove(path)
    if b"all" in words:
        _fill(folder / "emptied")
    durable.sync_folder(folder)
    if b"machine" in words:  # only now: what is left of it cannot be half of the rest
        durable.replace(folder / MACHINE, b"")
    mark.unlink()
    durable.sync_folder(folder)
    return True


def _remove(path: Path) -> None:
    for file in _files(path):
        if not file.is_symlink():
            _overwrite(file)
        file.unlink()
    if path.is_dir() and not path.is_symlink():
        for inner in sorted(path.rglob("*"), reverse=True):
            inner.rmdir()
        path.rmdir()


def _files(path: Path) -> Iterator[Path]:
    if path.is_symlink() or path.is_file():
        yield path
    elif path.is_dir():
        yield from [inner for inner in path.rglob("*") if inner.is_symlink() or not inner.is_dir()]


def _overwrite(path: Path) -> None:
    """On a disk that writes in place nothing is left; a card puts the zeros elsewhere (docs/deploy/backup-and-reset.md)."""
    if not path.is_file():  # a socket, a pipe
        return
    with path.open("r+b") as file:
        left = path.stat().st_size
        while left > 0:
            left -= file.write(CHUNK[: min(left, len(CHUNK))])
        file.flush()
        os.fsync(file.fileno())


def _fill(path: Path) -> None:
    """Until there is no room, and gives it back. What is written takes more room until it is on the disk: when all seems
    full, it is brought there, and the rest filled in smaller pieces."""
    with _last_blocks(path.parent):
        try:
            with path.open("wb", buffering=0) as file:
                for piece in (CHUNK, *(CHUNK[:4096],) * ROUNDS):
                    _write_until_full(file, piece)
                    os.fsync(file.fileno())
        finally:
            path.unlink(missing_ok=True)


def _write_until_full(file: io.FileIO, piece: bytes) -> None:
    try:
        while file.write(piece):
            pass
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise


@contextlib.contextmanager
def _last_blocks(folder: Path) -> Iterator[None]:
    """ext4 keeps up to 4,096 blocks that no file gets (/sys/fs/ext4/<disk>/reserved_clusters): meanwhile files get them,
    where we are root. Without that right what is in them stays."""
    device = folder.stat().st_dev
    number = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}")
    kept = Path("/sys/fs/ext4") / number.resolve().name / "reserved_clusters"
    before = None
    with contextlib.suppress(OSError):
        before = kept.read_text("ascii")
        kept.write_text("0", "ascii")
    yield
    if before is not None:
        with contextlib.suppress(OSError):
            kept.write_text(before, "ascii")
