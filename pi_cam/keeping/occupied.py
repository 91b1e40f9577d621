"""Who has the data folder: a device that runs, or a command that replaces what is in it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pi_cam import durable
from pi_cam.errors import Conflict, StoreError

NAME = "occupied"
RUNS = "The camera runs with this folder: stop it first (sudo systemctl stop pi-cam)."
REPLACED = "What the camera remembers is just being replaced. Try again in a moment."


@contextmanager
def by_device(folder: Path) -> Iterator[None]:
    """While a device runs, and whatever processes it starts live. Raises `Conflict`, `StoreError`."""
    with _lock(folder, fcntl.LOCK_SH, REPLACED):
        yield


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Nothing runs with the folder until the end of the block. Raises `Conflict`, `StoreError`."""
    with _lock(folder, fcntl.LOCK_EX, RUNS):
        yield


@contextmanager
def _lock(folder: Path, kind: int, taken: str) -> Iterator[None]:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        durable.make_way(folder / NAME)
        descriptor = os.open(folder / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(f"The data folder {folder} cannot be used: {error.strerror}.") from error
    try:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(taken) from None
        yield
    finally:
        os.close(descriptor)
