"""What was whole a moment ago is not looked at again and again, and yet nothing that was changed stays unseen."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, delete, insert, select, update

from tests.portal.conftest import Hands
from tests.portal.forwarding import Scribe, paired
from tests.portal.speaking import Speaker
from tests.portal.visitor import Visitor
from web.journal.forwarded import first_fault
from web.portal.database import now
from web.portal.devices.journal import wholeness
from web.portal.devices.journal.models import JournalEnds, JournalRow
from web.portal.devices.journal.places import Place, Places

ROWS = 150
"""More than stand on a page."""


@pytest.fixture
def scribe(app: Flask, zoe: Visitor) -> Scribe:
    return paired(zoe, Speaker(app))


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows were looked at, each time."""
    counts: list[int] = []

    def counted(rows: Any, *more: Any) -> Any:
        known = list(rows)
        counts.append(len(known))
        return first_fault(known, *more)

    monkeypatch.setattr(wholeness, "first_fault", counted)
    return counts


def change(engine: Engine, *statements: Any) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(statement)


def altered(seq: int) -> Any:
    return update(JournalRow).where(JournalRow.seq == seq).values(actor="nobody")


def test_rows_are_looked_at_once_and_new_ones_when_they_come(zoe: Visitor, scribe: Scribe, hashed: list[int]) -> None:
    scribe.did(ROWS)
    for _ in range(3):
        assert f"Whole up to row {ROWS}<" in zoe.get("/journal").text
    assert hashed == [ROWS, 1, 1]
    scribe.did(5)
    page = zoe.get(f"/journal?device={scribe.device.id}").text
    assert f"Whole up to row {ROWS + 5}<" in page
    assert "All rows were looked at:" in page
    assert hashed[3:] == [6]


def test_it_says_when_all_were_looked_at(zoe: Visitor, scribe: Scribe, hands: Hands) -> None:
    def said() -> float:
        found = re.search(r'All rows were looked at: <time data-seconds="([\d.]+)"', zoe.get("/journal").text)
        assert found
        return float(found[1])

    scribe.did(3)
    first = said()
    assert first == hands().timestamp()
    hands.on(minutes=14)
    scribe.did(3)
    assert said() == first
    hands.on(minutes=2)
    assert said() == hands().timestamp()


@pytest.mark.parametrize(("wait", "query"), [(11, "look=again"), (901, "")], ids=["asked for", "after a while"])
def test_a_change_on_another_page_is_found_when_all_are_looked_at(
    zoe: Visitor, scribe: Scribe, engine: Engine, hands: Hands, wait: float, query: str
) -> None:
    scribe.did(ROWS)
    page = f"/journal?device={scribe.device.id}"
    assert f"Whole up to row {ROWS}<" in zoe.get(page).text
    change(engine, altered(5))
    assert f"Whole up to row {ROWS}<" in zoe.get(page).text, "the page says that it does not look at all each time"
    hands.on(seconds=wait)
    assert "Broken at row 5<" in zoe.get(f"{page}&{query}").text
    assert "Broken at row 5<" in zoe.get(page).text, "what was found is not forgotten"


def test_who_asks_again_and_again_costs_no_more(zoe: Visitor, scribe: Scribe, hashed: list[int]) -> None:
    scribe.did(ROWS)
    for _ in range(5):
        zoe.get(f"/journal?device={scribe.device.id}&look=again")
    assert hashed == [ROWS, 1, 1, 1, 1]


@pytest.mark.parametrize("query", ["person=nobody", "before={before}"])
def test_a_change_that_stands_on_the_page_is_found_at_once(
    zoe: Visitor, scribe: Scribe, engine: Engine, query: str
) -> None:
    scribe.did(ROWS)
    older = re.search(r"before=([^\"&]+)", zoe.get("/journal").text)
    assert older
    change(engine, altered(5))
    assert "Broken at row 5<" in zoe.get(f"/journal?{query.format(before=older[1])}").text


def forged(device: str, seq: int) -> dict[str, Any]:
    said = {"at": 0, "actor": "nobody", "action": "watched", "camera": "main", "result": "ok", "detail": "{}"}
    return {"device_id": device, "seq": seq, "previous_hash": b"", "hash": b"", "shown_at": now(), **said}


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (lambda _: delete(JournalRow).where(JournalRow.seq == 4), "Broken at row 4<"),
        (lambda _: delete(JournalRow).where(JournalRow.seq == 1), "Broken at row 1<"),
        (lambda _: delete(JournalRow).where(JournalRow.seq > ROWS - 3), f"Broken at row {ROWS - 2}<"),
        (lambda device: insert(JournalRow).values(forged(device, ROWS + 1)), f"Broken at row {ROWS + 1}<"),
        (lambda device: insert(JournalRow).values(forged(device, 0)), "Broken at row 0<"),
        (lambda _: update(JournalEnds).values(signature=b"\0" * 64), f"Broken at row {ROWS}<"),
        (lambda _: update(JournalEnds).values(last_hash=b"\0" * 32), f"Broken at row {ROWS + 1}<"),
    ],
    ids=["one from the middle", "the first", "the last", "one more", "one before", "signature", "end"],
)
def test_what_is_missing_or_too_much_is_found_at_once(
    zoe: Visitor, scribe: Scribe, engine: Engine, statement: Callable[[str], Any], said: str
) -> None:
    scribe.did(ROWS)
    zoe.get("/journal")
    change(engine, statement(scribe.device.id))
    assert said in zoe.get("/journal").text


def test_a_chain_that_was_made_anew_from_an_old_row_on_is_found_at_once(
    zoe: Visitor, scribe: Scribe, engine: Engine
) -> None:
    scribe.did(ROWS)
    zoe.get("/journal")
    with engine.connect() as connection:
        rows = connection.execute(select(JournalRow.__table__).order_by(JournalRow.seq)).mappings().all()
    previous, changes = rows[4]["previous_hash"], []
    for row in rows[4:]:
        values = {**row, "actor": "nobody"} if row["seq"] == 5 else dict(row)
        own = JournalRow(**values).forwarded().hash(previous)
        where = update(JournalRow).where(JournalRow.seq == row["seq"])
        changes.append(where.values(actor=values["actor"], previous_hash=previous, hash=own))
        previous = own
    change(engine, *changes, update(JournalEnds).values(last_hash=previous))
    assert f"Broken at row {ROWS}<" in zoe.get("/journal").text


def test_rows_that_come_meanwhile_are_no_fault(
    zoe: Visitor, scribe: Scribe, hashed: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    scribe.did(3)
    rows = wholeness._rows

    def after_news(since: dict[str, int]) -> Any:
        if not hashed:
            scribe.did(1)
        return rows(since)

    monkeypatch.setattr(wholeness, "_rows", after_news)
    assert "Whole up to row 4<" in zoe.get("/journal").text
    assert hashed == [4, 4]


def test_of_so_many_devices_and_no_more_is_anything_kept() -> None:
    moment, minute = datetime(2026, 1, 1, tzinfo=UTC), timedelta(minutes=1)
    places = Places(most=2)
    for name in ("a", "b"):
        places.note(name, Place(0, 1, b"", moment))
    assert set(places.of(["a"], moment, minute)) == {"a"}
    places.note("c", Place(0, 1, b"", moment))
    assert set(places.of(["a", "b", "c"], moment, minute)) == {"a", "c"}, "of b nobody asked for longest"
    places.note("a", None)
    assert set(places.of(["a", "c"], moment + minute, minute)) == {"c"}
    assert places.of(["c"], moment + 2 * minute, minute) == {}
    assert places.of(["c"], moment - minute, minute) == {}, "a clock that was set back"
