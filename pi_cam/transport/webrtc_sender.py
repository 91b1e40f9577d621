"""One viewer's pictures by packets that all viewers share: what is left for each is encryption and a call of the kernel.

There is no queue: a unit leaves when it comes, a large one in pieces, the next one at its heels. What the kernel has no room
for is dropped, and nothing follows before the next keyframe.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable
from weakref import WeakKeyDictionary

from aiortc import RTCRtpSender
from aiortc.rtcrtpparameters import RTCRtpSendParameters

from pi_cam.media.payloads import payloads
from pi_cam.media.units import VIDEO_CLOCK_HZ, AccessUnit
from pi_cam.subscription import Tap
from pi_cam.transport import webrtc_seam
from pi_cam.transport import webrtc_seam_sender as seam
from pi_cam.transport.allowance import Allowance
from pi_cam.transport.rtp_packets import HEADER_BYTES, PACED, Group, Groups, Numbering, Run, Shape, retransmission
from pi_cam.transport.wire import Wire

log = logging.getLogger(__name__)

PACE_SECONDS = 0.002
"""Between the pieces of a large unit: 1080p at 4 Mbit/s has its keyframes on the way within some 6 ms."""

SILENCE_SECONDS = 5.0
"""A viewer that reports nothing for so long is gone, or cannot be reached: it gets nothing more until it is heard again.
Those that report seldom (RFC 3550, 6.2, lets them wait for seven seconds and a half) get three of their usual pauses."""

AGAIN_PER_SECOND, AGAIN_AT_ONCE = 500.0, 500.0
"""Packets that one viewer may have once more: of 1080p at 4 Mbit/s, all of them."""

KEYFRAMES_PER_SECOND, KEYFRAMES_AT_ONCE = 0.5, 4.0
"""What one viewer may ask for; everybody pays for each."""

_MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
_ABS_SEND_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"


class SharedGroups:
    """The groups of each stream that is watched."""

    def __init__(self) -> None:
        self._groups: WeakKeyDictionary[object, Groups] = WeakKeyDictionary()

    def of(self, stream: object) -> Groups:
        """`stream`: a camera's hub."""
        if stream not in self._groups:
            self._groups[stream] = Groups(payloads)
        return self._groups[stream]


class SharedPictures:
    """Pictures for one viewer, as `Pictures` in webrtc_peer. `tap`: its units; `request_keyframe`: of its camera."""

    def __init__(
        self,
        tap: Tap,
        groups: Groups,
        request_keyframe: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tap, self._groups, self._request_keyframe, self._clock = tap, groups, request_keyframe, clock
        self._group: Group | None = None
        self._wire: Wire | None = None
        self._outlet: seam.Outlet | None = None
        self._numbers = Numbering()
        self._again_number = secrets.randbelow(1 << 15)  # for the reason that Numbering gives
        self._rtx_type: int | None = None
        self._last: AccessUnit | None = None
        self._timestamp = self._packets = self._octets = 0
        self._rest: tuple[tuple[Run, ...], int] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._heard_at, self._pause, self._is_silent = clock(), 0.0, False
        self._agains = Allowance(AGAIN_PER_SECOND, AGAIN_AT_ONCE, clock)
        self._asks = Allowance(KEYFRAMES_PER_SECOND, KEYFRAMES_AT_ONCE, clock)

    def prepare(self, sender: RTCRtpSender, wall_clock: float) -> None:
        """Before anything is negotiated. `wall_clock`: what makes monotonic seconds those since 1970."""
        seam.substitute(sender, self, self._groups.ssrc)
        webrtc_seam.on_keyframe_request(sender, self._asked)
        webrtc_seam.stamp_reports(sender, self._captured_at, wall_clock, self._sent)

    def begin(self, outlet: seam.Outlet) -> None:
        """As `Substitute.begin`."""
        shape, self._rtx_type = _shape(outlet.parameters)
        self._outlet, self._wire, self._group = outlet, Wire(outlet), self._groups.join(shape)
        self._heard_at = self._clock()
        self._tap.arm(self._take)

    def heard(self) -> None:
        """As `Substitute.heard`."""
        now = self._clock()
        pause, self._heard_at = now - self._heard_at, now
        if pause <= 2 * SILENCE_SECONDS:  # longer: it was away, and that is no habit
            self._pause = max(self._pause, pause)
        if self._is_silent:
            self._is_silent = False
            self._tap.hold()

    async def again(self, sequence: int) -> None:
        """As `Substitute.again`."""
        number = self._numbers.number(sequence)
        packet = self._group.packet(number) if self._group is not None and number is not None else None
        if packet is None or number is None or self._outlet is None or not self._agains.take():
            return
        if self._rtx_type is None:
            packet = packet[:2] + sequence.to_bytes(2, "big") + packet[4:]
        else:
            self._again_number += 1
            packet = retransmission(
                packet,
                sequence,
                payload_type=self._rtx_type,
                ssrc=self._outlet.rtx_ssrc,
                number=self._again_number,
            )
        await self._outlet.send(packet)

    def clock_pair(self) -> tuple[int, float] | None:
        """An RTP timestamp and the monotonic second at which that picture was captured."""
        return None if self._last is None else (self._timestamp, self._last.captured_at)

    def close(self) -> None:
        """May be called twice."""
        self._tap.close()
        self._forget_rest()
        wire, group, self._wire, self._group = self._wire, self._group, None, None
        if wire is not None:
            wire.close()
        if group is not None:
            self._groups.leave(group.shape)

    def _take(self, unit: AccessUnit) -> None:
        group, wire = self._group, self._wire
        if group is None or wire is None or self._nobody_listens():
            return
        burst = group.burst(unit)
        if not burst.packets or not self._send_rest():
            return
        sequence = self._numbers.take(burst.first, len(burst.packets))
        self._last, self._timestamp = unit, burst.timestamp
        self._packets += len(burst.packets)
        self._octets += burst.size - HEADER_BYTES * len(burst.packets)
        self._rest = (burst.runs(wire.tag), sequence)
        self._go_on()

    def _go_on(self) -> bool:
        """Sends what is left of a unit, up to the next pause. Whether there was room for it."""
        wire = self._wire
        while self._rest is not None and wire is not None:
            (run, *others), sequence = self._rest
            if not wire.send(run, sequence):
                self._forget_rest()
                self._tap.hold(lost=1)
                return False
            self._rest = (tuple(others), sequence + len(run.lengths)) if others else None
            if self._rest is not None and len(run.lengths) == PACED:
                self._timer = asyncio.get_running_loop().call_later(PACE_SECONDS, self._go_on)
                break
        return True

    def _send_rest(self) -> bool:
        """Without further pauses: the next unit is here."""
        while self._rest is not None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            if not self._go_on():
                return False
        return True

    def _forget_rest(self) -> None:
        self._rest = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _nobody_listens(self) -> bool:
        if not self._is_silent and self._clock() - self._heard_at > max(SILENCE_SECONDS, 3 * self._pause):
            self._is_silent = True
            self._forget_rest()
            log.info("a viewer is not heard any more: it gets nothing until it is")
        return self._is_silent

    def _asked(self) -> None:
        if self._asks.take():
            self._request_keyframe()

    def _sent(self) -> tuple[int, int, int]:
        return self._timestamp, self._packets, self._octets

    def _captured_at(self, timestamp: int) -> float | None:
        if self._last is None:
            return None
        ticks = (timestamp - self._timestamp + (1 << 31)) % (1 << 32) - (1 << 31)
        return self._last.captured_at + ticks / VIDEO_CLOCK_HZ


def _shape(parameters: RTCRtpSendParameters) -> tuple[Shape, int | None]:
    """How packets look by what was negotiated, and the payload type of those that are sent again."""
    codec = parameters.codecs[0]
    ids = {extension.uri: extension.id for extension in parameters.headerExtensions}
    shape = Shape(
        codec.payloadType or 0, (parameters.muxId or "").encode(), ids.get(_MID, 0), ids.get(_ABS_SEND_TIME, 0)
    )
    for other in parameters.codecs:
        if other.mimeType.lower() == "video/rtx" and other.parameters.get("apt") == codec.payloadType:
            return shape, other.payloadType
    return shape, None
