"""`pi-cam journal …`: what is asked of the journal in a terminal."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from pi_cam.errors import StoreError
from pi_cam.journal import Journal
from pi_cam.journal.actions import COMMAND_LINE
from pi_cam.journal.ledger import NAME as JOURNAL
from pi_cam.journal.ledger import Filter, Ledger
from pi_cam.store import SECRET, Store


def verify(arguments: argparse.Namespace) -> int:
    """Reads all of it. Raises `StoreError` with a sentence about the first row that is not as it was written."""
    ledger = _ledger(arguments.data)
    count, fault = ledger.first_fault()
    fault = fault or ledger.missing()
    if fault is not None:
        raise StoreError(fault)
    sys.stdout.write(f"The journal is whole: {count} rows, none altered, removed or reordered.\n")
    return 0


def export(arguments: argparse.Namespace) -> int:
    """Writes all of it to standard output. Raises `StoreError`."""
    from pi_cam.journal.export import FORMATS

    _, write = FORMATS[arguments.format]
    sys.stdout.writelines(write(Journal(_ledger(arguments.data)).all_rows(Filter())))
    return 0


def compare(arguments: argparse.Namespace) -> int:
    """Looks at an export of the portal. Raises `StoreError` with a sentence about what is missing or was changed there."""
    from pi_cam.remote import portal_copy
    from pi_cam.trust.device_key import FILE, DeviceKey

    if not (arguments.data / FILE).is_file():
        raise StoreError(f"There is no camera's data in {arguments.data}.")
    first, last = portal_copy.check(arguments.file, arguments.data, DeviceKey.load(arguments.data))
    sys.stdout.write(f"The portal's copy is whole: rows {first} to {last}, as this device sent them.\n")
    return 0


def note(folder: Path, action: str, **detail: Any) -> None:
    """Into the journal. One that cannot be written is logged, and undoes nothing."""
    journal = Journal(Ledger(folder, Store(folder).secret()))
    journal.start()
    journal.append(action, actor=COMMAND_LINE, **detail)
    journal.stop()


def _ledger(folder: Path) -> Ledger:
    for name, what in ((JOURNAL, "journal"), (SECRET, "key for the journal")):
        if not (folder / name).is_file():
            raise StoreError(f"There is no {what} in {folder}.")
    return Ledger(folder, Store(folder).secret())
