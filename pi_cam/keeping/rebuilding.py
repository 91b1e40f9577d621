"""The database of a backup is made anew: a schema of our own, and of what somebody else wrote nothing but its rows.

Whatever else is in that file (a view or a trigger named like a table, a condition or a computed column without end) stays
behind with it.
"""

from __future__ import annotations

import errno
import sqlite3
import time
from pathlib import Path

from pi_cam import database, durable
from pi_cam.errors import SettingError
from pi_cam.keeping.sealed import NEWER, NO_BACKUP
from pi_cam.migrations import MIGRATIONS

LOOK_SECONDS = 60.0
"""A Raspberry Pi Zero 2 W takes two for the largest backup; longer takes only one that was made to."""

STEPS = 10_000
"""Of SQLite's machine, between two looks at the clock."""

SIGNED_IN = ("sessions", "portal_sessions")
"""Tables that come back empty: whoever was signed in then is not now."""

_TABLES = "SELECT name, type, wr FROM pragma_table_list WHERE schema = ? AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
_COLUMNS = "SELECT name, hidden FROM pragma_table_xinfo(?, ?)"
_OF_THE_DISK = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)


def rebuild(path: Path) -> None:
    """In the same place. Raises `SettingError` for what neither this version nor an earlier one writes; `OSError`."""
    fresh = database.new_beside(path)
    try:
        with database.connection(fresh) as connection:
            _bound(connection, path)
            connection.execute("ATTACH ? AS given", (_given(path),))
            version = _version(connection)
            _make(connection, version)
            for table in _tables(connection):
                _take(connection, table)
            connection.execute("COMMIT")
        durable.rename(fresh, path)
    except (sqlite3.Error, database.Damaged) as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _OF_THE_DISK:
            raise OSError(errno.ENOSPC, str(error)) from error
        raise SettingError(NO_BACKUP) from None
    finally:
        fresh.unlink(missing_ok=True)


def _given(path: Path) -> str:
    """The foreign file, to which nothing beside it belongs. It is only read: of such a one SQLite keeps no conditions
    (CHECK), and so tries none."""
    return f"{path.absolute().as_uri()}?mode=ro&immutable=1"


def _bound(connection: sqlite3.Connection, path: Path) -> None:
    """Nothing that is read takes more memory than the file has bytes, nor goes on for ever."""
    until = time.monotonic() + LOOK_SECONDS
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, max(path.stat().st_size, 64 * 1024))
    connection.set_progress_handler(lambda: time.monotonic() > until, STEPS)


def _version(connection: sqlite3.Connection) -> int:
    """Of the schema of what was given."""
    version: int = connection.execute("PRAGMA given.user_version").fetchone()[0]
    if version > len(MIGRATIONS):
        raise SettingError(NEWER)
    if version < 1:
        raise SettingError(NO_BACKUP)
    return version


def _make(connection: sqlite3.Connection, version: int) -> None:
    """The schema as it was at that version; the next start brings it further, as any."""
    connection.execute("BEGIN")
    connection.execute("PRAGMA defer_foreign_keys = ON")  # the tables come in any order
    for script in MIGRATIONS[:version]:
        for statement in script.split(";"):
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {version:d}")


def _tables(connection: sqlite3.Connection) -> list[str]:
    """Those of our schema, when what was given has just these, with just their columns, and every page is whole."""
    ours, given = ({tuple(row) for row in connection.execute(_TABLES, (name,))} for name in ("main", "given"))
    tables = sorted(name for name, *_ in ours)
    if ours != given or any(
        _columns(connection, name, "main") != _columns(connection, name, "given") for name in tables
    ):
        raise SettingError(NO_BACKUP)
    if connection.execute("PRAGMA given.quick_check(1)").fetchone()[0] != "ok":
        raise SettingError(NO_BACKUP)
    return tables


def _columns(connection: sqlite3.Connection, table: str, schema: str) -> list[tuple[str, int]]:
    """In no order: a column that was added later stands where it was added."""
    return sorted((name, hidden) for name, hidden in connection.execute(_COLUMNS, (table, schema)))


def _take(connection: sqlite3.Connection, table: str) -> None:
    """By our own names, and each value of the kind that we write."""
    if table in SIGNED_IN:
        return
    names = ", ".join(f'"{name}"' for name, _ in _columns(connection, table, "main"))
    connection.execute(
        f'INSERT INTO main."{table}" ({names}) SELECT {names} FROM given."{table}"'  # noqa: S608 - our names
    )
    kinds = connection.execute("SELECT name, lower(type) FROM pragma_table_info(?, 'main')", (table,)).fetchall()
    other = " OR ".join(f"typeof(\"{name}\") NOT IN ('{kind}', 'null')" for name, kind in kinds)
    if connection.execute(f'SELECT 1 FROM main."{table}" WHERE {other}').fetchone():  # noqa: S608 - our names
        raise SettingError(NO_BACKUP)
