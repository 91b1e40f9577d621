"""Access units as RTP payloads: whatever goes in comes out whole on the other side."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pi_cam.media.h264 import join_nal_units, split_nal_units
from pi_cam.media.payloads import FU_A, PAYLOAD_BYTES, STAP_A, payloads

HEADS = st.integers(0, 3).flatmap(lambda nri: st.integers(1, 23).map(lambda kind: nri << 5 | kind))


@st.composite
def units(draw: st.DrawFn) -> bytes:
    size = draw(st.one_of(st.integers(0, 60), st.integers(0, 9000)))
    # no byte sequence that Annex B would take for a start code, and no trailing zero
    return bytes([draw(HEADS)]) + bytes([draw(st.integers(1, 255))]) * size + b"\x01"


def depacketised(found: list[bytes]) -> list[bytes]:
    """As RFC 6184 lets a receiver do it."""
    whole: list[bytes] = []
    part: bytearray | None = None
    for payload in found:
        kind = payload[0] & 0x1F
        if kind == STAP_A:
            at = 1
            while at < len(payload):
                size = int.from_bytes(payload[at : at + 2], "big")
                whole.append(payload[at + 2 : at + 2 + size])
                at += 2 + size
        elif kind == FU_A:
            if payload[1] & 0x80:
                part = bytearray([payload[0] & 0xE0 | payload[1] & 0x1F])
            assert part is not None
            part += payload[2:]
            if payload[1] & 0x40:
                whole.append(bytes(part))
                part = None
        else:
            whole.append(payload)
    assert part is None
    return whole


@given(st.lists(units(), max_size=12), st.integers(10, PAYLOAD_BYTES))
@example([b"\x01\x01", b"\x01\x01\x01"], 10)  # the second one just fits
def test_everything_comes_out_whole_and_nothing_is_too_long(nal_units: list[bytes], most: int) -> None:
    data = join_nal_units(nal_units)
    found = payloads(data, most)
    assert depacketised(found) == list(split_nal_units(data)) == nal_units
    assert all(len(payload) <= most for payload in found)


def test_a_large_unit_is_cut_into_equal_pieces_but_the_last() -> None:
    found = payloads(join_nal_units([b"\x65" + b"\x07" * 50_000]))
    sizes = [len(payload) for payload in found]
    assert len(set(sizes[:-1])) == 1
    assert sizes[-1] <= sizes[0] <= PAYLOAD_BYTES
    assert len(sizes) == 42


@given(st.integers(1, 4000), st.integers(3, 40))
def test_no_piece_is_empty(body: int, most: int) -> None:
    found = payloads(join_nal_units([b"\x65" + b"\x07" * body]), most)
    assert all(len(payload) > 2 for payload in found if payload[0] & 0x1F == FU_A)
    assert depacketised(found) == [b"\x65" + b"\x07" * body]


def test_parameter_sets_travel_together() -> None:
    sps, pps = b"\x67" + b"\x42" * 20, b"\x68" + b"\xce" * 4
    found = payloads(join_nal_units([sps, pps, b"\x65" + b"\x01" * 3000]))
    assert [payload[0] & 0x1F for payload in found] == [STAP_A, FU_A, FU_A, FU_A]
    assert found[0][0] & 0x60 == 0x60


@pytest.mark.parametrize("data", [b"", b"\x00\x00\x01", b"no start code"])
def test_nothing_in_it(data: bytes) -> None:
    assert payloads(data) == []
