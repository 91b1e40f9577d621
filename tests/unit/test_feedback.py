"""What is read of a viewer's reports."""

from __future__ import annotations

import pytest
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_PLI,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    pack_remb_fci,
)
from hypothesis import given
from hypothesis import strategies as st

from pi_cam.path_estimate import Report
from pi_cam.transport.receiver_reports import Departures
from pi_cam.transport.webrtc_seam_feedback import can_hear, report_of
from tests.unit.clock import Clock

OURS, OTHER = 4711, 4712


def block(ssrc: int = OURS, *, lost: int = 64, lsr: int = 0, dlsr: int = 0, highest: int = 9) -> RtcpRrPacket:
    info = RtcpReceiverInfo(
        ssrc=ssrc, fraction_lost=lost, packets_lost=3, highest_sequence=highest, jitter=1, lsr=lsr, dlsr=dlsr
    )
    return RtcpRrPacket(ssrc=1, reports=[info])


def remb(fci: bytes) -> RtcpPsfbPacket:
    return RtcpPsfbPacket(fmt=RTCP_PSFB_APP, ssrc=1, media_ssrc=0, fci=fci)


def test_this_release_lets_us_hear() -> None:
    assert can_hear()


def test_loss_and_round_trip() -> None:
    clock = Clock(10.0)
    departures = Departures(clock)
    departures.note(0x1234_5678_9ABC_DEF0, 9.0)
    assert report_of(block(lsr=0x5678_9ABC, dlsr=65536 // 2), OURS, departures) == Report(loss=0.25, rtt=0.5)
    for of_none in (block(lsr=0x5678_9ABC, dlsr=2 * 65536), block(lsr=1, dlsr=1), block()):
        found = report_of(of_none, OURS, departures)
        assert found is not None
        assert (found.loss, found.rtt) == (0.25, None), "before it was sent, of no report of ours, or of none yet"
    assert report_of(block(OTHER), OURS, departures) is None


def test_how_many_packets_a_report_is_about() -> None:
    departures = Departures(Clock())
    heard = [report_of(block(highest=highest), OURS, departures) for highest in (65_000, 65_040, 65_040, 66_000, 9, 29)]
    assert [one and one.packets for one in heard] == [None, 40, 0, 960, None, 20]


def test_old_reports_are_forgotten() -> None:
    departures = Departures(Clock(100.0))
    for second in range(100):
        departures.note(second << 32, float(second))
    young, old = (report_of(block(lsr=second << 16, dlsr=1), OURS, departures) for second in (99, 10))
    assert young is not None
    assert old is not None
    assert young.rtt is not None
    assert old.rtt is None


@pytest.mark.parametrize("rate", [0, 1, 300_000, 2_000_000])
def test_remb(rate: int) -> None:
    found = report_of(remb(pack_remb_fci(rate, [OTHER, OURS])), OURS, Departures(Clock()))
    assert found is not None
    assert found.remb == pytest.approx(rate, rel=1e-4)
    assert report_of(remb(pack_remb_fci(rate, [OTHER])), OURS, Departures(Clock())) is None


def test_the_largest_remb_there_can_be() -> None:
    fci = b"REMB\x01" + bytes([63 << 2 | 3, 255, 255]) + OURS.to_bytes(4, "big")
    assert report_of(remb(fci), OURS, Departures(Clock())) == Report(remb=float(0x3FFFF << 63))


def test_other_feedback_says_nothing_of_the_path() -> None:
    assert report_of(RtcpPsfbPacket(fmt=RTCP_PSFB_PLI, ssrc=1, media_ssrc=OURS), OURS, Departures(Clock())) is None


@given(st.binary(max_size=64))
def test_nothing_that_is_cut_or_forged_escapes(fci: bytes) -> None:
    for forged in (fci, b"REMB" + fci):
        found = report_of(remb(forged), OURS, Departures(Clock()))
        assert found is None or (found.remb is not None and found.remb >= 0)
