"""What the device keeps of the rows that the portal knows: how often each was changed, by whom and when; and what became of
the portal's edits."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from pi_cam.setting import Value
from pi_cam.store import Store

Result = Literal["applied", "refused", "overtaken"]

KEPT = 50
"""Edits of the portal that are remembered: for the page, and so that one that comes twice is done once."""


@dataclass(frozen=True, slots=True)
class Row:
    """`version`: how often it was changed, and one. `by`: who did so last, as far as it is known. `at`: when, in seconds
    since 1970; None when the clock was not set, or nobody saw it."""

    name: str
    value: Value
    version: int
    by: str
    at: float | None


@dataclass(frozen=True, slots=True)
class Other:
    """The other edit of the same row, in a conflict."""

    value: Value
    by: str
    at: float | None


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of an edit of the portal. `why`: the sentence, when it was refused. `version`: of the row since. `other`:
    when both sides had changed the row, the edit that lost, or the one at home that won. `at`: when it was settled."""

    key: str
    name: str
    value: Value
    by: str
    result: Result
    why: str
    version: int
    other: Other | None
    at: float | None


class Rows:
    """In the store. Any thread; whoever uses it sees to it that one does at a time."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def load(self) -> tuple[dict[str, Row], dict[str, Settled]]:
        """All rows by name; the edits that are remembered by key, oldest first. Raises `StoreError`."""
        with self._store.transaction() as database:
            rows = database.execute("SELECT * FROM configuration").fetchall()
            settled = database.execute("SELECT * FROM portal_edits ORDER BY id").fetchall()
        return {row["name"]: _row(row) for row in rows}, {row["key"]: _settled(row) for row in settled}

    def save(self, changed: Iterable[Row], gone: Iterable[str] = (), settled: Settled | None = None) -> None:
        """All of it or nothing. Raises `StoreError`."""
        with self._store.transaction() as database:
            database.executemany(
                "INSERT OR REPLACE INTO configuration (name, value, version, editor, at) VALUES (?, ?, ?, ?, ?)",
                [(row.name, json.dumps(row.value), row.version, row.by, row.at) for row in changed],
            )
            database.executemany("DELETE FROM configuration WHERE name = ?", [(name,) for name in gone])
            if settled is not None:
                _note(database, settled)


def _note(database: sqlite3.Connection, one: Settled) -> None:
    other = one.other and json.dumps({"value": one.other.value, "by": one.other.by, "at": one.other.at})
    database.execute(
        "INSERT INTO portal_edits (key, name, value, editor, result, why, version, other, at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (one.key, one.name, json.dumps(one.value), one.by, one.result, one.why, one.version, other, one.at),
    )
    database.execute(
        "DELETE FROM portal_edits WHERE id NOT IN (SELECT id FROM portal_edits ORDER BY id DESC LIMIT ?)", (KEPT,)
    )


def _row(row: sqlite3.Row) -> Row:
    return Row(row["name"], json.loads(row["value"]), row["version"], row["editor"], row["at"])


def _settled(row: sqlite3.Row) -> Settled:
    found: dict[str, Any] | None = json.loads(row["other"]) if row["other"] else None
    other = Other(found["value"], found["by"], found["at"]) if found else None
    value = json.loads(row["value"])
    return Settled(
        row["key"], row["name"], value, row["editor"], row["result"], row["why"], row["version"], other, row["at"]
    )
