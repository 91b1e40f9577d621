"""What shows that a journal is not the whole of it: an older copy, a cut end, one begun anew, odd types in the file."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from pi_cam.journal import Journal
from pi_cam.journal.anchor import NAME as ANCHOR
from pi_cam.journal.ledger import NAME, Filter, Ledger

SECRET = bytes(range(32))


def ledger(folder: Path) -> Ledger:
    return Ledger(folder, SECRET)


def write(folder: Path, rows: int) -> None:
    """As a run of the program writes: opened, some rows, ended."""
    journal = Journal(ledger(folder))
    journal.start()
    for number in range(rows):
        journal.append("setting-changed", actor="Ada", number=number)
    journal.stop()
    assert journal.problem() is None


def change(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / NAME)) as database, database:
        for statement in statements:
            database.execute(statement)


def older_copy(folder: Path) -> None:
    shutil.copy(folder / "older.db", folder / NAME)


def gone(folder: Path) -> None:
    for path in folder.glob(NAME + "*"):
        path.unlink()


def cut(folder: Path) -> None:
    change(folder, "DELETE FROM rows WHERE id > 4", "UPDATE ends SET last = 4")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, 3)
    shutil.copy(tmp_path / NAME, tmp_path / "older.db")
    write(tmp_path, 5)
    return tmp_path


def test_a_whole_journal_lacks_nothing(folder: Path) -> None:
    assert ledger(folder).first_fault() == (9, None)
    assert ledger(folder).missing() is None
    assert json.loads((folder / ANCHOR).read_text())["last"] == 9
    assert (folder / ANCHOR).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("tamper", [older_copy, gone, cut])
@pytest.mark.parametrize("rows", [1, 20])
def test_what_is_missing_is_named_though_rows_were_written_since(
    folder: Path, tamper: Callable[[Path], None], rows: int
) -> None:
    tamper(folder)
    write(folder, rows)
    write(folder, rows)
    assert ledger(folder).first_fault()[1] is None  # what is there, is as it was written
    said = ledger(folder).missing()
    assert said is not None
    assert "row 9" in said.lower() or "damaged" in said


def test_a_person_ends_it_by_taking_the_traces_away(folder: Path) -> None:
    older_copy(folder)
    (folder / ANCHOR).unlink()
    write(folder, 1)
    assert ledger(folder).missing() is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"last": 1}', '{"last": 1, "hash": "00", "seal": "00"}'])
def test_an_anchor_that_is_not_ours_says_nothing(folder: Path, text: str) -> None:
    (folder / ANCHOR).write_text(text)
    assert ledger(folder).missing() is None
    write(folder, 1)
    assert json.loads((folder / ANCHOR).read_text())["last"] == 10


def test_the_databases_own_record_is_no_anchor(folder: Path) -> None:
    with closing(sqlite3.connect(folder / NAME)) as database:
        last, last_hash, seal = database.execute("SELECT last, last_hash, seal FROM ends").fetchone()
    forged = {"last": last, "hash": last_hash.hex(), "seal": seal.hex()}
    (folder / ANCHOR).write_text(json.dumps(forged))
    older_copy(folder)
    assert ledger(folder).missing() is None  # it counts as none


@pytest.mark.parametrize("column", ["actor", "action", "camera", "address", "result", "detail", "at", "hash"])
@pytest.mark.parametrize("value", ["x'ff'", "CAST(x'ff' AS TEXT)", "7", "9e999", "'?'"])
def test_a_value_of_another_type_is_an_altered_row_and_harmless_text(folder: Path, column: str, value: str) -> None:
    change(folder, f"UPDATE rows SET {column} = {value} WHERE id = 3")  # noqa: S608 - our own words
    assert ledger(folder).first_fault() == (9, "Row 3 was altered.")
    (row,) = ledger(folder).rows(Filter(before=4, after=2), 10)
    json.dumps(row.as_dict(), allow_nan=False)
