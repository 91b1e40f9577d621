"""What a viewer's pictures and its sound have in common: packets that all viewers share, numbered and sent for this one."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from weakref import WeakKeyDictionary

from aiortc import RTCRtpSender
from aiortc.rtcrtpparameters import RTCRtpSendParameters

from pi_cam.media.units import AccessUnit, AudioPacket
from pi_cam.transport import allowance, webrtc_seam
from pi_cam.transport import webrtc_seam_sender as seam
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
    """Begins with the connection. `clock_hz`: of its timestamps; `clock`: monotonic seconds; `at_once`: to be shown without
    a jitter buffer."""

    __slots__ = (
        "_again_number",
        "_agains",
        "_at_once",
        "_clock",
        "_clock_hz",
        "_group",
        "_groups",
        "_is_closed",
        "_last",
        "_numbers",
        "_octets",
        "_outlet",
        "_packets",
        "_rtx_type",
        "_timestamp",
        "_wire",
    )
    """Read many times for each picture. Without slots so many attributes are looked up as in any dictionary (CPython shares
    the keys of no more than thirty)."""

    def __init__(
        self, groups: Groups, clock_hz: int, clock: Callable[[], float] = time.monotonic, *, at_once: bool = False
    ) -> None:
        self._groups, self._clock_hz, self._clock, self._at_once = groups, clock_hz, clock, at_once
        self._group: Group | None = None
        self._wire: Wire | None = None
        self._outlet: seam.Outlet | None = None
        self._numbers = Numbering()
        self._is_closed = False
        self._again_number = secrets.randbelow(1 << 15)  # for the reason that Numbering gives
        self._rtx_type: int | None = None
        self._last: AccessUnit | AudioPacket | None = None
        self._timestamp = self._packets = self._octets = 0
        self._agains = allowance.Repeats(lambda: self._packets, clock)

    def prepare(self, sender: RTCRtpSender, wall_clock: float) -> None:
        """Before anything is negotiated. `wall_clock`: what makes monotonic seconds those since 1970."""
        seam.substitute(sender, self, self._groups.ssrc)
        bound_requests(sender, self._agains)
        webrtc_seam.stamp_reports(sender, self._captured_at, wall_clock, self._sent)

    def begin(self, outlet: seam.Outlet) -> None:
        """As `Substitute.begin`. After `close`, which may overtake it, nothing begins."""
        if self._is_closed:
            return
        shape, self._rtx_type = _shape(outlet.parameters, at_once=self._at_once)
        self._outlet, self._wire, self._group = outlet, Wire(outlet), self._groups.join(shape)

    def heard(self) -> None:
        """As `Substitute.heard`."""

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

    def _sent(self) -> tuple[int, int, int]:
        return self._timestamp, self._packets, self._octets

    def _captured_at(self, timestamp: int) -> float | None:
        if self._last is None:
            return None
        ticks = (timestamp - self._timestamp + (1 << 31)) % (1 << 32) - (1 << 31)
        return self._last.captured_at + ticks / self._clock_hz


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
