"""SQLite files: how they are opened, how damage is told from other trouble, and how a damaged one is set aside."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

BUSY_SECONDS = 5.0
COMPANIONS = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a file, by the end of its name."""

_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class Damaged(Exception):
    """This file is not, or no longer, the database that it should be. The text says what is wrong with it."""


@contextmanager
def connection(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to a file that exists: one that is gone is never begun anew unasked. Commits at the end, if a transaction
    is open, and takes it back when something is raised."""
    opened = connect(path)
    try:
        yield opened
        if opened.in_transaction:
            opened.execute("COMMIT")
    finally:
        opened.close()  # an open transaction is rolled back by this


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that changes nothing: neither the file, nor what a cut of the power left in its write-ahead log. Without
    such a log nobody has the file open, and SQLite would leave side files behind, which only a writer takes away again;
    `immutable` keeps it from that (https://sqlite.org/wal.html, "Read-Only Databases")."""
    at_rest = not path.with_name(path.name + "-wal").exists()
    address = f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if at_rest else ''}"
    opened = sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS, isolation_level=None)
    opened.row_factory = sqlite3.Row
    try:
        yield opened
    finally:
        opened.close()


def connect(path: Path) -> sqlite3.Connection:
    """As `connection`, to be closed by the caller; any one thread may do that."""
    opened = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    opened.row_factory = sqlite3.Row
    try:
        opened.execute("PRAGMA foreign_keys = ON")
        opened.execute("PRAGMA synchronous = FULL")
    except sqlite3.Error:
        opened.close()
        raise
    return opened


def hold(path: Path) -> sqlite3.Connection:
    """A connection to keep: SQLite's side files stay while there is one, so that a full disk keeps nobody from reading."""
    held = connect(path)
    try:
        held.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error:
        held.close()
        raise
    return held


def make(path: Path) -> None:
    """An empty file, if there is none. SQLite's own files take over its mode: at no moment can anybody else read them."""
    if not path.exists():  # to open and close one that SQLite has open here would take its locks away (POSIX)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    path.chmod(0o600)


def new_beside(path: Path) -> Path:
    """An empty file in the same folder, for what is to take the place of `path`. One writer at a time."""
    fresh = path.with_name(f".{path.name}.new")
    for end in ("", *COMPANIONS):  # of an attempt that was cut short
        fresh.with_name(fresh.name + end).unlink(missing_ok=True)
    make(fresh)
    return fresh


def check(opened: sqlite3.Connection) -> None:
    """Reads every page. Raises `Damaged`."""
    found = opened.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise Damaged(str(found).splitlines()[-1])


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file itself is broken; not when it is locked, or the disk is full."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE


def set_aside(path: Path) -> Path:
    """Gives a damaged file a name with the time; what belongs to it goes along. Its new path."""
    time = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    names = (f"{path.stem}.damaged-{time}{more}{path.suffix}" for more in ("", *(f"-{n}" for n in range(1, 100))))
    kept = next(other for name in names if not (other := path.with_name(name)).exists())
    for end in COMPANIONS:
        companion = path.with_name(path.name + end)
        if companion.exists():
            companion.replace(kept.with_name(kept.name + end))
    path.replace(kept)
    return kept


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One process after the other: SQLite does not wait for its turn while it changes the journal mode."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
