"""What a viewer's browser reports of its path, out of aiortc's senders; works on ours and on the library's own.

Written against aiortc 1.16 (`rtcrtpsender.py`).
"""

from __future__ import annotations

import struct
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from aiortc import RTCRtpSender
from aiortc.rtp import (
    RTCP_PSFB_APP,
    AnyRtcpPacket,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpSrPacket,
    unpack_remb_fci,
)

from pi_cam.path_estimate import Report

REPORTS_KEPT = 16
"""Sender reports whose time is known, some 16 seconds of them: on a slow path several are on their way at once."""

_LSR_SECONDS = 1 / 65536
"""RFC 3550, section 6.4.1."""

HANDLE, SEND, COUNT = "_handle_rtcp_packet", "_send_rtcp", "_RTCRtpSender__packet_count"


def on_report(
    sender: RTCRtpSender, take: Callable[[Report], None], clock: Callable[[], float] = time.monotonic
) -> None:
    """Calls `take` for each REMB and each report block of this viewer, in the loop, before aiortc sees them."""
    private: Any = sender
    handle, send = getattr(sender, HANDLE, None), getattr(sender, SEND, None)
    if handle is None or send is None:
        return
    departures = Departures(clock)

    async def heard(packet: AnyRtcpPacket) -> None:
        found = report_of(packet, private._ssrc, departures)
        if found is not None:
            take(found)
        await handle(packet)

    async def depart(packets: list[AnyRtcpPacket]) -> None:
        at = clock()
        await send(packets)  # may change what the reports say, so that they are looked at afterwards
        for packet in packets:
            if isinstance(packet, RtcpSrPacket):
                departures.note(packet.sender_info.ntp_timestamp, at)

    setattr(sender, HANDLE, heard)
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


class Departures:
    """What left for one viewer: when its sender reports did, for the round trip; how much between two of the viewer's."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._left: OrderedDict[int, float] = OrderedDict()
        self._highest: int | None = None

    def note(self, ntp_timestamp: int, at: float) -> None:
        """A report with this NTP timestamp, 64 bits, left."""
        middle = ntp_timestamp >> 16 & 0xFFFFFFFF
        self._left.pop(middle, None)
        self._left[middle] = at
        if len(self._left) > REPORTS_KEPT:
            self._left.popitem(last=False)

    def round_trip(self, block: RtcpReceiverInfo) -> float | None:
        """Seconds; None for a block that answers no report of ours, or claims to have had it longer than it is old."""
        left = self._left.get(block.lsr)
        if left is None or not block.dlsr:
            return None
        found = self._clock() - left - block.dlsr * _LSR_SECONDS
        return found if found >= 0 else None

    def since(self, highest: int) -> int | None:
        """Packets since the report before. `highest`: the extended sequence number of a report (RFC 3550, section 6.4.1);
        None for the first, and for one that goes back."""
        before, self._highest = self._highest, highest
        return None if before is None or highest < before else highest - before


def report_of(packet: AnyRtcpPacket, ssrc: int, departures: Departures) -> Report | None:
    """What `packet` says of the stream `ssrc`; None when that is nothing."""
    if isinstance(packet, RtcpRrPacket | RtcpSrPacket):
        for block in packet.reports:
            if block.ssrc == ssrc:
                packets = departures.since(block.highest_sequence)
                return Report(loss=block.fraction_lost / 256, rtt=departures.round_trip(block), packets=packets)
    elif isinstance(packet, RtcpPsfbPacket) and packet.fmt == RTCP_PSFB_APP:
        try:
            remb, ssrcs = unpack_remb_fci(packet.fci)
        except (ValueError, struct.error, IndexError):
            return None
        if ssrc in ssrcs:
            return Report(remb=float(remb))
    return None
