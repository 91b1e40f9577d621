"""`pi-cam update …`: a new version of the program, and how the last one went."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import pi_cam
from pi_cam import journal_commands
from pi_cam.errors import NotFound, StoreError, UpdateRefused
from pi_cam.updates import inbox
from pi_cam.updates.outcome import Outcome
from pi_cam.updates.places import HERE, release

STANDARD = "-"
INSTALL_SECONDS = 1800.0
SENTENCES = {
    "installed": "Version {version} (release {release}) was installed on {day}, and works.",
    "refused": "An update was refused on {day}: {reason}",
    "rolled-back": "Version {version} (release {release}) was tried on {day} and taken back: {reason} "
    "The version before it runs.",
}


def install(arguments: argparse.Namespace) -> int:
    """Hands a package over, and waits for how it goes. Raises `UpdateRefused`, `Conflict`, `StoreError`."""
    before = Outcome.read(HERE.outcome)
    try:
        if arguments.file == STANDARD:
            manifest = inbox.deliver(sys.stdin.buffer)
        else:
            with _opened(arguments.file) as file:
                manifest = inbox.deliver(file)
    except UpdateRefused as error:
        if HERE.kept.is_dir() and arguments.data.is_dir():
            journal_commands.note(arguments.data, "update-refused", reason=str(error))
        raise
    sys.stderr.write(
        f"Version {manifest.version} (release {manifest.release}) is being installed. This takes minutes.\n"
    )
    deadline = time.monotonic() + INSTALL_SECONDS
    while time.monotonic() < deadline:
        outcome = Outcome.read(HERE.outcome)
        if outcome is not None and outcome != before and not inbox.under_way():
            sys.stdout.write(sentence(outcome) + "\n")
            return 0 if outcome.result == "installed" else 1
        time.sleep(1)
    raise StoreError("The update does not come to an end: journalctl -u pi-cam-update says more.")


def status(arguments: argparse.Namespace) -> int:
    """What runs, and how the last update went."""
    number = release()
    words = f"release {number}" if number else "not a release"
    sys.stdout.write(f"Version {pi_cam.__version__} runs ({words}).\n")
    with contextlib.suppress(PermissionError):
        if inbox.under_way():
            sys.stdout.write("An update is being installed.\n")
    outcome = Outcome.read(HERE.outcome)
    sys.stdout.write((sentence(outcome) if outcome else "No update was installed yet.") + "\n")
    return 0


def sentence(outcome: Outcome) -> str:
    """In English, as the command line is."""
    day = datetime.fromtimestamp(outcome.at).astimezone().strftime("%Y-%m-%d %H:%M")
    return SENTENCES[outcome.result].format(
        version=outcome.version, release=outcome.release, reason=outcome.reason, day=day
    )


def _opened(name: str) -> BinaryIO:
    try:
        return Path(name).open("rb")
    except OSError as error:
        raise NotFound(f"{name} cannot be read: {error.strerror}.") from error
