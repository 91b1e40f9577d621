"""The journal as a file for other programs, one piece of text after the other."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

from pi_cam.journal.actions import Row
from web.journal.spreadsheet import harmless, line

COLUMNS = ("id", "at", "time", "actor", "action", "camera", "address", "result", "detail")


def as_json(rows: Iterable[Row]) -> Iterator[str]:
    """One array, one row a line."""
    start = "[\n"
    for row in rows:
        yield start + json.dumps(row.as_dict())
        start = ",\n"
    yield "\n]\n" if start != "[\n" else "[]\n"


def as_csv(rows: Iterable[Row]) -> Iterator[str]:
    """RFC 4180, every field quoted; none that a spreadsheet would take for a formula."""
    yield line(COLUMNS)
    for row in rows:
        texts = (row.actor, row.action, row.camera, row.address, row.result, row.detail)
        yield line([row.id, row.at, _time(row.at), *map(harmless, texts)])


FORMATS: dict[str, tuple[str, Callable[[Iterable[Row]], Iterator[str]]]] = {
    "json": ("application/json", as_json),
    "csv": ("text/csv", as_csv),
}
"""Each with its media type."""


def _time(at: float) -> str:
    try:
        return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):  # a clock that made no sense
        return ""
