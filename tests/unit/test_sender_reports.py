"""What viewers are told of the streams they get, and when."""

from __future__ import annotations

import asyncio

import pytest
from aiortc.rtp import RtcpPacket, RtcpSdesPacket, RtcpSrPacket
from hypothesis import given
from hypothesis import strategies as st

from pi_cam.transport.receiver_reports import Block
from pi_cam.transport.rtp_packets import NTP_EPOCH
from pi_cam.transport.sender_reports import described, due, ntp_time, sender_report
from tests.sending import World, run


@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**40),
    st.text(max_size=300),
)
def test_another_reads_what_was_written(ssrc: int, ntp: int, timestamp: int, count: int, cname: str) -> None:
    report, description = RtcpPacket.parse(
        sender_report(ssrc, ntp, timestamp, count, 2 * count) + described(ssrc, cname)
    )
    assert isinstance(report, RtcpSrPacket)
    assert (report.ssrc, report.reports) == (ssrc, [])
    assert (report.sender_info.ntp_timestamp, report.sender_info.rtp_timestamp) == (ntp, timestamp)
    assert (report.sender_info.packet_count, report.sender_info.octet_count) == (count % 2**32, 2 * count % 2**32)
    assert isinstance(description, RtcpSdesPacket)
    assert [(chunk.ssrc, chunk.items) for chunk in description.chunks] == [(ssrc, [(1, cname.encode()[:255])])]


@given(st.floats(0, 1e7))
def test_all_leave_at_the_turn_of_a_second(now: float) -> None:
    assert 0.5 <= due(now) - now <= 1.5
    assert due(now) % 1 == 0


def test_who_is_woken_a_bit_early_reports_once() -> None:
    assert due(5.9999) == due(6.0) == due(6.0001) == 7.0


def test_the_time_of_reports_begins_with_1900() -> None:
    assert ntp_time(0.25) == (NTP_EPOCH << 32) + (1 << 30)
    assert ntp_time(2**32 - NTP_EPOCH + 1.0) == 1 << 32, "and anew in 2036"


def test_a_report_names_the_moment_of_capture() -> None:
    async def story(world: World) -> None:
        viewer = world.viewer()
        viewer._wall_clock = 1_700_000_000.0
        (outlet,) = world.outlets
        viewer._report()
        assert outlet.reports == [], "nothing was sent yet"
        world.publish(5000, keyframe=True, pts=3000)
        world.now += 0.3
        viewer._report()
        report, _ = RtcpPacket.parse(outlet.reports[0])
        assert isinstance(report, RtcpSrPacket)
        info, pair = report.sender_info, viewer.clock_pair()
        assert pair is not None
        assert (report.ssrc, info.rtp_timestamp, info.packet_count) == (outlet.ssrc, pair[0], viewer._packets)
        assert info.octet_count > 5000
        assert info.ntp_timestamp / 2**32 - NTP_EPOCH == pytest.approx(1_700_000_100.0, abs=1e-5)
        world.now += 0.75
        answer = Block(0, 1, info.ntp_timestamp >> 16 & 0xFFFFFFFF, 65536 // 2)
        assert viewer.departures.judge(answer).rtt == pytest.approx(0.25)
        timer = viewer._reporting
        assert timer is not None
        assert 0.4 < timer.when() - asyncio.get_running_loop().time() < 1.6
        viewer.close()
        assert timer.cancelled()

    run(story)
