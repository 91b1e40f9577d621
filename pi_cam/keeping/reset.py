"""A camera as it was when it was new: everything that it remembers goes, keys first."""

from __future__ import annotations

import contextlib
import errno
import io
import logging
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from pi_cam import durable
from pi_cam.errors import StoreError
from pi_cam.keeping import occupied
from pi_cam.keeping.removal import CHUNK, remove
from pi_cam.store import RESERVE

log = logging.getLogger(__name__)

MARK = "resetting"
"""While this file is there, a reset was begun and has to be ended."""

MACHINE = "forget-machine"
"""On an image: while this file is there, root's part has the machine's own choices to forget (pi-cam-forget.service)."""

LEFT = "not-removed-"
"""How the name of what could not be removed begins."""

KEYS_FIRST = ("secret.key", "device.key", "tls", "tunnel")
ROUNDS = 4
FULL = (errno.ENOSPC, errno.EDQUOT)


def reset(folder: Path, *, free_space: bool = False, machine: bool = False) -> list[str]:
    """As `finish`, of a reset that begins now. `free_space`: writes over what earlier versions of files left on this file
    system, too, which takes as long as filling it. `machine`: leaves word for root's part, in the end. Raises `Conflict`
    while the device runs, `StoreError`."""
    words = [word for word, wanted in (("all", free_space), ("machine", machine)) if wanted]
    with occupied.alone(folder):
        try:
            durable.make_way(folder / MARK)
            put(folder / MARK, f"{' '.join(words)}\n".encode())
            return finish(folder) or []
        except OSError as error:
            raise StoreError(f"The camera could not be reset: {error.strerror}. Do it again.") from error


def put(path: Path, data: bytes) -> None:
    """As `durable.replace`, in the data folder, on a full disk too: there the reserve, which a reset forgets, gives way."""
    try:
        durable.replace(path, data)
    except OSError as error:
        reserve = path.with_name(RESERVE)
        if error.errno not in FULL or not reserve.exists():
            raise
        reserve.unlink()
        log.error("the disk is full: the reserve is given back")
        durable.replace(path, data)


def finish(folder: Path) -> list[str] | None:
    """Overwrites and removes every file of the data folder; None where no reset was begun, else the names of what could not
    be removed (it is somebody else's, or the disk says no) and lies now under names that the camera does not use. The reset
    is over all the same: one that goes on at every start would never let the camera start, or take a new owner's things. To
    be called with nothing else in the folder. Raises `OSError` when the disk takes nothing."""
    mark = folder / MARK
    if not os.path.lexists(mark):
        return None
    words = _words(mark)
    first = [folder / name for name in KEYS_FIRST]
    inside = [*first, *sorted(path for path in folder.iterdir() if path not in first)]
    left = [_set_aside(path) for path in inside if path.name not in (MARK, occupied.NAME) and not remove(path)]
    try:
        if b"all" in words:
            _fill(folder / "emptied")
    finally:
        durable.sync_folder(folder)
        if b"machine" in words:  # only now: what is left of it cannot be half of the rest
            durable.replace(folder / MACHINE, b"")
        _end(mark)
        durable.sync_folder(folder)
    return left


def _end(mark: Path) -> None:
    """Whatever it is: one that stayed would have each start forget everything. A file keeps its words until it is gone."""
    try:
        mark.unlink()
    except OSError:
        if not remove(mark):
            _set_aside(mark)


def _set_aside(path: Path) -> str:
    """Else a folder that stays, of certificates or of the tunnel, would be the next owner's, too."""
    if path.name.startswith(LEFT):
        return path.name
    aside = path.with_name(f"{LEFT}{secrets.token_hex(4)}-{path.name}"[:255])
    try:
        path.rename(aside)
    except OSError as error:
        log.error("what stays keeps its name", extra={"path": str(path), "trouble": error.strerror})
        return path.name
    return aside.name


def _words(mark: Path) -> list[bytes]:
    if not mark.is_file():  # a pipe would be waited for
        return []
    try:
        return mark.read_bytes().split()
    except OSError as error:  # it is root's, who began, and only root fills a disk to its end
        log.warning("how all was to be forgotten cannot be read", extra={"trouble": error.strerror})
        return []


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
        if error.errno not in FULL:
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
    try:
        yield
    finally:
        if before is not None:
            with contextlib.suppress(OSError):
                kept.write_text(before, "ascii")
