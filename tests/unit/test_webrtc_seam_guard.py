"""What reaches the libraries of what anybody may send."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from aiortc.rtp import RTCP_RTPFB_NACK, RtcpPsfbPacket, RtcpRtpfbPacket

from pi_cam.transport import webrtc_seam, webrtc_seam_guard
from pi_cam.transport.allowance import Allowance, Arrivals
from tests.unit.clock import Clock


def nack(*fci: tuple[int, int]) -> RtcpRtpfbPacket:
    """As it comes: pairs of a sequence number and a mask of the sixteen behind it (RFC 4585, section 6.2.1)."""
    body = b"".join(number.to_bytes(2, "big") + mask.to_bytes(2, "big") for number, mask in fci)
    return RtcpRtpfbPacket.parse(bytes(8) + body, RTCP_RTPFB_NACK)


def asked(packets: list[Any], allowance: Allowance) -> list[int]:
    """The numbers that a sender is to look for."""
    found: list[int] = []

    async def handle(packet: Any) -> None:
        found.extend(getattr(packet, "lost", []))

    sender: Any = SimpleNamespace(_handle_rtcp_packet=handle)
    webrtc_seam_guard.bound_requests(sender, allowance)

    async def hear() -> None:
        for packet in packets:
            await sender._handle_rtcp_packet(packet)

    asyncio.run(hear())
    return found


def test_these_releases_can_be_guarded() -> None:
    assert webrtc_seam_guard.can_guard()
    webrtc_seam.prepare()
    webrtc_seam.prepare()
    assert webrtc_seam.missing() == []


def test_numbers_go_on_behind_the_last() -> None:
    assert asked([nack((65_534, 0b111))], Allowance(1, 100, Clock())) == [65_534, 65_535, 0, 1]


def test_no_more_is_looked_for_than_a_viewer_has_left() -> None:
    clock = Clock()
    allowance = Allowance(500, 500, clock)
    large = nack(*((17 * at, 0xFFFF) for at in range(330)))
    assert len(asked([large, large], allowance)) == 500
    assert asked([nack((7, 0))], allowance) == []
    clock.now += 0.01
    assert asked([nack((7, 0xFFFF))], allowance) == [7, 8, 9, 10, 11]


def test_a_number_counts_once_in_a_report() -> None:
    assert asked([nack(*[(7, 0)] * 300)], Allowance(1, 10, Clock())) == [7]


def test_other_reports_pass() -> None:
    packet = RtcpPsfbPacket(fmt=1, ssrc=1, media_ssrc=2, fci=b"")
    handled: list[object] = []

    async def handle(one: object) -> None:
        handled.append(one)

    sender: Any = SimpleNamespace(_handle_rtcp_packet=handle)
    webrtc_seam_guard.bound_requests(sender, Allowance(0, 0, Clock()))
    asyncio.run(sender._handle_rtcp_packet(packet))
    assert handled == [packet]


def test_who_comes_again_and_again_is_one() -> None:
    clock = Clock()
    arrivals = Arrivals(clock)
    assert sum(arrivals.of("somebody").take() for _ in range(100)) == 8
    assert arrivals.of("another").take()
    clock.now += 4
    assert sum(arrivals.of("somebody").take() for _ in range(100)) == 2


def test_no_list_of_people_grows_for_ever() -> None:
    arrivals = Arrivals(Clock())
    for number in range(1000):
        arrivals.of(str(number)).take()
    assert len(arrivals._of) == 256
