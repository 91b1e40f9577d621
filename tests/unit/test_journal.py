"""The journal: a chain that shows every change, retention, folding, bad days, and no secrets."""

from __future__ import annotations

import ast
import itertools
import re
import sqlite3
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import pi_cam
from pi_cam.errors import StoreError
from pi_cam.journal import Journal, Keep
from pi_cam.journal.actions import ACTIONS, FOLDED, Entry
from pi_cam.journal.chain import derived_key
from pi_cam.journal.ledger import NAME, Filter, Ledger

KEY = bytes(range(32))
ROWS = 10_000
CPU_SECONDS = 1.0


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    ledger = Ledger(tmp_path, KEY)
    ledger.open(1000.0)
    return ledger


def fill(ledger: Ledger, count: int, *, at: float = 2000.0) -> None:
    ledger.add([Entry(at + n, "watched", f"person {n}", "main", "192.168.1.7", detail={"n": n}) for n in range(count)])


@contextmanager
def database(folder: Path) -> Iterator[sqlite3.Connection]:
    opened = sqlite3.connect(folder / NAME, isolation_level=None)
    try:
        yield opened
    finally:
        opened.close()


def actions(ledger: Ledger) -> list[str]:
    return [row.action for row in ledger.rows(Filter(), 1000, newest_first=False)]


@contextmanager
def running(ledger: Ledger, keep: Keep = Keep(365, 100_000)) -> Iterator[Journal]:  # noqa: B008 - frozen
    journal = Journal(ledger, lambda: keep)
    journal.start()
    try:
        yield journal
    finally:
        journal.stop()


def test_the_key_is_derived_as_the_standard_says() -> None:
    # RFC 5869, A.3: no salt; its info is empty.
    assert derived_key(b"\x0b" * 22, b"").hex() == "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"


def test_rows_come_back_and_nobody_else_can_read_them(ledger: Ledger, tmp_path: Path) -> None:
    fill(ledger, 3)
    newest, *_ = ledger.rows(Filter(), 10)
    assert newest.as_dict() == {
        "id": 4,
        "at": 2002.0,
        "actor": "person 2",
        "action": "watched",
        "camera": "main",
        "address": "192.168.1.7",
        "result": "ok",
        "detail": {"n": 2},
    }
    assert ledger.first_fault() == (4, None)
    assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        (Filter(actor="person 1"), [3]),
        (Filter(action="journal-begun"), [1]),
        (Filter(camera="garden"), []),
        (Filter(result="refused"), []),
        (Filter(since=2001, until=2003), [4, 3]),
        (Filter(before=4, after=1), [3, 2]),
        (Filter(actor="' OR 1=1 --"), []),
    ],
    ids=str,
)
def test_filters(ledger: Ledger, wanted: Filter, ids: list[int]) -> None:
    fill(ledger, 4)
    assert [row.id for row in ledger.rows(wanted, 100)] == ids
    assert [row.id for row in ledger.rows(wanted, 100, newest_first=False)] == sorted(ids)


TAMPERING = {
    "UPDATE rows SET actor = 'nobody' WHERE id = 5": "Row 5 was altered.",
    "UPDATE rows SET at = at + 0.001 WHERE id = 5": "Row 5 was altered.",
    "UPDATE rows SET action = 'x', hash = zeroblob(32) WHERE id = 5": "Row 5 was altered.",
    "UPDATE rows SET hash = 'text' WHERE id = 5": "Row 5 was altered.",
    "UPDATE rows SET detail = actor, actor = detail WHERE id = 5": "Row 5 was altered.",
    "UPDATE rows SET hash = zeroblob(32) WHERE id = 11": "Row 11 was altered.",
    "DELETE FROM rows WHERE id = 5": "Row 5 was removed.",
    "DELETE FROM rows WHERE id IN (5, 6, 9)": "Row 5 was removed.",
    "DELETE FROM rows WHERE id = 1": "Row 1 was removed.",
    "DELETE FROM rows WHERE id = 5; UPDATE rows SET id = id - 1 WHERE id > 5": "Row 5 was altered.",
    "DELETE FROM rows WHERE id > 9": "Row 10 was removed, and all that followed it.",
    "DELETE FROM rows": "Row 1 was removed, and all that followed it.",
    "UPDATE rows SET id = 99 WHERE id = 5; UPDATE rows SET id = 5 WHERE id = 6; UPDATE rows SET id = 6 WHERE id = 99": (
        "Row 5 was reordered: it stands in the place of row 6."
    ),
    "UPDATE rows SET id = 99 WHERE id = 3; UPDATE rows SET id = 3 WHERE id = 9; UPDATE rows SET id = 9 WHERE id = 99": (
        "Row 3 was reordered: it stands in the place of row 9."
    ),
    "INSERT INTO rows SELECT 12, at, actor, action, camera, address, result, detail, hash FROM rows WHERE id = 11": (
        "Row 12 was added: it does not belong to the journal."
    ),
    "INSERT INTO rows SELECT -1, at, actor, action, camera, address, result, detail, hash FROM rows WHERE id = 1": (
        "Row -1 was added: it does not belong to the journal."
    ),
    "UPDATE ends SET last = 10, last_hash = (SELECT hash FROM rows WHERE id = 10)": "ends was altered.",
    "DELETE FROM ends": "ends was altered.",
    "UPDATE ends SET seal = 'x'": "ends was altered.",
}


@pytest.mark.parametrize("statements", TAMPERING)
def test_the_first_altered_removed_or_reordered_row_is_named(ledger: Ledger, tmp_path: Path, statements: str) -> None:
    fill(ledger, 10)
    assert ledger.first_fault() == (11, None)
    with database(tmp_path) as opened:
        opened.executescript(statements)
    _, fault = ledger.first_fault()
    assert fault is not None
    assert fault.endswith(TAMPERING[statements])


def test_what_is_added_later_does_not_hide_that_rows_were_cut_off(ledger: Ledger, tmp_path: Path) -> None:
    fill(ledger, 10)
    with database(tmp_path) as opened:
        opened.execute("DELETE FROM rows WHERE id > 8")
    fill(ledger, 3)
    assert ledger.first_fault()[1] == "Row 9 was removed."


def test_ends_that_were_altered_are_never_sealed_anew(ledger: Ledger, tmp_path: Path) -> None:
    fill(ledger, 10)
    with database(tmp_path) as opened:
        opened.execute("DELETE FROM rows WHERE id > 8")
        opened.execute("UPDATE ends SET last = 8, last_hash = (SELECT hash FROM rows WHERE id = 8)")
    with pytest.raises(StoreError, match="ends was altered"):
        fill(ledger, 1)
    ledger.open(3000.0)
    (first,) = ledger.rows(Filter(), 10)
    assert first.as_dict()["detail"]["damaged"] == "The record of the journal's ends was altered."
    (kept,) = tmp_path.glob("journal.damaged-*.db")
    assert first.as_dict()["detail"]["kept_as"] == kept.name


def test_rows_that_stand_in_the_way_do_not_stop_the_journal_for_ever(ledger: Ledger, tmp_path: Path) -> None:
    with database(tmp_path) as opened:
        opened.execute("INSERT INTO rows SELECT 2, at, actor, action, camera, address, result, detail, hash FROM rows")
    with pytest.raises(StoreError, match="UNIQUE"):
        fill(ledger, 1)
    ledger.open(3000.0)
    fill(ledger, 1)
    assert ledger.rows(Filter(), 10)[-1].as_dict()["detail"]["damaged"] == "Rows were added after row 1."
    assert ledger.first_fault() == (2, None)


def test_another_devices_journal_is_not_taken_for_ours(ledger: Ledger, tmp_path: Path) -> None:
    fill(ledger, 3)
    assert "altered" in str(Ledger(tmp_path, bytes(32)).first_fault()[1])


def test_ten_thousand_rows_are_verified_within_a_second_of_the_processor(ledger: Ledger) -> None:
    fill(ledger, ROWS - 1)
    began = time.process_time()
    assert ledger.first_fault() == (ROWS, None)
    assert time.process_time() - began <= CPU_SECONDS


@pytest.mark.parametrize("damage", ["not a database", "a broken page", "no tables", "cut"])
def test_a_damaged_file_is_set_aside_and_the_new_chain_says_so(ledger: Ledger, tmp_path: Path, damage: str) -> None:
    fill(ledger, 500)
    path = tmp_path / NAME
    with database(tmp_path) as opened:
        if damage == "no tables":
            opened.execute("DROP TABLE ends")
    data = path.read_bytes()
    if damage == "not a database":
        path.write_bytes(b"a letter" * 1000)
    elif damage == "a broken page":
        path.write_bytes(data[:8192] + b"\xff" * 4096 + data[12288:])
    elif damage == "cut":
        path.write_bytes(data[:10_000])
    for _ in range(2):
        ledger.open(3000.0)
    (first,) = ledger.rows(Filter(), 10)
    assert (first.action, first.at) == ("journal-begun", 3000.0)
    assert set(first.as_dict()["detail"]) == {"damaged", "kept_as"}
    assert len(list(tmp_path.glob("journal.damaged-*.db"))) == 1
    assert ledger.first_fault() == (1, None)


def test_retention_by_count_keeps_the_chain(ledger: Ledger, tmp_path: Path) -> None:
    fill(ledger, 50)
    ledger.prune(20, None)
    assert ledger.first_fault() == (20, None)
    fill(ledger, 10)
    ledger.prune(20, None)
    assert ledger.first_fault() == (20, None)
    with database(tmp_path) as opened:
        opened.execute("DELETE FROM rows WHERE id = 42")
    assert ledger.first_fault()[1] == "Row 42 was removed."


def test_retention_by_age_takes_the_oldest_only_and_never_the_newest_hundred(ledger: Ledger) -> None:
    fill(ledger, 300)
    ledger.prune(100_000, 2050.0)
    assert ledger.rows(Filter(), 1, newest_first=False)[0].at == 2050.0
    ledger.prune(100_000, 9e9)
    assert ledger.first_fault() == (100, None)


def test_a_clock_that_is_wrong_neither_loses_rows_nor_their_order(ledger: Ledger) -> None:
    times = [0.0, 2**31 + 5.5, 100.25, 1.7e9, -3.0, 4e9]
    ledger.add([Entry(at, "started") for at in times])
    assert [row.at for row in ledger.rows(Filter(), 10, newest_first=False)][1:] == times
    fill(ledger, 200, at=1.8e9)
    ledger.prune(100_000, 1.79e9)
    assert ledger.first_fault() == (205, None)  # the row of 2038 keeps all that came after it; 1970 takes none along


@pytest.mark.parametrize("jump", [0.0, 5e8])
def test_rows_go_by_age_while_the_clock_is_steady_only(ledger: Ledger, jump: float) -> None:
    fill(ledger, 300)
    wall, mono = [1e9], [0.0]
    journal = Journal(ledger, lambda: Keep(365, 100_000), lambda: wall[0], lambda: mono[0])
    journal._open()
    journal._prune(mono[0])
    mono[0] += 700
    wall[0] += 700 + jump
    journal._prune(mono[0])
    journal.stop()
    assert ledger.first_fault()[0] == (301 if jump else 100)


def test_entries_from_many_threads_are_all_written(ledger: Ledger) -> None:
    with running(ledger) as journal:

        def append(thread: int) -> None:
            for n in range(50):
                journal.append("token-created", name=f"{thread} {n}")

        threads = [threading.Thread(target=append, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        journal.flush()
        assert ledger.first_fault() == (401, None)
        assert journal.state() == {"running": True, "problem": None, "lost": 0}


def test_what_was_appended_is_written_at_the_end(ledger: Ledger) -> None:
    with running(ledger) as journal:
        for _ in range(20):
            journal.append("watched", actor="Ada", camera="main")
    rows = ledger.rows(Filter(action="watched"), 100)
    assert len(rows) == 6
    assert rows[0].as_dict()["detail"] == {"count": 15}
    journal.stop()


def test_appending_takes_next_to_no_time(ledger: Ledger) -> None:
    with running(ledger) as journal:
        began = time.thread_time()
        for _ in range(1000):
            journal.append("refused", actor="x", result="refused", path="/api")
        assert (time.thread_time() - began) / 1000 < 0.001


def test_nobody_can_flood_the_disk(ledger: Ledger) -> None:
    clock = itertools.count()
    journal = Journal(ledger, monotonic=lambda: next(clock) / 1000)
    journal.start()
    for n in range(5000):
        journal.append("refused", address=f"2001:db8::{n:x}", result="refused")
        if n % 500 == 0:
            journal.flush()
    journal.stop()
    rows = ledger.rows(Filter(action="refused"), 1000)
    assert len(rows) < 100
    assert sum(row.as_dict()["detail"].get("count", 1) for row in rows) == 5000
    assert ledger.first_fault()[1] is None


def test_entries_that_find_no_room_are_counted_and_named_as_a_gap(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pi_cam.journal.WAITING_MAX", 10)
    journal = Journal(ledger)
    for _ in range(15):
        journal.append("token-created")
    journal.start()
    journal.flush()
    journal.stop()
    rows = ledger.rows(Filter(), 100, newest_first=False)
    assert [row.action for row in rows] == ["journal-begun", "gap", *["token-created"] * 10]
    assert rows[1].as_dict()["detail"] == {"count": 5}


def test_a_file_that_cannot_be_written_is_a_problem_until_it_can(tmp_path: Path) -> None:
    folder = tmp_path / "later"
    mono = [0.0]
    journal = Journal(Ledger(folder, KEY), monotonic=lambda: mono[0])
    journal.start()
    try:
        journal.append("device-started")
        journal.flush()
        assert re.fullmatch(r"The journal in .+ cannot be used: .+", journal.problem() or "")
        with pytest.raises(StoreError, match="The journal in"):
            journal.rows(Filter(), 10)
        folder.mkdir()
        mono[0] += 10
        journal.append("signed-in", actor="Ada")
        journal.flush()
        assert journal.problem() is None
        assert actions(Ledger(folder, KEY)) == ["journal-begun", "gap", "signed-in"]
    finally:
        journal.stop()


CANARIES = {
    "pct_abcdefghijklmnopqrstuvwxyz": "token",
    "Authorization: Bearer canary-1": "header",
    "rtsp://ada:canary-2@192.168.1.4/stream": "address",
    "http://192.168.1.4/video?user=x&pw=canary-3": "query",
    "Cookie: sid=canary-4": "cookie",
    "password=canary-5 with a space": "password",
}


@pytest.mark.parametrize("canary", CANARIES)
@pytest.mark.parametrize("place", ["actor", "camera", "address", "detail", "name", "list"])
def test_secrets_do_not_get_in(ledger: Ledger, tmp_path: Path, canary: str, place: str) -> None:
    with running(ledger) as journal:
        if place == "detail":
            journal.append("setting-changed", value=canary)
        elif place == "list":
            journal.append("setting-changed", value=[canary], password="canary-6", token={"a": "canary-7"})
        elif place == "name":
            journal.append("setting-changed", **{canary: 1})  # type: ignore[arg-type]  # any name may come
        else:
            journal.append("setting-changed", **{place: canary})  # type: ignore[arg-type]  # a name of its own each time
    written = b"".join(path.read_bytes() for path in tmp_path.glob(f"{NAME}*"))
    assert b"canary" not in written
    assert b"pct_abc" not in written
    assert "setting-changed" in actions(ledger)


def test_whatever_is_appended_can_be_written_and_read(ledger: Ledger) -> None:
    strange = ["\ud800", "\x00", "a\nb", "x" * 10_000, "=cmd()", "\u202e", "é", ""]
    with running(ledger) as journal:
        for text in strange:
            journal.append("setting-changed", actor=text, camera=text, address=text, value=text, values=[text])
        journal.append("setting-changed", value=float("nan"), large=10**5000, thing=object(), many=["x" * 99] * 99)
    rows = ledger.rows(Filter(action="setting-changed"), 100)
    assert len(rows) == len(strange) + 1
    assert all(len(row.detail) <= 1000 and len(row.actor) <= 100 and row.as_dict() for row in rows)
    assert ledger.first_fault()[1] is None


def test_every_action_that_is_appended_is_in_the_table() -> None:
    said = set()
    for path in Path(pi_cam.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(
                ("journal.append", "diary.append", "_note")
            ):
                said |= {one.value for one in node.args[:1] if isinstance(one, ast.Constant)}
    assert said <= set(ACTIONS)
    assert set(ACTIONS) >= FOLDED
