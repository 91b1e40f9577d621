"""How far the journal was forwarded to the portal: `journal.forwarded` in the data folder, whole at any moment."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pi_cam import durable
from pi_cam.errors import StoreError
from web.journal.forwarded import HASH_BYTES, beginning

FILE = "journal.forwarded"


@dataclass(frozen=True, slots=True)
class Mark:
    """A place behind a row. `seq`, `hash`: that row at the portal (0 and the beginning before the first). `id`, `own`: the
    same row in the journal here, its number and its hash there; `own` is empty where the row is not known."""

    seq: int
    hash: bytes
    id: int
    own: bytes = b""

    def is_behind(self, seq: int, row_hash: bytes) -> bool:
        """Whether it is the place behind this row of the portal."""
        return (self.seq, self.hash) == (seq, row_hash)


@dataclass(frozen=True, slots=True)
class Progress:
    """For one pairing (`portal`, `paired_at`), begun at `begun_at` (seconds since 1970). `held`: what the portal said it
    has. `sent`: how far it reaches once it has what was sent last; the same as `held` when nothing is under way. `run`: from
    here on each row follows the one before, here as there."""

    portal: str
    paired_at: float
    begun_at: float
    held: Mark
    sent: Mark
    run: Mark

    def at(self, seq: int, row_hash: bytes) -> Mark | None:
        """The place behind row `seq` of the portal, if its row here is known."""
        if not self.run.seq <= seq <= self.held.seq:
            return None
        return Mark(seq, row_hash, self.run.id + seq - self.run.seq)


def begun(portal: str, paired_at: float, device: str, now: float, last_id: int, own: bytes) -> Progress:
    """Nothing was forwarded yet, and nothing up to row `last_id` will be."""
    start = Mark(0, beginning(portal, device), last_id, own)
    return Progress(portal, paired_at, now, start, start, start)


def load(folder: Path) -> Progress | None:
    """None where there is none, or one that makes no sense."""
    try:
        said = json.loads((folder / FILE).read_text("ascii"))
        marks = {name: _mark(said[name]) for name in ("held", "sent", "run")}
        return Progress(str(said["portal"]), float(said["paired_at"]), float(said["begun_at"]), **marks)
    except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None


def save(folder: Path, progress: Progress) -> None:
    """Raises `StoreError`; then the old one stands."""
    said: dict[str, Any] = {name: getattr(progress, name) for name in ("portal", "paired_at", "begun_at")}
    for name in ("held", "sent", "run"):
        mark: Mark = getattr(progress, name)
        said[name] = [mark.seq, mark.hash.hex(), mark.id, mark.own.hex()]
    try:
        durable.replace(folder / FILE, json.dumps(said).encode("ascii"))
    except OSError as error:
        raise StoreError(f"The data folder {folder} cannot be used: {error}") from error


def _mark(said: Any) -> Mark:
    seq, row_hash, number, own = said
    mark = Mark(int(seq), bytes.fromhex(row_hash), int(number), bytes.fromhex(own))
    if len(mark.hash) != HASH_BYTES or len(mark.own) not in (0, HASH_BYTES) or min(mark.seq, mark.id) < 0:
        raise ValueError
    return mark
