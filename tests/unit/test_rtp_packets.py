"""Packets that all viewers share, and the numbers that each of them sees."""

from __future__ import annotations

import pytest
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters, RTCRtpParameters
from aiortc.rtp import HeaderExtensionsMap, RtpPacket, unwrap_rtx
from hypothesis import given
from hypothesis import strategies as st

from pi_cam.media.h264 import join_nal_units
from pi_cam.media.payloads import payloads
from pi_cam.media.units import AccessUnit
from pi_cam.transport.allowance import Allowance
from pi_cam.transport.rtp_packets import (
    HISTORY,
    PACED,
    SEGMENTS_MAX,
    Groups,
    Numbering,
    Shape,
    retransmission,
)

MID = RTCRtpHeaderExtensionParameters(id=1, uri="urn:ietf:params:rtp-hdrext:sdes:mid")
TIME = RTCRtpHeaderExtensionParameters(id=3, uri="http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time")
SHAPE = Shape(102, b"0", 1, 3)


def extensions() -> HeaderExtensionsMap:
    """The library's own reader, with the ids that were negotiated."""
    known = HeaderExtensionsMap()
    known.configure(RTCRtpParameters(headerExtensions=[MID, TIME]))
    return known


def unit(size: int, pts: int = 0, *small: bytes) -> AccessUnit:
    return AccessUnit(join_nal_units([*small, b"\x65" + b"\x07" * size]), pts, True, 0.0)


def parsed(packet: bytes) -> RtpPacket:
    return RtpPacket.parse(packet, extensions())


def test_packets_are_what_another_library_reads() -> None:
    group = Groups(payloads).join(SHAPE)
    burst = group.burst(unit(3000, 9000))
    read = [parsed(packet) for packet in burst.packets]
    assert [one.payload_type for one in read] == [102] * 3
    assert [one.marker for one in read] == [0, 0, 1]
    assert {one.timestamp for one in read} == {burst.timestamp}
    assert {one.ssrc for one in read} == {group.ssrc}
    assert {one.extensions.mid for one in read} == {"0"}
    assert read[0].extensions.abs_send_time is not None
    assert [one.payload for one in read] == payloads(unit(3000).data)
    assert group.burst(unit(3000, 12000)).timestamp == (burst.timestamp + 3000) & 0xFFFFFFFF


def test_without_extensions_there_are_none() -> None:
    packet = parsed(Groups(payloads).join(Shape(96)).burst(unit(100)).packets[0])
    assert packet.extensions == HeaderExtensionsMap().get(0, b"")


def test_the_wish_for_no_jitter_buffer() -> None:
    packet = Groups(payloads).join(Shape(96, b"0", 1, 3, 4)).burst(unit(100)).packets[0]
    assert packet[12:14] == b"\xbe\xde"
    assert b"\x42\x00\x00\x00" in packet[16:28]
    assert parsed(packet).payload == payloads(unit(100).data)[0]


def test_a_unit_is_packed_once_for_all_viewers_of_a_shape() -> None:
    calls: list[int] = []

    def pack(data: bytes) -> list[bytes]:
        calls.append(len(data))
        return payloads(data)

    groups, picture = Groups(pack), unit(5000)
    first, second, other = groups.join(SHAPE), groups.join(SHAPE), groups.join(Shape(96))
    assert first is second
    assert first.burst(picture) is second.burst(picture)
    assert other.burst(picture).timestamp == first.burst(picture).timestamp, "one clock: a viewer may change its group"
    assert other.ssrc == first.ssrc
    assert len(calls) == 2
    groups.leave(SHAPE)
    assert groups.join(SHAPE) is first
    groups.leave(SHAPE)
    groups.leave(SHAPE)
    assert groups.join(SHAPE) is not first


def test_what_is_remembered_and_for_how_long() -> None:
    group = Groups(payloads).join(SHAPE)
    first = group.burst(unit(100))
    assert group.packet(first.first) == first.packets[0]
    assert group.packet(first.first + 1) is None
    for number in range(HISTORY):
        group.burst(unit(100, number))
    assert group.packet(first.first) is None
    assert group.packet(first.first + 1) is not None


@given(st.lists(st.integers(1, 60_000), min_size=1, max_size=8), st.sampled_from([10, 16]))
def test_runs_hold_every_packet_at_its_place(sizes: list[int], tag: int) -> None:
    small = [b"\x41" + b"\x03" * size for size in sizes[:-1]]
    burst = Groups(payloads).join(SHAPE).burst(unit(sizes[-1], 0, *small))
    runs = burst.runs(tag)
    found = []
    for run in runs:
        assert len(run.lengths) <= SEGMENTS_MAX
        assert all(length == run.lengths[0] for length in run.lengths[:-1])
        assert run.lengths[-1] <= run.lengths[0] == run.stride - tag
        at = 0
        for length in run.lengths:
            found.append(run.block[at : at + length])
            at += run.stride
        assert len(run.block) == sum(run.lengths) + tag * len(run.lengths) <= 65_507
    assert found == burst.packets
    assert burst.runs(tag) is runs


def test_a_large_unit_is_cut_for_pacing() -> None:
    runs = Groups(payloads).join(SHAPE).burst(unit(60_000)).runs(10)
    assert [len(run.lengths) for run in runs] == [PACED, PACED, PACED, 3]


@given(st.integers(0, 70_000), st.lists(st.tuples(st.integers(1, 50), st.integers(0, 30)), min_size=1, max_size=40))
def test_numbers_have_no_holes_and_lead_back(start: int, steps: list[tuple[int, int]]) -> None:
    """Each step: so many packets sent, then so many left out."""
    numbers, group, wanted = Numbering(start), 0, start
    sent: dict[int, int] = {}
    for count, left_out in steps:
        assert numbers.take(group, count) == wanted & 0xFFFF
        for at in range(count):
            sent[(wanted + at) & 0xFFFF] = group + at
        wanted, group = wanted + count, group + count + left_out
    assert {sequence: numbers.number(sequence) for sequence in sent} == sent
    assert numbers.number((start - 1) & 0xFFFF) is None
    assert numbers.number(wanted & 0xFFFF) is None


def test_numbers_begin_in_the_lower_half() -> None:
    assert all(Numbering().take(0, 1) < 1 << 15 for _ in range(50))


def test_numbers_of_long_ago_are_forgotten() -> None:
    numbers = Numbering(0)
    for step in range(100):
        numbers.take(10 * step, 1)
    assert numbers.number(0) is None
    assert numbers.number(99) == 990


@pytest.mark.parametrize("shape", [SHAPE, Shape(102)])
def test_once_more_in_the_stream_for_that(shape: Shape) -> None:
    packet = Groups(payloads).join(shape).burst(unit(100)).packets[0]
    again = parsed(retransmission(packet, 4711, payload_type=103, ssrc=99, number=70_000))
    assert (again.payload_type, again.ssrc, again.sequence_number) == (103, 99, 70_000 & 0xFFFF)
    assert again.extensions == parsed(packet).extensions
    restored = unwrap_rtx(again, payload_type=102, ssrc=parsed(packet).ssrc)
    assert restored.sequence_number == 4711
    assert restored.payload == parsed(packet).payload
    assert (restored.timestamp, restored.marker) == (parsed(packet).timestamp, 1)


def test_an_allowance() -> None:
    now = [0.0]
    allowance = Allowance(2.0, 3.0, lambda: now[0])
    assert [allowance.take() for _ in range(5)] == [True, True, True, False, False]
    now[0] = 0.6
    assert [allowance.take(), allowance.take()] == [True, False]
    now[0] = 1000.0
    assert [allowance.take() for _ in range(4)] == [True, True, True, False]
