"""What a viewer's pictures and its sound have in common: packets that all viewers share, numbered and sent for this one."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from weakref import WeakKeyDictionary

from aiortc import RTCRtpSender
from aiortc.rtcrtpparameters import RTCRtpSendParameters

from pi_cam.media.units import AccessUnit, AudioPacket
from pi_cam.path_estimate import Report
from pi_cam.transport import allowance, webrtc_seam
from pi_cam.transport import webrtc_seam_sender as seam
from pi_cam.transport.receiver_reports import Departures
from pi_cam.transport.rtp_packets import (
    EXTENSION_BYTES,
    EXTENSION_IDS,
    HEADER_BYTES,
    Burst,
    Group,
    Groups,
    Numbering,
    Pack,
    Shape,
    retransmission,
)
from pi_cam.transport.sender_reports import described, due, ntp_time, sender_report
from pi_cam.transport.webrtc_seam_guard import bound_requests
from pi_cam.transport.wire import Wire

_MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
_ABS_SEND_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"


class SharedGroups:
    """The groups of each stream that somebody gets. `pack`: a unit's bytes as RTP payloads."""

    def __init__(self, pack: Pack) -> None:
        self._pack = pack
        self._groups: WeakKeyDictionary[object, Groups] = WeakKeyDictionary()

    def of(self, stream: object, main: object | None = None) -> Groups:
        """`stream`: a camera's hub; `main`: that of its main rendition, where this is another."""
        if stream not in self._groups:
            self._groups[stream] = Groups(self._pack) if main is None else self.of(main).beside()
        return self._groups[stream]


class SharedStream:
    """Begins with the connection. `clock`: monotonic seconds; `at_once`: to be shown without a jitter buffer. `departures`:
    of its sender reports."""

    __slots__ = (
        "_again_number",
        "_agains",
        "_at_once",
        "_clock",
        "_description",
        "_group",
        "_groups",
        "_is_closed",
        "_last",
        "_numbers",
        "_octets",
        "_outlet",
        "_packets",
        "_reporting",
        "_rtx_type",
        "_timestamp",
        "_wall_clock",
        "_wire",
        "departures",
    )
    """Read many times for each picture. Without slots so many attributes are looked up as in any dictionary (CPython shares
    the keys of no more than thirty)."""

    def __init__(self, groups: Groups, clock: Callable[[], float] = time.monotonic, *, at_once: bool = False) -> None:
        self._groups, self._clock, self._at_once = groups, clock, at_once
        self._group: Group | None = None
        self._wire: Wire | None = None
        self._outlet: seam.Outlet | None = None
        self._numbers = Numbering()
        self._is_closed = False
        self._again_number = secrets.randbelow(1 << 15)  # for the reason that Numbering gives
        self._rtx_type: int | None = None
        self._last: AccessUnit | AudioPacket | None = None
        self._timestamp = self._packets = self._octets = 0
        self._wall_clock = 0.0
        self._description = b""
        self.departures = Departures(clock)
        self._reporting: asyncio.TimerHandle | None = None
        self._agains = allowance.Repeats(lambda: self._packets, clock)

    def prepare(self, sender: RTCRtpSender, wall_clock: float) -> None:
        """Before anything is negotiated. `wall_clock`: what makes monotonic seconds those since 1970."""
        seam.substitute(sender, self, self._groups.ssrc)
        bound_requests(sender, self._agains)
        self._wall_clock = wall_clock

    def begin(self, outlet: seam.Outlet) -> None:
        """As `Substitute.begin`. After `close`, which may overtake it, nothing begins."""
        if self._is_closed:
            return
        shape, self._rtx_type = _shape(outlet.parameters, at_once=self._at_once)
        self._outlet, self._wire, self._group = outlet, Wire(outlet), self._groups.join(shape)
        self._description = described(outlet.ssrc, outlet.parameters.rtcp.cname or "")
        self._report_later()

    def heard(self) -> None:
        """As `Substitute.heard`."""

    def reported(self, report: Report) -> None:
        """As `Substitute.reported`."""

    async def again(self, sequence: int) -> None:
        """As `Substitute.again`."""
        packet = self._packet(sequence)
        if packet is None or self._outlet is None:
            return
        if self._rtx_type is None:
            packet = packet[:2] + sequence.to_bytes(2, "big") + packet[4:]
        else:
            self._again_number += 1
            kind, ssrc = self._rtx_type, self._outlet.rtx_ssrc
            packet = retransmission(packet, sequence, payload_type=kind, ssrc=ssrc, number=self._again_number)
        await self._outlet.send(packet)

    def sent_bits(self) -> float:
        """So far, with RTP's own headers. Without what was sent again: on a line that loses most that is several times as
        much, and what the line carries would seem to be, too."""
        return 8.0 * (self._octets + HEADER_BYTES * self._packets)

    def clock_pair(self) -> tuple[int, float] | None:
        """An RTP timestamp and the monotonic second at which what it stands for was captured; None before the first."""
        return None if self._last is None else (self._timestamp, self._last.captured_at)

    def close(self) -> None:
        """Ends it. May be called twice."""
        self._is_closed = True
        if self._reporting is not None:
            self._reporting.cancel()
        wire, group, self._wire, self._group = self._wire, self._group, None, None
        if wire is not None:
            wire.close()
        if group is not None:
            self._groups.leave(group.shape)

    def _packet(self, sequence: int) -> bytes | None:
        """What was sent as `sequence`; None when that was never or is too long ago."""
        number = self._numbers.number(sequence)
        return self._group.packet(number) if self._group is not None and number is not None else None

    def _count(self, unit: AccessUnit | AudioPacket, burst: Burst) -> int:
        """It is being sent: the sequence number of its first packet."""
        count = len(burst.packets)
        self._last, self._timestamp = unit, burst.timestamp
        self._packets += count
        self._octets += burst.size - HEADER_BYTES * count
        return self._numbers.take(burst.first, count)

    def _report_later(self) -> None:
        loop = asyncio.get_running_loop()
        self._reporting = loop.call_at(due(loop.time()), self._report)

    def _report(self) -> None:
        """Names the moment of capture, so that a player brings pictures and sound together."""
        self._report_later()
        if self._last is None or self._outlet is None:
            return
        ntp = ntp_time(self._last.captured_at + self._wall_clock)
        report = sender_report(self._outlet.ssrc, ntp, self._timestamp, self._packets, self._octets)
        self._outlet.report(report + self._description)
        self.departures.note(ntp, self._clock())


def _shape(parameters: RTCRtpSendParameters, *, at_once: bool) -> tuple[Shape, int | None]:
    """How packets look by what was negotiated, as far as it fits, and the payload type of those that are sent again."""
    codec = parameters.codecs[0]
    ids = {one.uri: one.id for one in parameters.headerExtensions if one.id in EXTENSION_IDS}
    mid = (parameters.muxId or "").encode()
    shape = Shape(
        codec.payloadType or 0,
        mid if len(mid) <= EXTENSION_BYTES else b"",
        ids.get(_MID, 0),
        ids.get(_ABS_SEND_TIME, 0),
        ids.get(webrtc_seam.PLAYOUT_DELAY, 0) if at_once else 0,
    )
    for other in parameters.codecs:
        if other.mimeType.lower().endswith("/rtx") and other.parameters.get("apt") == codec.payloadType:
            return shape, other.payloadType
    return shape, None
