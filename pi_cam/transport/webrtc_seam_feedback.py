"""What a viewer's browser reports of its path, out of what aiortc makes of reports: all of it for the library's own sender,
and for ours what comes along with a request.

Written against aiortc 1.16 (`rtcrtpsender.py`).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from aiortc import RTCRtpSender
from aiortc.rtp import (
    RTCP_PSFB_APP,
    AnyRtcpPacket,
    RtcpPsfbPacket,
    RtcpRrPacket,
    RtcpSrPacket,
    unpack_remb_fci,
)

from pi_cam.path_estimate import Report
from pi_cam.transport.receiver_reports import Block, Departures

HANDLE, SEND, COUNT = "_handle_rtcp_packet", "_send_rtcp", "_RTCRtpSender__packet_count"


def on_report(sender: RTCRtpSender, take: Callable[[Report], None], departures: Departures) -> None:
    """Calls `take` for each REMB and each report block of this viewer, in the loop, before aiortc sees them."""
    private: Any = sender
    handle = getattr(sender, HANDLE, None)
    if handle is None:
        return

    async def heard(packet: AnyRtcpPacket) -> None:
        found = report_of(packet, private._ssrc, departures)
        if found is not None:
            take(found)
        await handle(packet)

    setattr(sender, HANDLE, heard)


def note_departures(sender: RTCRtpSender, departures: Departures) -> None:
    """Of the reports that aiortc's own sender sends."""
    send = getattr(sender, SEND, None)
    if send is None:
        return

    async def depart(packets: list[AnyRtcpPacket]) -> None:
        at = departures.now()
        await send(packets)  # may change what the reports say, so that they are looked at afterwards
        for packet in packets:
            if isinstance(packet, RtcpSrPacket):
                departures.note(packet.sender_info.ntp_timestamp, at)

    setattr(sender, SEND, depart)


def sent_bits(sender: RTCRtpSender) -> float:
    """By aiortc's own sender, so far, headers left out."""
    return 8.0 * float(getattr(sender, "_RTCRtpSender__octet_count", 0))


def sent_packets(sender: RTCRtpSender) -> int:
    """By aiortc's own sender, so far; none where that is not known."""
    return int(getattr(sender, COUNT, 0))


def can_hear() -> bool:
    """Whether `on_report` works with this release."""
    names = RTCRtpSender.__init__.__code__.co_names
    return all(hasattr(RTCRtpSender, name) for name in (HANDLE, SEND)) and {"_ssrc", COUNT} <= set(names)


def report_of(packet: AnyRtcpPacket, ssrc: int, departures: Departures) -> Report | None:
    """What `packet` says of the stream `ssrc`; None when that is nothing."""
    if isinstance(packet, RtcpRrPacket | RtcpSrPacket):
        for block in packet.reports:
            if block.ssrc == ssrc:
                return departures.judge(Block(block.fraction_lost, block.highest_sequence, block.lsr, block.dlsr))
    elif isinstance(packet, RtcpPsfbPacket) and packet.fmt == RTCP_PSFB_APP:
        try:
            remb, ssrcs = unpack_remb_fci(packet.fci)
        except (ValueError, struct.error, IndexError):
            return None
        if ssrc in ssrcs:
            return departures.judge(float(remb))
    return None
