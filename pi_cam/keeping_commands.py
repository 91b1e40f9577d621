"""The commands that keep what a camera remembers, bring it back, or have it forgotten."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from pathlib import Path

from pi_cam import journal_commands
from pi_cam.errors import NotFound, SettingError, StoreError
from pi_cam.keeping import backup, sealed
from pi_cam.keeping.reset import reset
from pi_cam.keeping.settling import settle
from pi_cam.store import Store

STANDARD = "-"
WORD = "reset"


def make_backup(arguments: argparse.Namespace) -> int:
    """Into a file that is not there yet, or to standard output; beside a running device."""
    store = Store(arguments.data)
    settle(arguments.data)
    store.open(create=False)
    data = sealed.seal(backup.gathered(store), _new_passphrase())
    if arguments.file == STANDARD:
        sys.stdout.buffer.write(data)
    else:
        _write_new(Path(arguments.file), data)
    journal_commands.note(arguments.data, "backup-made")
    return 0


def restore_backup(arguments: argparse.Namespace) -> int:
    """From a file, or from standard input after the line with the passphrase; while no device runs."""
    passphrase = _passphrase()
    try:
        if arguments.file == STANDARD:
            data = sys.stdin.buffer.read(sealed.LARGEST + 1)
        else:
            with Path(arguments.file).open("rb") as file:
                data = file.read(sealed.LARGEST + 1)
    except OSError as error:
        raise NotFound(f"{arguments.file} cannot be read: {error.strerror}.") from error
    files = sealed.opened(data, passphrase)
    left_out = backup.restore(arguments.data, files)
    if left_out:
        sys.stderr.write(f"Left out, for whoever has this machine to set: {', '.join(left_out)}.\n")
    journal_commands.note(arguments.data, "backup-restored")
    return 0


def reset_camera(arguments: argparse.Namespace) -> int:
    """After the word that says so; while no device runs."""
    if not arguments.data.is_dir():
        raise StoreError(f"There is no camera's data in {arguments.data}.")
    if not arguments.yes and _asked(f"All that this camera remembers will be gone. Type {WORD} to go on: ") != WORD:
        raise SettingError("Nothing was reset.")
    left = reset(arguments.data, free_space=arguments.free_space)
    if left:
        raise StoreError(f"All else is gone, but this is not ours to remove: {', '.join(left)} in {arguments.data}.")
    return 0


def _new_passphrase() -> str:
    """At a terminal asked twice: a slip, of which nobody sees anything, would close the backup for good."""
    passphrase = _passphrase()
    if sys.stdin.isatty() and _passphrase("The same once more: ") != passphrase:
        raise SettingError("The two passphrases are not the same: nothing was written.")
    return passphrase


def _passphrase(what: str = "Passphrase of the backup: ") -> str:
    """At a terminal it is not shown."""
    return getpass.getpass(what) if sys.stdin.isatty() else _asked(what)


def _asked(what: str) -> str:
    """One line of standard input, as UTF-8 whatever this terminal's encoding."""
    if sys.stdin.isatty():
        sys.stderr.write(what)
        sys.stderr.flush()
    try:
        return sys.stdin.buffer.readline().decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise SettingError("This is not UTF-8 text.") from None


def _write_new(path: Path, data: bytes) -> None:
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        raise SettingError(f"{path} is there already: choose another name.") from None
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}.") from error
