"""Reports that say only how streams arrive are read without the library, and to the same end."""

from __future__ import annotations

import struct

import pytest
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    RtcpByePacket,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSdesPacket,
    RtcpSenderInfo,
    RtcpSourceInfo,
    RtcpSrPacket,
    pack_remb_fci,
    unpack_remb_fci,
)
from hypothesis import given
from hypothesis import strategies as st

from pi_cam.path_estimate import Report
from pi_cam.transport.receiver_reports import Block, Departures, by_stream
from tests.unit.clock import Clock

WORD = st.integers(0, 2**32 - 1)
INFO = st.builds(
    RtcpReceiverInfo,
    ssrc=WORD,
    fraction_lost=st.integers(0, 255),
    packets_lost=st.integers(-(2**23), 2**23 - 1),
    highest_sequence=WORD,
    jitter=WORD,
    lsr=WORD,
    dlsr=WORD,
)


def block(info: RtcpReceiverInfo) -> tuple[int, Block]:
    return info.ssrc, Block(info.fraction_lost, info.highest_sequence, info.lsr, info.dlsr)


def remb(rate: int, ssrcs: list[int]) -> tuple[bytes, list[tuple[int, float]]]:
    """With what is to be read of it, by the library."""
    fci = pack_remb_fci(rate, ssrcs)
    read, of = unpack_remb_fci(fci)
    return bytes(RtcpPsfbPacket(RTCP_PSFB_APP, 1, 0, fci)), [(ssrc, float(read)) for ssrc in of]


@given(st.lists(INFO, max_size=31), st.integers(0, 2**63), st.lists(WORD, max_size=9))
def test_what_a_browser_sends_every_second(infos: list[RtcpReceiverInfo], rate: int, ssrcs: list[int]) -> None:
    report = bytes(RtcpRrPacket(ssrc=1, reports=infos))
    description = bytes(RtcpSdesPacket(chunks=[RtcpSourceInfo(ssrc=1, items=[(1, b"x")])]))
    estimate, estimates = remb(rate, ssrcs)
    assert by_stream(report + description + estimate) == [*map(block, infos), *estimates]


@pytest.mark.parametrize(
    "other",
    [
        RtcpRtpfbPacket(RTCP_RTPFB_NACK, 1, 2, [7]),
        RtcpPsfbPacket(RTCP_PSFB_PLI, 1, 2),
        RtcpPsfbPacket(RTCP_PSFB_APP, 1, 2, b"FOO!1234"),
        RtcpByePacket([1]),
        RtcpSrPacket(1, RtcpSenderInfo(1, 2, 3, 4)),
    ],
)
def test_all_else_is_for_the_library(other: object) -> None:
    report = bytes(RtcpRrPacket(ssrc=1, reports=[RtcpReceiverInfo(2, 0, 0, 9, 0, 0, 0)]))
    assert by_stream(report) is not None
    assert by_stream(report + bytes(other)) is None  # type: ignore[call-overload]
    assert by_stream(bytes(other) + report) is None  # type: ignore[call-overload]


def test_what_is_cut_or_claims_too_much_is_for_the_library() -> None:
    infos = [RtcpReceiverInfo(2, 0, 0, 9, 0, 0, 0)] * 2
    estimate, _ = remb(1000, [1, 2])
    whole = bytes(RtcpRrPacket(ssrc=1, reports=infos)) + estimate
    boundary = len(whole) - len(estimate)
    for end in set(range(1, len(whole))) - {boundary}:
        assert by_stream(whole[:end]) is None, end
    for at, forged in ((0, 0x83), (0, 0xA2), (0, 0x42), (3, 200), (boundary + 16, 3), (boundary + 3, 0)):
        assert by_stream(whole[:at] + bytes([forged]) + whole[at + 1 :]) is None, (at, forged)


@given(st.binary(max_size=200))
def test_nothing_escapes_of_noise(noise: bytes) -> None:
    by_stream(noise)
    by_stream(struct.pack("!BBH", 0x81, 201, len(noise) // 4) + noise)
    by_stream(struct.pack("!BBHQ4s", 0x8F, 206, len(noise) // 4 + 3, 1, b"REMB") + noise)


def test_what_is_made_of_it() -> None:
    departures = Departures(Clock(10.0))
    departures.note(0x1234_5678_9ABC_DEF0, 9.0)
    assert departures.judge(Block(64, 5, 0x5678_9ABC, 65536 // 2)) == Report(loss=0.25, rtt=0.5)
    assert departures.judge(Block(0, 45, 0, 0)) == Report(loss=0.0, packets=40)
    assert departures.judge(2e6) == Report(remb=2e6)
