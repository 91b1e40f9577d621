"""The data folder, and the settings and the database in it. Looking changes nothing."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import tempfile
from pathlib import Path

from pi_cam import database as files
from pi_cam.control.causes import cause_of
from pi_cam.control.findings import Finding, Place
from pi_cam.errors import SettingError
from pi_cam.journal.anchor import NAME as ANCHOR
from pi_cam.journal.ledger import NAME as JOURNAL
from pi_cam.migrations import MIGRATIONS
from pi_cam.settings import Settings
from pi_cam.store import DATABASE, GOOD_COPY, SECRET, Store
from pi_cam.trust.device_key import FILE as DEVICE_KEY

MIN_FREE_BYTES = 200 << 20
MADE_LATER = (SECRET, DEVICE_KEY, JOURNAL, ANCHOR)
"""Where one of these is, there was a database once."""

FREE_SOME = "Delete what is not needed on this disk."


FOUND = "run/image/data-found"
"""On an image: what the initramfs found where the data partition should be, in a word."""

PARTITION = {
    "mended": Finding(
        "data",
        "optional",
        "At this start the card's data partition was damaged, and was mended.",
        "Make a backup, and use another card soon.",
    ),
    "anew": Finding(
        "data",
        "optional",
        "At this start the card's data partition was empty: it was made anew.",
        "Restore a backup. If nobody erased it, use another card.",
    ),
    "unreadable": Finding(
        "data",
        "missing",
        "The card's data partition cannot be read: all is forgotten at the next start.",
        "Use another card, and restore a backup.",
    ),
    "none": Finding(
        "data",
        "missing",
        "This card has no data partition that can be used: all is forgotten at the next start.",
        "Write the image onto the card again, or use another one.",
    ),
}


def data(place: Place) -> list[Finding]:
    """The folder can be written, or made; and its partition is as it was, on a card."""
    return [*_folder(place.folder), *_partition(place.root)]


def _partition(root: Path) -> list[Finding]:
    try:
        word = (root / FOUND).read_text("ascii").strip()
    except (OSError, ValueError):
        return []
    return [PARTITION[word]] if word in PARTITION else []


def _folder(folder: Path) -> list[Finding]:
    try:
        _write_beside(folder)
    except OSError as error:
        remedy = FREE_SOME if error.errno == errno.ENOSPC else _way_in(folder)
        return [Finding("data", "missing", f"The folder {folder} cannot be written: {cause_of(error)}.", remedy)]
    text = f"The folder {folder} can be written." if folder.exists() else f"The folder {folder} can be made."
    return [Finding("data", "ok", text)]


def is_closed(folder: Path) -> bool:
    """Whether it, or a folder above it, keeps us from looking into it."""
    try:
        with os.scandir(folder):
            return False
    except PermissionError:
        return True
    except OSError:
        return False


def _way_in(folder: Path) -> str:
    if is_closed(folder):
        return "Look as the user to whom the folder belongs, or as root: put sudo in front."
    return "Name another folder with --data, or make this one writable for whoever runs pi-cam."


def _write_beside(folder: Path) -> None:
    """One byte, into a file without a name: a full disk takes the file, but not the byte. Raises `OSError`."""
    if folder.is_symlink() and not folder.exists():
        raise FileNotFoundError("it is a link that leads nowhere")
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError("it is a file")
    with tempfile.TemporaryFile(dir=_nearest(folder)) as file:
        file.write(b".")
        file.flush()
        os.fsync(file.fileno())


def disk(place: Place) -> list[Finding]:
    """Room for what is kept."""
    free = shutil.disk_usage(_nearest(place.folder)).free
    text = f"{free >> 20} MB are free on the disk."
    if free < MIN_FREE_BYTES:
        return [Finding("disk", "missing", text, FREE_SOME)]
    return [Finding("disk", "ok", text)]


def _nearest(folder: Path) -> Path:
    """The folder itself, or the first above it that exists."""
    absolute = folder.absolute()
    return next(path for path in (absolute, *absolute.parents) if path.exists())


def database(place: Place) -> list[Finding]:
    """People, sessions, cameras: whole, and of a version that is known here."""
    path, good = place.folder / DATABASE, place.folder / GOOD_COPY
    if not path.exists():
        return [_absent(place.folder, good)]
    try:
        with files.reading(path) as opened:
            files.check(opened)
            version: int = opened.execute("PRAGMA user_version").fetchone()[0]
    except files.Damaged as damage:
        return [_damaged(str(damage), good)]
    except sqlite3.Error as error:
        if files.is_damage(error):
            return [_damaged(cause_of(error), good)]
        remedy = "Look whether the disk is full, and whether the folder belongs to whoever runs pi-cam."
        return [Finding("database", "missing", f"The database in {place.folder} cannot be used: {error}", remedy)]
    return [_of_version(version) or _earlier(place.folder) or Finding("database", "ok", "The database is whole.")]


def _absent(folder: Path, good: Path) -> Finding:
    if good.exists():
        return _damaged("it is gone", good)
    if any((folder / name).exists() for name in MADE_LATER):
        text = "The database is gone, and its good copy, too: people, their rights and cameras."
        remedy = "Restore pi-cam.db from a backup before pi-cam starts again: else it begins without an owner."
        return Finding("database", "missing", text, remedy)
    return Finding("database", "ok", "There is no database yet: the first start makes it.")


def _damaged(why: str, good: Path) -> Finding:
    remedy = (
        "Start pi-cam again: it uses the last good copy, in which nobody is signed in."
        if good.exists()
        else "Restore a backup, or move the database away to begin anew."
    )
    return Finding("database", "missing", f"The database is damaged: {why}.", remedy)


def _of_version(version: int) -> Finding | None:
    if version <= len(MIGRATIONS):
        return None
    text = "The data folder was written by a newer version of pi-cam."
    return Finding("database", "missing", text, "Install that version again.")


def _earlier(folder: Path) -> Finding | None:
    problem = Store(folder).problem()
    if problem is None:
        return None
    remedy = "Look whether people and cameras are as they should be, then delete the damaged file."
    return Finding("database", "optional", problem, remedy)


def settings(place: Place) -> list[Finding]:
    """Those of the file, and of the environment."""
    remedy = "Set it anew on the settings page, or mend settings.json while pi-cam does not run."
    try:
        problems = Settings.load(place.folder, place.environment).problems()
    except SettingError as error:
        return [Finding("settings", "missing", str(error), "Mend or remove that variable where pi-cam is started.")]
    if problems:
        return [Finding("settings", "optional", problem, remedy) for problem in problems]
    return [Finding("settings", "ok", "Every setting makes sense.")]
