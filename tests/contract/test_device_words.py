"""What a device says to its portal of its journal and of itself: the same JSON on both sides."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from marshmallow import ValidationError
from webauthn.helpers import bytes_to_base64url

from pi_cam.about import Started
from pi_cam.control.health import health
from pi_cam.journal import Journal
from pi_cam.journal.actions import ACTIONS, Entry, Row
from pi_cam.journal.ledger import Ledger
from pi_cam.remote.forwarding import Mark
from pi_cam.remote.journal_forward import NEVER, JournalForward, step_behind
from pi_cam.remote.portal_client import Answer
from pi_cam.trust.device_key import DeviceKey
from pi_cam.trust.pairing import Portal
from tests.contract.application import running
from tests.portal_double import ISSUER, Signer
from web.journal.forwarded import Forwarded, beginning
from web.journal.words import ACTIONS as WORDS
from web.portal.devices.journal.speech import BatchSchema, RowSchema
from web.portal.devices.speech import PresenceSchema

MOMENT = 1_764_350_000.25
BATCH: dict[str, Any] = {
    "previous": "FIssbUVtnm_L_zqwIWUbLHlJ_ZqbHrhDOiZPE0J52s4",
    "rows": [
        {
            "seq": 1,
            "at": 1_764_350_000_250,
            "actor": "ada@example.org",
            "action": "watched",
            "camera": "main",
            "result": "ok",
            "detail": '{"transport":"webrtc"}',
            "hash": "a58pijg_2mYhflHlOVNS62bBaJHXOwa6SHSnSjIvi28",
        },
        {
            "seq": 2,
            "at": 1_764_350_000_250,
            "actor": "Zo\u00e9",
            "action": "talked",
            "camera": "main",
            "result": "refused",
            "detail": "{}",
            "hash": "ZOXdIlamB32PWC8HbT6rTgENE4qRoowcrtsHJID322g",
        },
    ],
    "head": {
        "seq": 2,
        "hash": "ZOXdIlamB32PWC8HbT6rTgENE4qRoowcrtsHJID322g",
        "at": 1_764_350_000_250,
        "signature": "b3MaJZ4wW42cAyj88iLOIpZys3NB4Hz5n1mkt8bzYAeIHpuUHaveYobgh1C8ddUWCkisyYVO--687IOTMdN-AA",
    },
}
"""As it goes over the line; answered by `{"journal": {"seq": 2, "hash": "…"}}`."""


class Recorder:
    """A portal that takes everything."""

    def __init__(self, device: str) -> None:
        self.address = ISSUER
        self.said: list[dict[str, Any]] = []

    def say(self, noun: str, body: dict[str, Any]) -> dict[str, Any]:
        assert noun == "journal"
        self.said.append(body)
        return {"journal": {name: body["head"][name] for name in ("seq", "hash")}}

    def authorize(self, device: dict[str, Any], nonce: str) -> dict[str, Any]:
        raise NotImplementedError

    def poll(self, device_code: str) -> Answer:
        raise NotImplementedError


def test_rows_of_the_journal(tmp_path: Path) -> None:
    key = DeviceKey(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
    ledger = Ledger(tmp_path, b"s" * 32)
    ledger.open(0.0)
    forward = JournalForward(Journal(ledger), tmp_path, key, lambda: MOMENT)
    portal = Portal(ISSUER, "a***@example.org", Signer().keys, accepted=True, paired_at=1.0)
    forward.begin(portal)
    watched = Entry(MOMENT, "watched", "ada@example.org", "main", "192.168.1.7", detail={"transport": "webrtc"})
    ledger.add([watched, Entry(MOMENT, "talked", "Zo\u00e9", "main", result="refused")])
    there = Recorder(key.id)
    head = forward.head(portal)
    assert head == BATCH["head"]
    start = {"seq": 0, "hash": BATCH["previous"]}
    while forward.step(there, portal, {"journal": start} if not there.said else {}) != NEVER:
        continue
    assert there.said == [BATCH]


def test_the_portal_takes_the_same(tmp_path: Path) -> None:
    batch = BatchSchema().load(json.loads(json.dumps(BATCH)))
    key = DeviceKey(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
    previous = batch["previous"]
    assert previous == beginning(ISSUER, key.id)
    for row in batch["rows"]:
        own = row.pop("hash")
        assert Forwarded(**row).hash(previous) == own
        previous = own
    assert batch["head"]["hash"] == previous


@pytest.mark.parametrize("where", ["", "rows", "head"])
def test_a_word_too_many_refuses_the_whole(where: str) -> None:
    batch = json.loads(json.dumps(BATCH))
    place = {"": batch, "rows": batch["rows"][0], "head": batch["head"]}[where]
    place["more"] = 1
    with pytest.raises(ValidationError):
        BatchSchema().load(batch)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["seq", "at", "hash", "x"]), inner),
    max_leaves=8,
)


@given(
    where=st.sampled_from(["batch", "row", "head"]), name=st.sampled_from([*BATCH["rows"][0], *BATCH]), value=anything
)
@settings(max_examples=150, deadline=None)
def test_any_json_is_taken_or_refused(where: str, name: str, value: Any) -> None:
    """And never breaks anything."""
    batch = json.loads(json.dumps(BATCH))
    place = {"batch": batch, "row": batch["rows"][0], "head": batch["head"]}[where]
    place[name] = value
    try:
        found = BatchSchema().load(batch)
    except ValidationError:
        return
    for row in found["rows"]:
        assert len(Forwarded(**{key: kept for key, kept in row.items() if key != "hash"}).hash(b"p" * 32)) == 32


words = st.text(max_size=120)


@given(at=st.floats(allow_nan=False, min_value=-1e15, max_value=1e15), word=words, detail=st.text(max_size=1200))
@settings(max_examples=150, deadline=None)
def test_whatever_stands_in_the_file_the_portal_takes_it(at: float, word: str, detail: str) -> None:
    """Somebody may have written into it: one row that is refused for ever would hold up all others."""
    text, more = word.encode(errors="replace").decode(), detail.encode(errors="replace").decode()
    row = Row(7, at, text, text, text, text, text, more, b"h" * 32)
    forwarded, mark = step_behind(Mark(3, b"p" * 32, 6), row)
    written = json.loads(json.dumps({**asdict(forwarded), "hash": bytes_to_base64url(mark.hash)}))
    taken = RowSchema().load(written)
    own = taken.pop("hash")
    assert Forwarded(**taken).hash(b"p" * 32) == own == mark.hash


def test_presence_of_the_running_device(tmp_path: Path) -> None:
    with running(tmp_path) as application:
        portal = Signer()
        application.services.pairing.claimed(ISSUER, "a***@example.org", portal.keys)
        application.services.pairing.accept("a***@example.org")
        application.services.link.accepted()
        application.services.journal.append("talked", actor="Ada", camera="main")
        said = json.loads(json.dumps(application.app._shown_to_portal()))
        found = PresenceSchema().load(said)
        assert found["journal"]["seq"] >= 1
        assert found["health"]["disk_free"] > 0
        assert [camera["id"] for camera in found["cameras"]] == ["main"]


def test_health_is_what_the_machine_says(tmp_path: Path) -> None:
    nothing = health(tmp_path / "gone", Started(), tmp_path)
    assert nothing == {"uptime_seconds": 0, "temperature": None, "disk_free": None, "disk_size": None}
    heat = tmp_path / "sys/class/thermal/thermal_zone0/temp"
    heat.parent.mkdir(parents=True)
    for text, degrees in (("54321\n", 54.3), ("-4000", -4.0), ("x", None), ("999999999", None), ("", None)):
        heat.write_text(text)
        assert health(tmp_path, Started(), tmp_path)["temperature"] == degrees


def test_both_know_the_same_words() -> None:
    assert ACTIONS is WORDS
