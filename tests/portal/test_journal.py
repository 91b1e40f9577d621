"""Rows on their way into the portal: whole, each once, and none that a device did not send."""

from __future__ import annotations

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, func, select
from webauthn.helpers import bytes_to_base64url

from tests.portal.conftest import Build
from tests.portal.forwarding import Scribe, paired
from tests.portal.speaking import DESCRIBED, Speaker
from tests.portal.visitor import Visitor
from web.portal.database import db
from web.portal.devices import proofs
from web.portal.devices.journal import intake
from web.portal.devices.journal.models import JournalRow
from web.portal.devices.models import Device
from web.portal.services import services

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
    said: dict[str, Any] = {"presence": {}, "epoch": {"subjects": []}}
    for noun, body in said.items():
        found = {scribe.device.say(noun, body).status_code for _ in range(130)}
        assert 429 in found, noun
    other.did(3)
    assert other.device.presence().status_code == 200


def test_who_asks_for_tokens_without_end_is_slowed_down(app: Flask) -> None:
    flood, other = Speaker(app, address="203.0.113.77"), Speaker(app, address="203.0.113.78")
    asked = {"grant": "key", "device": flood.id}
    answers = [flood.say("token", asked).status_code for _ in range(3_010)]
    assert answers == [200] * 3_000 + [429] * 10
    assert other.say("token", asked).status_code == 200


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
    begun = time.perf_counter()
    page = zoe.get(f"/journal?device={scribe.device.id}").text
    again = time.perf_counter() - begun
    assert "Whole up to row 10000" in page
    print(f"10,000 rows taken in within {seconds:.1f} s, looked at within {looked:.2f} s, then {again:.3f} s")  # noqa: T201
    assert again < looked


def known(app: Flask, owner: int, count: int) -> list[Speaker]:
    """Devices that were paired long ago, each with a token."""
    speakers = [Speaker(app) for _ in range(count)]
    with app.app_context():
        for speaker in speakers:
            speaker.access = proofs.access_token(speaker.id)
            paired_at = services().clock()
            db.session.add(
                Device(id=speaker.id, public_key=speaker.public_key, owner_id=owner, claimed_at=paired_at, **DESCRIBED)
            )
        db.session.commit()
    return speakers


def test_two_thousand_devices_are_heard_though_one_floods(app: Flask, zoe: Visitor, scribe: Scribe) -> None:
    """Being flooded costs a worker less than hearing the devices does, whatever the machine (`make bench-portal` times)."""
    with app.app_context():
        owner = db.session.execute(select(Device.owner_id)).scalar_one()
    devices = known(app, owner, 200)
    assert all(device.presence(journal=Scribe(device).head()).status_code == 200 for device in devices)
    begun = time.process_time()
    for number, device in enumerate(devices):
        assert device.presence(journal=Scribe(device).head()).status_code == 200, number
    alone = time.process_time() - begun
    flood = scribe.batch(1)
    begun, refused = time.process_time(), 0
    for number, device in enumerate(devices):
        refused += scribe.say(flood).status_code == 429
        assert device.presence(journal=Scribe(device).head()).status_code == 200, number
    flooded = time.process_time() - begun
    print(f"200 devices: {alone:.2f} s of the processor, {flooded:.2f} s flooded, {refused} words refused")  # noqa: T201
    assert refused == 80
    assert flooded < 2.5 * alone
