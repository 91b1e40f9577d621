"""The journal. Looking changes nothing."""

from __future__ import annotations

from pathlib import Path

from pi_cam.control.findings import Finding, Place
from pi_cam.errors import StoreError
from pi_cam.journal.anchor import NAME as ANCHOR
from pi_cam.journal.ledger import NAME, Filter, Ledger
from pi_cam.store import DATABASE, GOOD_COPY, SECRET, Store

RESTORE = "Restore it from a backup."
MADE_WITH_IT = (ANCHOR, DATABASE, GOOD_COPY)
"""Whatever makes one of these begins the journal, too."""


def journal(place: Place) -> list[Finding]:
    """Whether each row is as it was written."""
    if not (place.folder / NAME).exists():
        return [_absent(place.folder)]
    if not (place.folder / SECRET).exists():
        return [Finding("journal", "missing", f"The key for the journal ({SECRET}) is gone.", RESTORE)]
    try:
        secret = Store(place.folder).secret()
    except StoreError:
        return [Finding("journal", "missing", f"The key for the journal ({SECRET}) is damaged.", RESTORE)]
    return [_read_through(Ledger(place.folder, secret, read_only=True), place)]


def _absent(folder: Path) -> Finding:
    if not any((folder / name).exists() for name in MADE_WITH_IT):
        return Finding("journal", "ok", "There is no journal yet: the first start begins it.")
    remedy = "Find out who took it away, and restore journal.db from a backup: the next start begins another one."
    return Finding("journal", "missing", "The journal is gone: nobody can tell who watched.", remedy)


def _read_through(ledger: Ledger, place: Place) -> Finding:
    if _kept_damaged(place.folder):
        remedy = "A cut of the power does that, or a worn-out card; if there was neither, find out who can write."
        return Finding("journal", "optional", str(ledger.missing()), remedy)
    length = _rows(ledger)
    newest = place.journal_rows_max
    count, fault = ledger.first_fault(newest)
    fault = fault or ledger.missing()
    if fault is not None:
        remedy = "Find out who can write to the data folder; keep a copy of it, and do not trust what the journal says."
        return Finding("journal", "optional", fault, remedy)
    if newest is not None and length > newest:
        text = f"The newest rows of the journal are whole ({count} of {length}); pi-cam journal verify reads all."
        return Finding("journal", "ok", text)
    text = f"The journal is whole: of its rows ({count}) none was altered, removed or moved."
    return Finding("journal", "ok", text)


def _kept_damaged(folder: Path) -> bool:
    return any(folder.glob("journal.damaged-*.db"))


def _rows(ledger: Ledger) -> int:
    newest, oldest = (ledger.rows(Filter(), 1, newest_first=first) for first in (True, False))
    return newest[0].id - oldest[0].id + 1 if newest and oldest else 0
