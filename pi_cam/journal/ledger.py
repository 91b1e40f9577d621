"""`journal.db` in the data folder: the rows, and the sealed record of both ends of the chain."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pi_cam import database
from pi_cam.errors import StoreError
from pi_cam.journal.actions import Entry, Row, detail_text, plain
from pi_cam.journal.anchor import Anchor
from pi_cam.journal.chain import Chain, Ends

NAME = "journal.db"
VERSION = 1
KEPT_ALWAYS = 100
"""So many of the newest rows do not go by age: a clock that is years ahead must not empty the journal."""

SCHEMA = (
    "CREATE TABLE rows (id INTEGER PRIMARY KEY, at REAL NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL,"
    " camera TEXT NOT NULL, address TEXT NOT NULL, result TEXT NOT NULL, detail TEXT NOT NULL, hash BLOB NOT NULL)",
    "CREATE TABLE ends (one INTEGER PRIMARY KEY CHECK (one = 1), before INTEGER NOT NULL, before_hash BLOB NOT NULL,"
    " last INTEGER NOT NULL, last_hash BLOB NOT NULL, seal BLOB NOT NULL)",
    f"PRAGMA user_version = {VERSION}",
)
LOWEST_ID = -(2**63)
COLUMNS = "id, at, actor, action, camera, address, result, detail, hash"

_TEXTS = ("actor", "action", "camera", "address", "result", "detail")

BROKEN_SEAL = "The record of the journal's ends was altered."


@dataclass(frozen=True, slots=True)
class Filter:
    """Which rows; None is any. `since` and `until` in seconds since 1970, `since` included; `before` and `after` are ids."""

    actor: str | None = None
    action: str | None = None
    camera: str | None = None
    result: str | None = None
    since: float | None = None
    until: float | None = None
    before: int | None = None
    after: int | None = None


_CONDITIONS = {
    "actor": "actor = ?",
    "action": "action = ?",
    "camera": "camera = ?",
    "result": "result = ?",
    "since": "at >= ?",
    "until": "at < ?",
    "before": "id < ?",
    "after": "id > ?",
}


class Ledger:
    """The file. A connection per transaction: any thread, and any process, may read and add. `read_only`: for who
    only looks, so that looking changes nothing."""

    def __init__(self, folder: Path, secret: bytes, *, read_only: bool = False) -> None:
        self.folder = folder
        self._reading = database.reading if read_only else database.connection
        self._path = folder / NAME
        self._chain = Chain(secret)
        self._anchor = Anchor(folder, self._chain)

    def open(self, at: float) -> None:
        """Begins a new chain where there is none. A damaged file is set aside; the first row of the new chain says so, with
        the time `at`. Raises `StoreError`."""
        with self._translated(), database.alone(self.folder):
            try:
                self._prepare(Entry(at, "journal-begun"))
            except database.Damaged as damage:
                kept = database.set_aside(self._path)
                self._prepare(Entry(at, "journal-begun", detail={"damaged": str(damage), "kept_as": kept.name}))

    def hold(self) -> sqlite3.Connection:
        """A connection to keep while the device runs. Raises `StoreError`."""
        with self._translated():
            return database.hold(self._path)

    def add(self, entries: Sequence[Entry]) -> None:
        """Chains them to the last row: all, or none. Raises `StoreError`."""
        with self._transaction() as opened:
            self._extend(opened, self._ends(opened), entries)

    def prune(self, rows_max: int, cutoff: float | None) -> None:
        """Takes the oldest rows away: those beyond `rows_max`, and those written before `cutoff`. Raises `StoreError`."""
        with self._transaction() as opened:
            ends = self._ends(opened)
            before = max(ends.last - rows_max, _last_before(opened, ends, cutoff))
            row = opened.execute("SELECT hash FROM rows WHERE id = ?", (before,)).fetchone()
            if row is None or before <= ends.before:
                return
            opened.execute("PRAGMA secure_delete = ON")  # what is forgotten does not stay in the file's free pages
            opened.execute("DELETE FROM rows WHERE id <= ?", (before,))
            self._write_ends(opened, Ends(before, row["hash"], ends.last, ends.last_hash))

    def rows(self, wanted: Filter, limit: int, *, newest_first: bool = True) -> list[Row]:
        """At most `limit` rows, by id. Raises `StoreError`."""
        given = {name: getattr(wanted, name) for name in _CONDITIONS if getattr(wanted, name) is not None}
        conditions = " AND ".join(["1", *(_CONDITIONS[name] for name in given)])
        order = "DESC" if newest_first else "ASC"
        statement = f"SELECT {COLUMNS} FROM rows WHERE {conditions} ORDER BY id {order} LIMIT ?"  # noqa: S608 - our own words
        with self._translated(), self._reading(self._path) as opened:
            opened.text_factory = _text
            return [_row(one) for one in opened.execute(statement, (*given.values(), limit))]

    def first_fault(self, newest: int | None = None) -> tuple[int, str | None]:
        """How many rows were read (only the `newest` ones, or all), and a sentence about the first of them that is not as it
        was written. Raises `StoreError`."""
        try:
            with self._translated(), self._reading(self._path) as opened:
                opened.text_factory = _text
                opened.execute("BEGIN")  # one moment, though rows are added meanwhile
                ends, since = self._ends(opened), LOWEST_ID
                if newest is not None and ends.last - ends.before > newest:
                    ends = _later(opened, ends, ends.last - newest)
                    since = ends.before
                count: int = opened.execute("SELECT count(*) FROM rows WHERE id > ?", (since,)).fetchone()[0]
                rows = opened.execute(f"SELECT {COLUMNS} FROM rows WHERE id > ? ORDER BY id", (since,))  # noqa: S608 - our own words
                return count, self._chain.first_fault(map(_row, rows), ends)
        except database.Damaged as damage:
            return 0, str(damage)

    def missing(self) -> str | None:
        """A sentence when more had been written than is here, or a damaged journal lies beside this one. Raises
        `StoreError`."""
        damaged = sorted(self.folder.glob("journal.damaged-*.db"))
        if damaged:
            return f"An earlier journal was damaged, and is kept as {damaged[-1].name}: look at it, then move it away."
        try:
            with self._translated(), self._reading(self._path) as opened:
                return self._behind(opened)
        except database.Damaged as damage:
            return str(damage)

    def keep_anchor(self) -> None:
        """Writes down, outside the database, how far it goes; not over the trace of something that is missing. Raises
        `StoreError`."""
        with self._translated(), database.connection(self._path) as opened:
            if self._behind(opened) is None:
                ends = self._ends(opened)
                self._anchor.write(ends.last, ends.last_hash)

    def _behind(self, opened: sqlite3.Connection) -> str | None:
        said = self._anchor.read()
        if said is None:
            return None
        number, named = said
        ends = self._ends(opened)
        if number > ends.last:
            return f"The journal ends at row {ends.last}, but row {number} had been written."
        row = opened.execute("SELECT hash FROM rows WHERE id = ?", (number,)).fetchone()
        if row is not None and row["hash"] != named:
            return f"Row {number} is not the one that had been written: this is another journal."
        return None

    def _prepare(self, first: Entry) -> None:
        database.make(self._path)
        with self._damage_told(), database.connection(self._path) as opened:
            opened.execute("PRAGMA journal_mode = WAL")
            opened.execute("BEGIN IMMEDIATE")
            version: int = opened.execute("PRAGMA user_version").fetchone()[0]
            if version > VERSION:
                raise StoreError("The journal was written by a newer version of pi-cam.")
            if version == 0:
                self._begin(opened, first)
                return
            database.check(opened)
            last = self._ends(opened).last
            if opened.execute("SELECT 1 FROM rows WHERE id > ?", (last,)).fetchone():
                raise database.Damaged(f"Rows were added after row {last}.")  # in whose way no other could be written

    def _begin(self, opened: sqlite3.Connection, first: Entry) -> None:
        for statement in SCHEMA:
            opened.execute(statement)
        self._extend(opened, Ends(), [first])

    def _extend(self, opened: sqlite3.Connection, ends: Ends, entries: Sequence[Entry]) -> None:
        last, last_hash = ends.last, ends.last_hash
        for entry in entries:
            last += 1
            row = _new_row(last, entry)
            last_hash = self._chain.hash(last_hash, row)
            opened.execute(
                f"INSERT INTO rows ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - our own words
                (last, row.at, row.actor, row.action, row.camera, row.address, row.result, row.detail, last_hash),
            )
        self._write_ends(opened, Ends(ends.before, ends.before_hash, last, last_hash))

    def _ends(self, opened: sqlite3.Connection) -> Ends:
        """Raises `Damaged` when they are not ours: to seal them anew would hide what was done to them."""
        row = opened.execute("SELECT before, before_hash, last, last_hash, seal FROM ends").fetchone()
        if row is None or [type(value) for value in row] != [int, bytes, int, bytes, bytes]:
            raise database.Damaged(BROKEN_SEAL)
        ends = Ends(*tuple(row)[:4])
        if not self._chain.sealed(ends, row["seal"]):
            raise database.Damaged(BROKEN_SEAL)
        return ends

    def _write_ends(self, opened: sqlite3.Connection, ends: Ends) -> None:
        opened.execute(
            "INSERT OR REPLACE INTO ends VALUES (1, ?, ?, ?, ?, ?)",
            (ends.before, ends.before_hash, ends.last, ends.last_hash, self._chain.seal(ends)),
        )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._translated(), database.connection(self._path) as opened:
                opened.execute("BEGIN IMMEDIATE")
                yield opened
        except database.Damaged as damage:
            raise StoreError(f"The journal in {self.folder} cannot be used: {damage}") from damage

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"The journal in {self.folder} cannot be used: {error}") from error

    @contextmanager
    def _damage_told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            if database.is_damage(error) or "no such table" in str(error):
                raise database.Damaged(str(error)) from error
            raise


def _new_row(number: int, entry: Entry) -> Row:
    return Row(
        id=number,
        at=round(float(entry.at), 3),
        actor=plain(entry.actor),
        action=plain(entry.action),
        camera=plain(entry.camera),
        address=plain(entry.address),
        result=plain(entry.result),
        detail=detail_text(entry.detail),
        hash=b"",
    )


def _text(raw: bytes) -> str:
    """What somebody else wrote need not be UTF-8."""
    return raw.decode(errors="replace")


def _row(one: sqlite3.Row) -> Row:
    """What somebody else wrote into the file may be of any type; the hash of such a row cannot be right."""
    values: dict[str, Any] = dict(one)
    at = values["at"]
    values.update({name: str(values[name]) for name in _TEXTS if not isinstance(values[name], str)})
    values["at"] = at if isinstance(at, int | float) and abs(at) < 1e15 else 0.0
    values["hash"] = values["hash"] if isinstance(values["hash"], bytes) else b""
    return Row(**values)


def _later(opened: sqlite3.Connection, ends: Ends, before: int) -> Ends:
    """The same, as if retention had taken away all rows up to `before`."""
    row = opened.execute("SELECT hash FROM rows WHERE id = ?", (before,)).fetchone()
    if row is None or not isinstance(row["hash"], bytes):
        raise database.Damaged(f"Row {before} was removed.")
    return Ends(before, row["hash"], ends.last, ends.last_hash)


def _last_before(opened: sqlite3.Connection, ends: Ends, cutoff: float | None) -> int:
    """The last of the oldest rows that were all written before `cutoff`: one from a clock that was ahead keeps those after
    it, and one from a clock that was behind takes none along."""
    if cutoff is None:
        return 0
    kept = opened.execute("SELECT id FROM rows WHERE at >= ? ORDER BY id LIMIT 1", (cutoff,)).fetchone()
    return min(kept["id"] - 1 if kept else ends.last, ends.last - KEPT_ALWAYS)
