"""The journal of all devices at the portal: whole, each row once, for nobody but whom it concerns."""

from __future__ import annotations

import csv
import io
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, delete, event, func, select, update
from webauthn.helpers import bytes_to_base64url

from tests.portal.conftest import Build, Hands
from tests.portal.forwarding import MOMENT, Scribe, paired
from tests.portal.post_office import PostOffice
from tests.portal.speaking import Speaker
from tests.portal.visitor import Visitor
from web.portal.database import db
from web.portal.devices.journal import intake, wholeness
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


def test_rows_come_and_stand_on_the_page(zoe: Visitor, scribe: Scribe) -> None:
    assert "No row came yet." in zoe.get("/journal").text
    scribe.did(3)
    scribe.did(2, action="talked", actor="max@example.org")
    page = zoe.get("/journal").text
    assert numbers(page) == [5, 4, 3, 2, 1]
    assert "Whole up to row 5" in page
    assert "The device signed up to row 5:" in page
    assert "Front door" in page
    assert "Talked" in page
    assert "Broken" not in page


def test_presence_says_what_is_there_and_signs_the_end(zoe: Visitor, scribe: Scribe) -> None:
    start = scribe.device.presence(journal=scribe.head()).get_json()["journal"]
    assert start["seq"] == 0
    scribe.did(2)
    held = {"seq": 2, "hash": bytes_to_base64url(scribe.last[1])}
    scribe.batch(3)  # made, and not sent yet
    assert scribe.device.presence(journal=scribe.head()).get_json()["journal"] == held
    page = zoe.get("/journal").text
    assert "Whole up to row 2" in page
    assert "The device signed up to row 5:" in page
    assert "Rows still to come: 3" in page


def test_a_batch_that_comes_again_is_not_doubled(scribe: Scribe, engine: Engine) -> None:
    batch = scribe.batch(5)
    for _ in range(3):
        assert scribe.say(batch).get_json()["journal"]["seq"] == 5
    more = scribe.batch(3)
    both = {**more, "previous": batch["previous"], "rows": batch["rows"] + more["rows"]}
    assert scribe.say(both).get_json()["journal"]["seq"] == 8
    assert [seq for seq, _ in rows(engine)] == list(range(1, 9))


def test_the_same_batch_at_the_same_moment(scribe: Scribe, engine: Engine) -> None:
    batches = [scribe.batch(20) for _ in range(4)]
    for batch in batches:
        with ThreadPoolExecutor(6) as pool:
            answers = [one.status_code for one in pool.map(lambda _: scribe.say(batch), range(6))]  # noqa: B023
        assert set(answers) == {200}
    assert [seq for seq, _ in rows(engine)] == list(range(1, 81))


def forged(scribe: Scribe, **changed: Any) -> dict[str, Any]:
    """A row whose content is not what its hash says."""
    batch = scribe.batch(3)
    batch["rows"][1] |= changed
    return batch


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"actor": "nobody"}, "altered"),
        ({"at": 5}, "altered"),
        ({"detail": "{}"}, "altered"),
        ({"hash": "A" * 43}, "altered"),
        ({"seq": 9}, "altered"),
        ({"seq": 3}, "altered"),
    ],
    ids=str,
)
def test_rows_that_do_not_fit_are_refused_whole_and_shown(
    zoe: Visitor, scribe: Scribe, engine: Engine, changed: dict[str, Any], status: str
) -> None:
    scribe.did(2)
    kept = scribe.last
    answer = scribe.say(forged(scribe, **changed))
    assert (answer.status_code, answer.get_json()["code"]) == (422, "journal")
    assert answer.get_json()["detail"] == intake.REFUSALS[status]
    assert [seq for seq, _ in rows(engine)] == [1, 2]
    page = zoe.get("/journal").text
    assert "Refused from row 4 on" in page
    assert intake.REFUSALS[status] in page
    scribe.last = kept
    scribe.did(1)
    assert "Whole up to row 3" in zoe.get("/journal").text


def test_rows_out_of_order_or_with_some_missing(zoe: Visitor, scribe: Scribe, engine: Engine) -> None:
    scribe.did(2)
    scribe.batch(3)
    answer = scribe.say(scribe.batch(2))
    assert answer.get_json()["detail"] == intake.MISSING
    assert "Refused from row 3 on" in zoe.get("/journal").text
    turned = scribe.batch(2)
    turned["rows"].reverse()
    assert scribe.say(turned).status_code == 422
    assert len(rows(engine)) == 2


def test_another_row_under_a_number_that_is_there(scribe: Scribe, engine: Engine) -> None:
    start = scribe.last
    scribe.did(3)
    scribe.last = start
    answer = scribe.say(scribe.batch(5, actor="somebody else"))
    assert answer.get_json()["detail"] == intake.OTHER
    assert rows(engine) == [(1, "Ada"), (2, "Ada"), (3, "Ada")]


def test_a_device_writes_into_no_other_devices_journal(
    app: Flask, zoe: Visitor, scribe: Scribe, engine: Engine
) -> None:
    evil = paired(zoe, Speaker(app))
    scribe.did(1)
    stolen = scribe.batch(2)
    assert evil.say(stolen).status_code == 422
    assert evil.say({**stolen, "head": evil.head()}).status_code == 422
    assert evil.say({**evil.batch(1), "device": scribe.device.id}).status_code == 422
    assert evil.say({**evil.batch(1), "device_id": scribe.device.id}).status_code == 422
    assert len(rows(engine)) == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"signature": "A" * 86},
        {"signature": "x"},
        {"seq": 7},
        {"seq": -1},
        {"seq": 2**60},
        {"hash": "A" * 43},
        {"at": 0},
        {"at": "now"},
        {"more": 1},
    ],
    ids=str,
)
def test_an_end_that_it_did_not_sign_is_none(zoe: Visitor, scribe: Scribe, changed: dict[str, Any]) -> None:
    scribe.did(1)
    assert scribe.device.presence(version="9.9.9", journal=scribe.head(**changed)).status_code == 422
    assert "9.9.9" not in zoe.get("/cameras").text
    batch = scribe.batch(1)
    assert scribe.say({**batch, "head": {**batch["head"], **changed}}).status_code == 422
    assert "Whole up to row 1" in zoe.get("/journal").text


def test_an_older_end_takes_nothing_back(zoe: Visitor, scribe: Scribe) -> None:
    old = scribe.head()
    scribe.did(4)
    assert scribe.device.presence(journal=old).status_code == 200
    assert "The device signed up to row 4:" in zoe.get("/journal").text


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "x",
        {},
        {"rows": []},
        {"previous": "A" * 43, "rows": [], "head": {}},
        {"previous": "A" * 43, "rows": [None], "head": None},
        {"previous": "A" * 43, "rows": "x", "head": {}},
        {"previous": 7, "rows": [{}], "head": {}},
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused(scribe: Scribe, body: Any) -> None:
    assert scribe.say(body).status_code == 422


@pytest.mark.parametrize(
    "changed",
    [
        {"actor": "x" * 101},
        {"actor": "a\x00b"},
        {"actor": "a\nb"},
        {"action": "Watched"},
        {"action": ""},
        {"action": "<b>"},
        {"camera": "x" * 101},
        {"result": "fine"},
        {"detail": "x" * 1001},
        {"seq": 0},
        {"seq": True},
        {"seq": 1.5},
        {"at": 2**54},
        {"at": None},
        {"at": 1e300},
    ],
    ids=lambda changed: str(changed)[:40],
)
def test_values_that_no_row_has(scribe: Scribe, engine: Engine, changed: dict[str, Any]) -> None:
    batch = scribe.batch(2)
    batch["rows"][1] |= changed
    assert scribe.say(batch).status_code == 422
    assert rows(engine) == []


def test_a_line_of_ten_megabytes_and_too_many_rows(scribe: Scribe, engine: Engine) -> None:
    batch = scribe.batch(1)
    batch["rows"][0]["detail"] = "x" * 10_000_000
    assert scribe.say(batch).status_code == 413
    start = scribe.last
    scribe.last = (0, start[1])
    assert scribe.say({**batch, "rows": [{}] * 10_000}).status_code == 422
    assert rows(engine) == []


def test_the_clock_of_a_device_may_be_wrong(zoe: Visitor, scribe: Scribe) -> None:
    scribe.did(1, at=0, actor="in 1970")
    scribe.did(1, at=4_000_000_000_000, actor="in the far future")
    scribe.did(1, at=2**53, actor="at the end of time")
    scribe.did(1, at=-(2**53), actor="before the world")
    scribe.did(1, actor="now")
    page = zoe.get("/journal").text
    assert sorted(numbers(page)) == [1, 2, 3, 4, 5]
    assert page.count("its clock was wrong") == 4
    assert "Whole up to row 5" in page
    today = zoe.get(f"/journal?from={time.strftime('%Y-%m-%d', time.gmtime())}").text
    assert sorted(numbers(today)) == [1, 2, 3, 4, 5]


def test_what_stands_in_a_row_is_text(zoe: Visitor, scribe: Scribe) -> None:
    evil = "<script>alert(1)</script>"
    scribe.did(
        1, actor=evil, camera=evil, action="no-such-action", detail=json.dumps({evil: [evil, None, {"x": evil}]})
    )
    scribe.did(1, detail="[" * 900)
    scribe.did(1, detail="no json")
    page = zoe.get("/journal").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
    assert numbers(page) == [3, 2, 1]


# Who sees it.


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


# Whether it is whole.


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


# Files.


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


# Many.


def test_a_flood_is_slowed_down_in_words_and_drowns_nobody(
    app: Flask, zoe: Visitor, scribe: Scribe, engine: Engine
) -> None:
    other = paired(zoe, Speaker(app))
    batch = scribe.batch(1)
    answers = [scribe.say(batch) for _ in range(130)]
    assert [one.status_code for one in answers].count(200) == 120
    last = answers[-1]
    assert (last.status_code, last.get_json()["status"]) == (429, 429)
    assert "Too many attempts" in last.get_json()["detail"]
    assert last.headers["Retry-After"] == "60"
    for noun, body in (("presence", {}), ("epoch", {"subjects": []})):
        found = {scribe.device.say(noun, body).status_code for _ in range(130)}
        assert 429 in found, noun
    other.did(3)
    assert other.device.presence().status_code == 200


def test_ten_thousand_rows(zoe: Visitor, scribe: Scribe, engine: Engine, build: Build) -> None:
    batches = [scribe.batch(200) for _ in range(50)]
    begun = time.perf_counter()
    for batch in batches:
        assert scribe.say(batch).status_code == 200
    seconds = time.perf_counter() - begun
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(JournalRow)).scalar_one() == 10_000
    begun = time.perf_counter()
    page = zoe.get(f"/journal?device={scribe.device.id}").text
    looked = time.perf_counter() - begun
    assert "Whole up to row 10000" in page
    print(f"10,000 rows taken in within {seconds:.1f} s, looked at within {looked:.2f} s")  # noqa: T201
