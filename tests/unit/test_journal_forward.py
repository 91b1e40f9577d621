"""Rows on their way to the portal: each once, none lost, whatever breaks; and what a portal that lies about them is told."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st
from webauthn.helpers import base64url_to_bytes

from pi_cam.errors import PortalRefused, PortalUnreachable, StoreError
from pi_cam.journal.actions import Entry
from pi_cam.journal.ledger import NAME
from pi_cam.remote import forwarding
from pi_cam.remote.forwarding import FILE
from pi_cam.remote.journal_forward import BATCH_BYTES, NEVER, SOON_SECONDS
from pi_cam.trust.pairing import Portal
from tests.portal_double import ISSUER
from tests.unit.forwarding_world import PORTAL, Keeper, World, vars_of
from web.journal.forwarded import Forwarded, head_text


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_only_what_happens_after_the_yes_leaves_the_house(world: World) -> None:
    world.did(5, "signed-in")
    world.pair()
    world.did(3)
    world.speak()
    assert world.actions() == ["watched"] * 3
    assert world.is_whole()
    row = world.portal.rows[0][0]
    assert (row.seq, row.at, row.actor, row.camera, row.result) == (1, 1_800_000_000_000, "Ada", "main", "ok")
    assert "192.168" not in json.dumps([vars_of(row) for row, _ in world.portal.rows])


def test_watching_and_talking_are_forwarded_whatever_is_set(world: World) -> None:
    world.pair()
    for action in ("watched", "stopped-watching", "listened", "talked", "stopped-talking"):
        world.did(1, action)
    world.speak()
    assert world.actions() == ["watched", "stopped-watching", "listened", "talked", "stopped-talking"]


def test_many_rows_go_in_batches_that_fit(world: World) -> None:
    world.pair()
    wide = {"why": "é" * 90, "what": '"' * 90}
    world.ledger.add(
        [
            Entry(world.now, "refused", "\N{GRINNING FACE}" * 100, result="ok", detail={**wide, "number": number})
            for number in range(450)
        ]
    )
    world.speak()
    assert world.numbers() == list(range(450))
    assert world.portal.largest <= 64 * 1024
    assert world.portal.largest > BATCH_BYTES / 2
    assert len(world.portal.heads) > 3


def test_between_two_batches_there_is_time_for_other_things(world: World) -> None:
    world.pair()
    world.did(250)
    assert world.forward.step(world.portal, PORTAL, {"journal": world.portal.held()}) == SOON_SECONDS
    assert len(world.portal.rows) == 200


def test_between_two_words_of_presence_it_goes_on_from_what_was_said(world: World) -> None:
    world.pair()
    world.did(1)
    world.speak()
    world.did(2)
    assert world.forward.step(world.portal, PORTAL, {}) == SOON_SECONDS
    assert len(world.portal.rows) == 3
    world.portal.breaks_before = 1
    world.did(1)
    with pytest.raises(PortalUnreachable):
        world.forward.step(world.portal, PORTAL, {})
    assert world.forward.step(world.portal, PORTAL, {}) == NEVER, "what the portal has is not known now"
    world.speak()
    assert world.numbers() == [0, 0, 1, 0]


def test_a_portal_that_says_nothing_of_journals_gets_none(world: World) -> None:
    world.pair()
    world.did(3)
    assert world.forward.step(world.portal, PORTAL, {}) == NEVER
    assert world.portal.rows == []


@pytest.mark.parametrize("seed", range(8))
def test_each_once_whatever_breaks(world: World, seed: int) -> None:
    chance = random.Random(seed)
    world.pair()
    done = 0
    for _ in range(40):
        count = chance.randrange(60)
        world.did(count, start=done)
        done += count
        world.portal.breaks_before, world.portal.breaks_after = chance.randrange(2), chance.randrange(3)
        world.speak(chance.randrange(4))
        if chance.random() < 0.5:
            world.restart()
        world.forward.head(PORTAL)
    world.portal.breaks_before = world.portal.breaks_after = 0
    world.speak()
    assert world.numbers() == list(range(done))
    assert world.is_whole()
    assert world.noted().count("portal-journal-differs") == 0


def test_a_crash_before_the_end_of_a_batch_is_written_down(world: World) -> None:
    """The portal has it, and this device has forgotten that it sent anything."""
    world.pair()
    world.did(10)
    before = (world.folder / FILE).read_bytes()
    world.portal.breaks_after = 1
    world.speak(1)
    (world.folder / FILE).write_bytes(before)
    world.restart()
    world.did(2)
    world.speak()
    assert len(world.portal.rows) == 12
    assert world.is_whole()
    assert "portal-journal-differs" not in world.noted()


def test_a_portal_away_for_a_day(world: World) -> None:
    world.pair()
    world.portal.fault = PortalUnreachable("gone")
    for _ in range(24):
        world.did(50)
        world.now += 3600
        world.speak(2)
    world.portal.fault = None
    world.speak()
    assert len(world.portal.rows) == 1200
    assert world.is_whole()


def test_the_head_is_signed_and_ahead_of_what_the_portal_has(world: World) -> None:
    world.pair()
    world.did(700)
    head = world.forward.head(PORTAL)
    assert head is not None
    assert head["seq"] == 700
    world.speak()
    assert world.portal.held() == {"seq": 700, "hash": head["hash"]}
    what = head_text(world.key.id, 700, base64url_to_bytes(head["hash"]), head["at"])
    message = f"pi-cam.v1\njournal-head\n{ISSUER}\n{what}".encode()
    Ed25519PublicKey.from_public_bytes(world.key.public_bytes).verify(base64url_to_bytes(head["signature"]), message)


def test_rows_that_the_portal_lost_come_again(world: World) -> None:
    world.pair()
    world.did(30)
    world.speak()
    del world.portal.rows[12:]
    world.speak()
    assert world.actions()[:30] == ["watched"] * 30
    assert world.actions()[30:] == ["portal-journal-behind"]
    assert world.is_whole()


def test_a_portal_that_changed_rows_is_noted_once(world: World) -> None:
    world.pair()
    world.did(30)
    world.speak()
    row, _ = world.portal.rows[-1]
    altered = Forwarded(**{**vars_of(row), "actor": "nobody"})
    world.portal.rows[-1] = (altered, altered.hash(world.portal.rows[-2][1]))
    world.did(1)
    for _ in range(3):
        world.speak()
    assert world.noted().count("portal-journal-differs") == 1
    assert world.actions()[30:] == ["watched", "portal-journal-differs"]


def test_a_device_that_was_restored_goes_on_where_the_portal_is(world: World) -> None:
    world.pair()
    world.did(10)
    world.speak()
    kept = {name: (world.folder / name).read_bytes() for name in (NAME, FILE)}
    world.did(5)
    world.speak()
    for name, data in kept.items():
        (world.folder / name).write_bytes(data)
    for side in world.folder.glob(f"{NAME}-*"):
        side.unlink()
    world.restart()
    world.did(2, "talked")
    world.speak()
    assert world.actions()[15:] == ["talked", "talked", "portal-journal-differs"]
    assert world.is_whole()


def test_rows_that_went_before_they_could_be_sent_are_counted(world: World) -> None:
    world.pair()
    world.did(100)
    world.speak()
    world.did(300)
    world.ledger.prune(120, None)
    world.speak()
    assert world.is_whole()
    assert world.actions()[-1] == "gap"
    gap = json.loads(world.portal.rows[-1][0].detail)
    assert gap == {"why": "not forwarded in time", "count": 300 - 120}
    assert len(world.portal.rows) == 100 + 120 + 1


def test_a_new_journal_in_the_place_of_a_damaged_one_is_forwarded_from_its_beginning(world: World) -> None:
    world.pair()
    world.did(20)
    world.speak()
    world.now += 60
    for path in world.folder.glob(f"{NAME}*"):
        path.unlink()
    world.ledger.open(world.now)
    world.restart()
    world.did(30)
    world.speak()
    assert world.actions()[20:] == ["journal-begun", *["watched"] * 30, "gap"]
    assert world.is_whole()


def test_an_older_journal_tells_nothing_of_before_the_pairing(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.did(50, "signed-in")
    old = (tmp_path / NAME).read_bytes()
    world.now += 10
    world.did(10)
    world.pair()
    world.did(3)
    world.speak()
    (tmp_path / NAME).write_bytes(old)
    for side in tmp_path.glob(f"{NAME}-*"):
        side.unlink()
    world.restart()
    world.speak()
    world.did(2, "talked")
    world.speak()
    assert world.actions()[3:] == ["gap", "talked", "talked"]


def test_without_its_note_it_goes_on_at_the_newest_row(world: World) -> None:
    world.pair()
    world.did(10)
    world.speak()
    (world.folder / FILE).unlink()
    world.restart()
    world.did(1, "talked")
    world.forward.head(PORTAL)
    world.did(2, "talked")
    world.speak()
    assert world.actions()[10:] == ["talked", "talked", "portal-journal-differs"]
    assert world.is_whole()


def test_another_pairing_begins_anew(world: World) -> None:
    world.pair()
    world.did(5)
    world.speak()
    world.did(7, "signed-in")
    again = Portal(ISSUER, "m***@example.org", PORTAL.keys, accepted=True, paired_at=200.0)
    world.forward.begin(again)
    world.did(2)
    fresh = Keeper(world.key.id)
    for _ in range(2):
        world.forward.step(fresh, again, {"journal": fresh.held()})
    assert [row.action for row, _ in fresh.rows] == ["watched"] * 2


@pytest.mark.parametrize(
    "said",
    [
        None,
        [],
        "x",
        {},
        {"seq": -1, "hash": "A" * 43},
        {"seq": True, "hash": "A" * 43},
        {"seq": 1, "hash": "é"},
        {"seq": 1, "hash": "AAAA"},
        {"seq": 2**60, "hash": "A" * 43},
        {"seq": "1", "hash": "A" * 43},
    ],
    ids=str,
)
def test_an_answer_that_makes_no_sense_moves_nothing(world: World, said: Any) -> None:
    world.pair()
    world.did(3)
    world.speak()
    with pytest.raises(PortalUnreachable):
        world.forward.step(world.portal, PORTAL, {"journal": said or 7})
    assert world.forward.state()["rows"] == 3


def test_a_refusal_is_said_and_tried_again(world: World) -> None:
    world.pair()
    world.did(3)
    world.portal.fault = PortalRefused("The portal refused this (422).", "journal")
    world.speak()
    assert world.forward.state() == {"rows": 0, "trouble": "The portal refused this (422)."}
    world.portal.fault = None
    world.speak()
    assert world.forward.state() == {"rows": 3, "trouble": None}


def test_the_end_of_the_pairing_is_passed_on(world: World) -> None:
    world.pair()
    world.did(1)
    world.portal.fault = PortalRefused("no", "unpaired")
    with pytest.raises(PortalRefused):
        world.forward.step(world.portal, PORTAL, {"journal": world.portal.held()})


def test_a_disk_that_says_no_stops_forwarding_and_nothing_else(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.pair()
    world.did(3)

    def full(*_: object) -> None:
        raise StoreError("The data folder cannot be used: full")

    monkeypatch.setattr(forwarding, "save", full)
    assert world.forward.step(world.portal, PORTAL, {"journal": world.portal.held()}) == NEVER
    assert world.portal.rows == []
    monkeypatch.undo()
    world.speak()
    assert len(world.portal.rows) == 3


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"portal": 1}', '{"held": [1, "zz", 1, ""]}', "\x00", "9" * 5000]
)
def test_a_damaged_note_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    assert forwarding.load(tmp_path) is None


@given(st.text(max_size=2000) | st.binary(max_size=500).map(lambda data: data.decode("latin-1")))
@settings(max_examples=60, deadline=None)
def test_any_note_is_read_or_none(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.mktemp("note")
    (folder / FILE).write_bytes(text.encode(errors="replace"))
    assert forwarding.load(folder) is None
