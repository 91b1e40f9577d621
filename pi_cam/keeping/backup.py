"""What of the data folder is in a backup, and how it comes back: all of it or nothing, whenever the supply is cut."""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path

from pi_cam import durable
from pi_cam.errors import SettingError, StoreError
from pi_cam.keeping import occupied
from pi_cam.keeping.rebuilding import rebuild
from pi_cam.keeping.removal import remove
from pi_cam.keeping.sealed import NO_BACKUP
from pi_cam.keeping.trying import try_start
from pi_cam.settings import ROWS
from pi_cam.settings_file import NAME as FILE
from pi_cam.settings_file import SettingsFile
from pi_cam.store import DATABASE, GOOD_COPY, SECRET, Store

FILES = (SECRET, "device.key", "settings.json", "privacy", "setup.json")
FOLDERS = ("tls", "tunnel")
NAMES = re.compile(
    r"(secret\.key|device\.key|settings\.json|setup\.json|privacy|pi-cam\.db"
    r"|tls/(?!\.)[\w.-]{1,100}|tunnel/(credentials\.json|token))",
    re.ASCII,
)
"""Of the tunnel's folder only what this camera reads there; cloudflared's own file is written anew."""

NEEDED = (SECRET, "device.key", DATABASE)
JOURNAL = ("journal.db", "journal.db-wal", "journal.db-shm", "journal.anchor", "journal.forwarded")
"""Not in a backup: who watched stays on the device, and at the portal. Its chain hangs on `secret.key`."""

STAGED, READY = "restoring", "restored"
"""Folders in the data folder: what is being written, and what only has to be put in its place."""


def gathered(store: Store) -> dict[str, bytes]:
    """What goes into a backup, by its name in the folder; may be asked beside a running device. Raises `StoreError`."""
    store.keep_good_copy()
    folder = store.folder
    paths = [folder / name for name in FILES]
    paths += [path for name in FOLDERS for path in sorted((folder / name).glob("*"))]
    try:
        found = {str(path.relative_to(folder)): path.read_bytes() for path in paths if path.is_file()}
        return {name: data for name, data in found.items() if NAMES.fullmatch(name)} | {
            DATABASE: (folder / GOOD_COPY).read_bytes()
        }
    except OSError as error:
        raise StoreError(f"The data folder {folder} cannot be used: {error}") from error


def restore(folder: Path, files: dict[str, bytes]) -> list[str]:
    """Puts them in the place of what is there; the names of the settings left out: whoever made a backup need not be
    who has this machine, and those name programs and files of it. Raises `SettingError` for what is
    no whole backup, `Conflict` while the device runs, `StoreError` when the disk says no; then everything is as it was."""
    files = _whole(files)
    with occupied.alone(folder):
        try:
            finish(folder)
            left_out = _stage(folder / STAGED, files)
            (folder / STAGED).rename(folder / READY)
            durable.sync_folder(folder)
            finish(folder)
        except OSError as error:
            raise StoreError(f"The data folder {folder} cannot be used: {error}") from error
    return left_out


def lay_ready(folder: Path, files: dict[str, bytes]) -> list[str]:
    """Beside a running device: its next start (`settling.settle`) puts them in the place of what is there. Answers as
    `restore`, and raises `SettingError`, `StoreError` as that does."""
    files = _whole(files)
    try:
        for name in (STAGED, READY):  # of one that was laid ready before, or cut off
            remove(folder / name)
        left_out = _stage(folder / STAGED, files)
        (folder / STAGED).rename(folder / READY)
        durable.sync_folder(folder)
    except OSError as error:
        raise StoreError(f"The data folder {folder} cannot be used: {error}") from error
    return left_out


def _whole(files: dict[str, bytes]) -> dict[str, bytes]:
    files = {name: data for name, data in files.items() if NAMES.fullmatch(name) or not name.startswith("tunnel/")}
    if not set(NEEDED) <= files.keys() or not all(map(NAMES.fullmatch, files)) or len(files[SECRET]) != 32:
        raise SettingError(NO_BACKUP)
    return files


def finish(folder: Path) -> bool:
    """Does what a restore that was cut off left to do; whether there was any. To be called with nothing else in the folder.
    Raises `OSError`."""
    remove(folder / STAGED)
    ready = folder / READY
    found = {str(path.relative_to(ready)): path for path in sorted(ready.rglob("*")) if path.is_file()}
    new = {name: path for name, path in found.items() if NAMES.fullmatch(name)}
    if not set(NEEDED) <= new.keys():  # nothing of ours: it would stop each start
        remove(ready)
        return False
    _set_journal_aside(folder, new[SECRET].read_bytes())
    for gone in (f"{DATABASE}-wal", f"{DATABASE}-shm", GOOD_COPY, "settings.previous.json", "settings.json"):
        (folder / gone).unlink(missing_ok=True)
    for name, path in new.items():
        (folder / name).parent.mkdir(mode=0o700, exist_ok=True)
        durable.replace(folder / name, path.read_bytes())
    durable.sync_folder(folder)
    ready.rename(folder / STAGED)  # at once: half of it, left over, would be taken for a whole one
    durable.sync_folder(folder)
    remove(folder / STAGED)
    return True


def _set_journal_aside(folder: Path, secret: bytes) -> None:
    """That of another device, or of one that was reset meanwhile: with another secret its chain could not go on."""
    own = folder / SECRET
    if own.exists() and own.read_bytes() == secret:
        return
    for name in JOURNAL:
        path = folder / name
        if path.exists():
            path.rename(folder / f"before-restore-{int(time.time())}-{name}")


def _stage(staged: Path, files: dict[str, bytes]) -> list[str]:
    """Written and looked at, before anything is changed; what is left out. Raises `OSError`, `SettingError`."""
    staged.mkdir(mode=0o700)
    for name, data in files.items():
        (staged / name).parent.mkdir(mode=0o700, exist_ok=True)
        durable.replace(staged / name, data)
    try:
        left_out = _without_operators(staged)
        rebuild(staged / DATABASE)
        try_start(staged)
    except (SettingError, OSError):
        shutil.rmtree(staged, ignore_errors=True)
        raise
    return left_out


def _without_operators(staged: Path) -> list[str]:
    """Takes the settings that only the operator makes out of the file; one that cannot be read (by this version) goes whole:
    a later one might read them."""
    path = staged / FILE
    if not path.exists():
        return []
    content = SettingsFile(staged).read()
    if content.problems:
        path.unlink()
        return [FILE]
    left_out = sorted(name for name in content.values if name in ROWS and ROWS[name].operator)
    if left_out:
        kept = {name: value for name, value in content.values.items() if name not in left_out}
        path.unlink()  # else the hostile ones would be kept as the previous ones
        SettingsFile(staged).write({}, kept)
    return left_out
