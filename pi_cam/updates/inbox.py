"""An update on its way from whoever brings it to root's part: checked before it is handed over."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Callable
from typing import BinaryIO

from pi_cam import durable
from pi_cam.errors import Conflict, StoreError, UpdateRefused
from pi_cam.updates import trusted
from pi_cam.updates.manifest import MAX_BYTES, MAX_PAYLOAD, Machine, Manifest
from pi_cam.updates.package import Package, Readable
from pi_cam.updates.places import HERE, Places, release

LARGEST = MAX_PAYLOAD + MAX_BYTES + 1024
COPY_BYTES = 256 * 1024
ROOM_LEFT_BYTES = 64 * 1024 * 1024
NOT_HERE = "Updates are for a camera that deploy/install.sh set up as a service."
NOTHING_IS_KEPT = "This card has no data partition: an update would be gone with the next start."
UNDER_WAY = "An update is under way."


def check_place(places: Places = HERE) -> None:
    """Raises `Conflict` where nobody would take an update."""
    if places.image.exists() and not places.programs.is_mount():
        raise Conflict(NOTHING_IS_KEPT)
    if not places.kept.is_dir():
        raise Conflict(NOT_HERE)


def check_room(manifest: Manifest, places: Places = HERE) -> None:
    """The package lies there twice for a moment, and unpacked beside it. Raises `StoreError`."""
    needed = 2 * manifest.size + manifest.unpacked + ROOM_LEFT_BYTES
    free = shutil.disk_usage(places.data).free
    if free < needed:
        raise StoreError(f"The update needs {needed >> 20} MB on the disk, and {free >> 20} MB are free.")


def deliver(file: Readable, places: Places = HERE, ready: Callable[[Manifest], None] = lambda _: None) -> Manifest:
    """`ready` is called once the package is here and checked, before it is handed over; it may wait, and say no by raising.
    Raises that, `UpdateRefused`, `Conflict` while another is under way, `StoreError` when the disk says no."""
    check_place(places)
    if under_way(places):
        raise Conflict(UNDER_WAY)
    try:
        places.inbox.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        coming = places.inbox.with_name(".coming")
        with contextlib.ExitStack() as cleanup:
            copy = cleanup.enter_context(os.fdopen(os.open(coming, os.O_WRONLY | os.O_CREAT, 0o600), "wb"))
            _keep_to_ourselves(copy)
            cleanup.callback(coming.unlink, missing_ok=True)
            copy.truncate()
            _copy(file, copy)
            copy.flush()
            with Package.open(coming, trusted.load()) as package:
                package.admit(Machine.here(release()))
                ready(package.manifest)
                durable.rename(coming, places.inbox)
                return package.manifest
    except OSError as error:
        raise StoreError(f"The update cannot be written: {error.strerror or error}.") from error


def under_way(places: Places = HERE) -> bool:
    """Whether root's part has an update, or finds one."""
    return places.inbox.exists() or places.package.exists()


def _keep_to_ourselves(copy: BinaryIO) -> None:
    """One at a time: a download takes a while, and meanwhile somebody may bring a file. Raises `Conflict`."""
    try:
        fcntl.flock(copy, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Conflict(UNDER_WAY) from None


def _copy(file: Readable, copy: BinaryIO) -> None:
    room = LARGEST
    while data := file.read(COPY_BYTES):
        room -= len(data)
        if room < 0:
            raise UpdateRefused("This is not an update of pi-cam.")
        copy.write(data)
