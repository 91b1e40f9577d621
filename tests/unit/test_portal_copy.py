"""An export of the portal, checked at home."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from webauthn.helpers import bytes_to_base64url

from pi_cam.errors import StoreError
from pi_cam.remote import portal_copy
from pi_cam.remote.forwarding import FILE
from pi_cam.trust.device_key import DeviceKey
from tests.portal_double import ISSUER
from tests.unit.forwarding_world import World, vars_of
from web.journal.forwarded import Forwarded, beginning


def exported(world: World, **changed: Any) -> list[dict[str, Any]]:
    head = world.portal.heads[-1]
    start = {"seq": 0, "hash": bytes_to_base64url(beginning(ISSUER, world.key.id))}
    first = {"kind": "device", "device": world.key.id, "portal": ISSUER, "before": start, "head": head, **changed}
    rows = [
        {"kind": "row", "device": world.key.id, **vars_of(row), "hash": bytes_to_base64url(own)}
        for row, own in world.portal.rows
    ]
    return [first, *rows]


KEY = DeviceKey(Ed25519PrivateKey.from_private_bytes(bytes(32)))


@pytest.fixture
def sent(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.pair()
    world.did(20)
    world.speak()
    return world


def compared(world: World, lines: list[dict[str, Any]]) -> tuple[int, int]:
    file = world.folder / "export.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return portal_copy.check(file, world.folder, world.key)


def test_what_was_sent_is_found_whole(sent: World) -> None:
    assert compared(sent, exported(sent)) == (1, 20)
    others = [{"kind": "row", "device": "b" * 20, "seq": 9}]
    assert compared(sent, others + exported(sent) + others) == (1, 20)


def test_without_the_oldest_it_is_whole_still(sent: World) -> None:
    lines = exported(sent, before={"seq": 5, "hash": bytes_to_base64url(sent.portal.rows[4][1])})
    assert compared(sent, [lines[0], *lines[6:]]) == (6, 20)


def test_rows_cut_from_the_end_are_missed(sent: World) -> None:
    with pytest.raises(StoreError, match="Rows 18 to 20 are missing"):
        compared(sent, exported(sent)[:-3])
    older = exported(sent, head=None)[:-3]
    with pytest.raises(StoreError, match="Rows 18 to 20 are missing"):
        compared(sent, older)  # what is written down here is enough


def test_what_was_changed_is_named(sent: World) -> None:
    lines = exported(sent)
    lines[7]["actor"] = "nobody"
    with pytest.raises(StoreError, match="Row 7 was altered"):
        compared(sent, lines)
    lines = exported(sent)
    del lines[7]
    with pytest.raises(StoreError, match="Row 7 is missing"):
        compared(sent, lines)
    with pytest.raises(StoreError, match="does not begin"):
        compared(sent, exported(sent, before={"seq": 0, "hash": "A" * 43}))


def test_a_chain_that_was_made_anew_is_not_ours(sent: World) -> None:
    lines, previous = exported(sent), beginning(ISSUER, sent.key.id)
    for line in lines[1:]:
        line["actor"] = "nobody"
        row = Forwarded(**{name: line[name] for name in Forwarded.__slots__})
        previous = row.hash(previous)
        line["hash"] = bytes_to_base64url(previous)
    with pytest.raises(StoreError, match="not the one that this device sent"):
        compared(sent, lines)
    lines[0]["head"] = {**lines[0]["head"], "hash": bytes_to_base64url(previous)}
    with pytest.raises(StoreError, match="not signed by this device"):
        compared(sent, lines)


@pytest.mark.parametrize("text", ["", "{}", "[]\n", "x", '{"kind": "row"}', '{"kind": "device"}\n', "[" * 5000])
def test_what_is_no_export_is_said(sent: World, text: str) -> None:
    file = sent.folder / "x"
    file.write_text(text)
    with pytest.raises(StoreError, match="no export"):
        portal_copy.check(file, sent.folder, sent.key)


lines = st.dictionaries(
    st.sampled_from(["kind", "device", "before", "head", "seq", "hash", "at", "portal", "actor"]),
    st.none()
    | st.integers()
    | st.text(max_size=20)
    | st.sampled_from(["row", "device"])
    | st.just({"seq": 0, "hash": "AA"}),
)


@given(
    data=st.binary(max_size=300)
    | st.lists(lines, max_size=4).map(lambda some: "\n".join(map(json.dumps, some)).encode())
)
@settings(max_examples=150, deadline=None)
def test_any_file_is_refused_in_a_sentence(data: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("copy")
    (folder / "file").write_bytes(data.replace(b'"device": "device"', f'"device": "{KEY.id}"'.encode()))
    with pytest.raises(StoreError):
        portal_copy.check(folder / "file", folder, KEY)


def test_without_a_signature_what_is_written_down_here_counts(sent: World) -> None:
    lines = exported(sent, head=None)
    assert compared(sent, lines) == (1, 20)
    (sent.folder / FILE).unlink()
    assert compared(sent, exported(sent)) == (1, 20)
    with pytest.raises(StoreError, match="Nothing here or in this file"):
        compared(sent, lines)


def test_an_export_that_names_another_portal_proves_nothing(sent: World) -> None:
    other = "https://other.example"
    start = {"seq": 0, "hash": bytes_to_base64url(beginning(other, sent.key.id))}
    with pytest.raises(StoreError, match="not signed by this device"):
        compared(sent, exported(sent, portal=other, before=start)[:1])
    with pytest.raises(StoreError, match="Nothing here or in this file"):
        compared(sent, exported(sent, portal=other, before=start, head=None)[:1])
