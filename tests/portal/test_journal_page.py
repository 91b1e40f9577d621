"""The journal's page and files: for nobody but whom it concerns, and honest about what is whole."""

from __future__ import annotations

import csv
import io
import json
import re
import time
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, delete, event, func, select, update

from tests.portal.conftest import Hands
from tests.portal.forwarding import MOMENT, Scribe, paired
from tests.portal.post_office import PostOffice
from tests.portal.speaking import CAMERAS, Speaker
from tests.portal.visitor import Visitor
from web.portal.database import db
from web.portal.devices.journal import choice, intake, wholeness
from web.portal.devices.journal.models import JournalEnds, JournalRow

ZOE, MAX = "zoe@example.org", "max@example.org"


@pytest.fixture
def scribe(app: Flask, zoe: Visitor) -> Scribe:
    return paired(zoe, Speaker(app))


def rows(engine: Engine) -> list[tuple[int, str]]:
    with engine.connect() as connection:
        found = connection.execute(select(JournalRow.seq, JournalRow.actor).order_by(JournalRow.seq))
        return [(row.seq, row.actor) for row in found]


def numbers(page: str) -> list[int]:
    return [int(one) for one in re.findall(r'data-row="(\d+)"', page)]


def let_in(app: Flask, zoe: Visitor, office: PostOffice, device: str) -> Visitor:
    guest = Visitor(app, office, "198.51.100.3").join(MAX)
    asked = {"email": MAX, "main.view": "on"}
    assert zoe.post(f"/devices/{device}/invite", page=f"/devices/{device}/people", **asked).status_code == 303
    assert guest.post(office.link(MAX)).status_code == 303
    return guest


def test_a_guest_sees_what_the_guest_did_and_nothing_else(
    app: Flask, zoe: Visitor, scribe: Scribe, office: PostOffice, hands: Hands
) -> None:
    scribe.did(1, actor=MAX)
    hands.on(minutes=1)
    guest = let_in(app, zoe, office, scribe.device.id)
    later = int(hands().timestamp() * 1000) + 30_000
    hands.on(minutes=1)
    scribe.did(1, actor=ZOE, at=later)
    scribe.did(1, actor=MAX, at=later)
    scribe.did(1, actor="", action="device-started", at=later)
    assert numbers(guest.get("/journal").text) == [3], "nor what somebody of that name did before"
    assert numbers(zoe.get("/journal").text) == [4, 3, 2, 1]
    for query in (f"device={scribe.device.id}", f"camera={scribe.device.id}/main", f"person={MAX}", "action=watched"):
        assert numbers(guest.get(f"/journal?{query}").text) == [3]
    assert numbers(guest.get(f"/journal?person={ZOE}").text) == []
    assert "Whole up to" not in guest.get("/journal").text
    bedroom = [*CAMERAS, {**CAMERAS[0], "id": "bedroom", "name": "Bedroom"}]
    scribe.device.presence(cameras=bedroom)
    assert "Bedroom" in zoe.get("/journal").text
    assert "Bedroom" not in guest.get("/journal").text
    saved = [json.loads(line) for line in guest.get("/journal/export?format=json").text.splitlines()]
    assert [(line["kind"], line["seq"]) for line in saved] == [("row", 3)]
    assert ZOE not in guest.get("/journal/export?format=csv").text
    zoe.get(f"/devices/{scribe.device.id}/people")
    number = re.search(r"/shares/(\d+)/end", zoe.get(f"/devices/{scribe.device.id}/people").text)
    assert number is not None
    zoe.send("POST", f"/devices/{scribe.device.id}/shares/{number[1]}/end", data={"form_token": zoe.token})
    assert numbers(guest.get("/journal").text) == []


def test_strangers_see_nothing_whatever_they_ask(app: Flask, scribe: Scribe, office: PostOffice) -> None:
    scribe.did(3, actor=MAX)
    stranger = Visitor(app, office, "198.51.100.9").join(MAX)
    nothing = stranger.get(f"/journal?device={'b' * 20}").text
    for device in (scribe.device.id, "b" * 20):
        page = stranger.get(f"/journal?device={device}").text
        assert page.replace(device, "b" * 20) == nothing.replace(stranger.token, "") or numbers(page) == []
        assert numbers(page) == []
        assert stranger.get(f"/journal/export?format=csv&device={device}").text.count("\n") == 1
        assert stranger.get(f"/journal/export?format=json&device={device}").text == ""


@pytest.mark.parametrize(
    "query",
    [
        "device=x",
        "device=" + "'" * 20,
        "camera=main",
        "camera=../../x",
        "action=burning",
        "from=yesterday",
        "to=2026-13-40",
        "before=x",
        "before=20261399T999999999999-" + "b" * 20 + "-1",
        "person=" + "x" * 300,
    ],
)
def test_questions_that_make_no_sense(zoe: Visitor, scribe: Scribe, query: str) -> None:
    scribe.did(1)
    assert zoe.get(f"/journal?{query}").status_code == 422
    assert zoe.get(f"/journal/export?format=csv&{query}").status_code == 422
    assert zoe.get("/journal/export?format=exe").status_code == 422


def test_it_can_be_narrowed_down(app: Flask, zoe: Visitor, scribe: Scribe, hands: Hands) -> None:
    other = paired(zoe, Speaker(app), name="Shed")
    scribe.did(1, camera="main")
    scribe.did(1, camera="garden", actor="Bob")
    other.did(1, action="talked")
    hands.on(days=3)
    other.device.sign_in()
    zoe.sign_in(ZOE)
    other.did(1, actor="Bob", at=int(hands().timestamp() * 1000))
    ours = scribe.device.id

    def count(**query: str) -> int:
        return len(numbers(zoe.get("/journal", query_string=query).text))

    assert [count(), count(device=ours), count(camera=f"{ours}/garden")] == [4, 2, 1]
    assert [count(person="Bob"), count(action="talked"), count(person="Bob", device=ours)] == [2, 1, 1]
    day = hands().strftime("%Y-%m-%d")
    assert [count(**{"from": day}), count(to=day), count(**{"from": day, "to": day, "person": "Ada"})] == [1, 4, 0]


@pytest.mark.parametrize("query", ["to=9999-12-31", "from=0001-01-01", "from=0001-01-01&to=9999-12-31"])
def test_days_at_the_ends_of_the_calendar(zoe: Visitor, scribe: Scribe, query: str) -> None:
    scribe.did(2)
    assert numbers(zoe.get(f"/journal?{query}").text) == [2, 1]
    assert zoe.get(f"/journal/export?format=csv&{query}").text.count("\n") == 3


def test_it_is_read_page_by_page(app: Flask, zoe: Visitor, scribe: Scribe) -> None:
    other = paired(zoe, Speaker(app))
    same = {"at": int(time.time() * 1000)}
    scribe.did(130, **same)
    other.did(95, **same)
    found: list[tuple[int, ...]] = []
    path = "/journal"
    while path:
        page = zoe.get(path).text
        found.append(tuple(numbers(page)))
        older = re.search(r'href="(/journal\?before=[^"]+)"', page)
        path = older[1] if older else ""
    assert [len(page) for page in found] == [100, 100, 25]
    assert sorted(number for page in found for number in page) == sorted([*range(1, 131), *range(1, 96)])


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (update(JournalRow).where(JournalRow.seq == 4).values(actor="nobody"), "Broken at row 4"),
        (delete(JournalRow).where(JournalRow.seq == 4), "Broken at row 4"),
        (delete(JournalRow).where(JournalRow.seq == 1), "Broken at row 1"),
        (delete(JournalRow).where(JournalRow.seq > 7), "Broken at row 8"),
        (update(JournalEnds).values(signed_seq=5), "Broken at row 5"),
        (update(JournalEnds).values(signed_at=MOMENT), "Broken at row 10"),
        (update(JournalEnds).values(signature=b"\0" * 64), "Broken at row 10"),
    ],
    ids=str,
)
def test_who_writes_into_the_database_is_seen(
    zoe: Visitor, scribe: Scribe, engine: Engine, statement: Any, said: str
) -> None:
    scribe.did(10)
    with engine.begin() as connection:
        connection.execute(statement)
    assert said in zoe.get("/journal").text


def test_rows_that_were_cut_together_with_their_end_are_seen(zoe: Visitor, scribe: Scribe, engine: Engine) -> None:
    scribe.did(10)
    with engine.begin() as connection:
        last = connection.execute(select(JournalRow.hash).where(JournalRow.seq == 6)).scalar_one()
        connection.execute(delete(JournalRow).where(JournalRow.seq > 6))
        connection.execute(update(JournalEnds).values(last_seq=6, last_hash=last))
    page = zoe.get("/journal").text
    assert "The device signed up to row 10:" in page
    assert "Rows still to come: 4" in page


def test_of_many_devices_the_newest_rows_are_looked_at(
    app: Flask, zoe: Visitor, scribe: Scribe, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wholeness, "NEWEST_ROWS", 20)
    monkeypatch.setattr(choice, "PAGE_ROWS", 15)
    paired(zoe, Speaker(app)).did(3)
    scribe.did(30)
    with engine.begin() as connection:
        connection.execute(update(JournalRow).where(JournalRow.seq == 5).values(actor="nobody"))
    page = zoe.get("/journal").text
    assert "Whole from row 21 to row 30" in page
    assert "Whole up to row 3" in page
    assert "Broken at row 5" in zoe.get(f"/journal?device={scribe.device.id}").text


def test_as_many_statements_for_many_devices_as_for_two(app: Flask, zoe: Visitor, scribe: Scribe) -> None:
    def statements() -> int:
        count = 0

        def counted(*_: object) -> None:
            nonlocal count
            count += 1

        with app.app_context():
            engine = db.engine
        event.listen(engine, "before_cursor_execute", counted)
        try:
            assert zoe.get("/journal").status_code == 200
        finally:
            event.remove(engine, "before_cursor_execute", counted)
        return count

    scribe.did(5)
    paired(zoe, Speaker(app)).did(5)
    two = statements()
    for _ in range(3):
        paired(zoe, Speaker(app)).did(5)
    assert statements() == two


def test_the_oldest_rows_go_and_the_rest_is_whole_still(
    zoe: Visitor, scribe: Scribe, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "KEPT_ROWS", 50)
    for _ in range(4):
        scribe.did(20)
    assert [seq for seq, _ in rows(engine)] == list(range(31, 81))
    page = zoe.get("/journal").text
    assert "Whole up to row 80" in page
    assert "Rows up to 30 went" in page
    with engine.begin() as connection:
        connection.execute(delete(JournalRow).where(JournalRow.seq == 31))
    assert "Broken at row 31" in zoe.get("/journal").text


def test_rows_go_with_the_device_and_with_the_account(app: Flask, zoe: Visitor, scribe: Scribe, engine: Engine) -> None:
    scribe.did(3)
    other = paired(zoe, Speaker(app))
    other.did(2)
    assert other.device.say("unpair", {}).status_code == 200
    assert len(rows(engine)) == 3
    assert zoe.post("/account/delete", password="a green door behind the old house").status_code == 303
    with engine.connect() as connection:
        for table in (JournalRow, JournalEnds):
            assert connection.execute(select(func.count()).select_from(table)).scalar_one() == 0
    assert scribe.say(scribe.batch(1)).status_code == 403


def test_the_file_for_spreadsheets_holds_no_formula(zoe: Visitor, scribe: Scribe) -> None:
    evil = ["=1+1", "+1", "-1", "@x", "\N{FULLWIDTH EQUALS SIGN}1", "  =cmd|' /C calc'!A0", 'a"b,c']
    for actor in evil:
        scribe.did(1, actor=actor, detail="=HYPERLINK()")
    answer = zoe.get("/journal/export?format=csv")
    assert answer.headers["Content-Disposition"] == "attachment; filename=journal.csv"
    assert answer.headers["Content-Type"].startswith("text/csv")
    lines = list(csv.DictReader(io.StringIO(answer.text)))
    assert [line["actor"] for line in lines] == [f"'{actor}" for actor in evil[:-1]] + [evil[-1]]
    for line in lines:
        assert not any(cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r")) for cell in line.values())


def test_the_file_for_programs_can_be_checked(zoe: Visitor, scribe: Scribe) -> None:
    for _ in range(5):
        scribe.did(300, detail="{}")
    answer = zoe.get("/journal/export?format=json")
    assert answer.headers["Content-Type"] == "application/jsonl"
    first, *lines = [json.loads(line) for line in answer.text.splitlines()]
    assert (first["kind"], first["device"], first["head"]["seq"]) == ("device", scribe.device.id, 1500)
    assert [line["seq"] for line in lines] == list(range(1, 1501))
    chosen = zoe.get("/journal/export?format=json&person=nobody").text
    assert chosen == "", "what is only a part cannot be checked, and does not pretend to be all"


def test_of_a_name_like_a_formula(app: Flask, zoe: Visitor) -> None:
    scribe = paired(zoe, Speaker(app), name="=1+1")
    scribe.did(1)
    assert '"\'=1+1"' in zoe.get("/journal/export?format=csv").text
