"""Many rows of one kind become one with a count."""

from __future__ import annotations

from pi_cam.journal.actions import Entry
from pi_cam.journal.folding import KEYS_MAX, LONGEST_SECONDS, ROWS_A_WINDOW, STRANGERS_BURST, WINDOW_SECONDS, Folding

HOUR = 3600.0


def watched(at: float = 0.0, actor: str = "Ada", address: str = "192.168.1.7") -> Entry:
    return Entry(at, "watched", actor, "main", address)


def refused(address: str) -> Entry:
    return Entry(0.0, "refused", "", "", address, "refused")


def admitted(folding: Folding, entries: list[Entry], now: float) -> int:
    return sum(folding.admit(entry, now) is not None for entry in entries)


def test_the_first_rows_of_a_minute_stand_for_themselves_and_the_rest_is_counted() -> None:
    folding = Folding()
    assert admitted(folding, [watched(n) for n in range(20)], 0.0) == ROWS_A_WINDOW
    assert folding.due(WINDOW_SECONDS - 0.1) == []
    assert folding.next_due() == WINDOW_SECONDS
    (row,) = folding.due(WINDOW_SECONDS)
    assert (row.actor, row.camera, row.at, row.detail) == ("Ada", "main", 19.0, {"count": 15})


def test_other_people_addresses_and_actions_are_counted_apart() -> None:
    folding = Folding()
    for entry in (watched(), watched(actor="Eve"), watched(address="::1"), Entry(0.0, "started", "Ada", "main", "::1")):
        assert admitted(folding, [entry] * 9, 0.0) == ROWS_A_WINDOW
    assert len(folding.due(WINDOW_SECONDS)) == 4


def test_that_somebody_talked_stands_there_for_each_camera() -> None:
    folding = Folding()
    talked = [Entry(0.0, "talked", "Eve", camera, "127.0.0.1") for camera in [*["a"] * 9, "b", "a"]]
    rows = [entry.camera for entry in talked if folding.admit(entry, 0.0) is not None]
    assert rows == [*["a"] * ROWS_A_WINDOW, "b"]
    (rest,) = folding.due(WINDOW_SECONDS)
    assert (rest.camera, rest.detail["count"]) == ("a", 10 - ROWS_A_WINDOW)


def test_what_changes_rights_or_settings_is_never_counted_only() -> None:
    folding = Folding()
    for action in ("setting-changed", "token-created", "owner-set", "user-removed"):
        assert admitted(folding, [Entry(0.0, action, "Ada")] * 100, 0.0) == 100


def test_a_quiet_minute_begins_anew() -> None:
    folding = Folding()
    assert admitted(folding, [watched()] * 5, 0.0) == 5
    assert folding.due(WINDOW_SECONDS) == []
    assert folding.next_due() is None
    assert admitted(folding, [watched()] * 9, WINDOW_SECONDS) == 5


def test_who_goes_on_for_a_day_gets_a_row_an_hour_in_the_end() -> None:
    folding, rows, count = Folding(), 0, 0
    for second in range(0, 24 * 3600, 5):
        count += 1
        rows += admitted(folding, [watched()], second)
        rows += len(folding.due(second))
    assert count == 17_280
    assert rows < 5 + 7 + 24 * HOUR / LONGEST_SECONDS


def test_from_however_many_addresses_strangers_get_few_rows_and_each_try_is_counted() -> None:
    folding, rows = Folding(), []
    for second in range(3600):
        for number in range(20):
            entry = folding.admit(refused(f"2001:db8::{second:x}:{number:x}"), second)
            rows += [entry] if entry is not None else []
        rows += folding.due(second)
    rows += folding.due(3600.0, all_of_them=True)
    assert len(rows) < STRANGERS_BURST + 60 + 10
    assert sum(row.detail.get("count", 1) for row in rows) == 72_000
    assert len(folding._windows) <= KEYS_MAX


def test_a_stranger_does_not_keep_people_out_of_the_journal() -> None:
    folding = Folding()
    admitted(folding, [refused(f"10.0.0.{n}") for n in range(256)], 0.0)
    assert folding.admit(watched(), 0.0) is not None


def test_people_with_ever_new_addresses_are_bounded_too() -> None:
    folding = Folding()
    admitted(folding, [watched(address=f"2001:db8::{n:x}") for n in range(3 * KEYS_MAX)], 0.0)
    assert len(folding._windows) <= KEYS_MAX + 1
    assert sum(row.detail["count"] for row in folding.due(WINDOW_SECONDS)) == 2 * KEYS_MAX


def test_at_the_end_everything_that_was_counted_gets_its_row() -> None:
    folding = Folding()
    admitted(folding, [watched()] * 7, 0.0)
    (row,) = folding.due(1.0, all_of_them=True)
    assert row.detail == {"count": 2}
