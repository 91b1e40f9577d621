"""One viewer's pictures and sound by packets that all viewers share: what is left for each is encryption and a call of the
kernel.

There is no queue: a unit leaves when it comes, a large one in pieces, the next one at its heels. What the kernel has no room
for is dropped, and no picture follows before the next keyframe.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable

from aiortc import RTCRtpSender

from pi_cam.errors import PiCamError
from pi_cam.media.units import SOUND_CLOCK_HZ, VIDEO_CLOCK_HZ, AccessUnit, AudioPacket
from pi_cam.subscription import SoundTap, Tap
from pi_cam.transport import allowance, webrtc_seam
from pi_cam.transport import webrtc_seam_sender as seam
from pi_cam.transport.behind import FIRST_NUMBER, PIECE_PACKETS, WAITING_BYTES, Behind
from pi_cam.transport.delay import SendingMeter, Spent
from pi_cam.transport.rtp_packets import PACED, Burst, Group, Groups, Run
from pi_cam.transport.webrtc_stream import SharedStream

log = logging.getLogger(__name__)

PACE_SECONDS = 0.002
"""Between the pieces of a large unit: 1080p at 4 Mbit/s has its keyframes on the way within some 6 ms."""

SILENCE_SECONDS = 5.0
"""A viewer that reports nothing for so long is gone, or cannot be reached: it gets nothing more until it is heard again, but
a keyframe each time so much has passed, which it would answer. Those that report seldom (RFC 3550, 6.2, lets them wait for
seven seconds and a half) get three of their usual pauses."""

USUAL_PAUSES = 4
"""The longest of the last so many is the usual one."""


class SharedPictures(SharedStream):
    """As `Pictures` in webrtc_peer. `tap`: its units; `request_keyframe`: of its camera."""

    def __init__(
        self,
        tap: Tap,
        groups: Groups,
        request_keyframe: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
        *,
        at_once: bool = False,
    ) -> None:
        super().__init__(groups, VIDEO_CLOCK_HZ, clock, at_once=at_once)
        self._tap, self._request_keyframe = tap, request_keyframe
        self._rest: tuple[tuple[Run, ...], int] | None = None
        self._unit: tuple[AccessUnit, float] | None = None
        self._meter = SendingMeter()
        self._timer: asyncio.TimerHandle | None = None
        self._behind = Behind()
        self._is_arriving = self._is_behind = False
        self._behind_timer: asyncio.TimerHandle | None = None
        self._heard_at = self._sent_at = clock()
        self._pauses: deque[float] = deque([0.0], maxlen=USUAL_PAUSES)
        self.is_silent = False
        self._asks = allowance.keyframes(clock)

    def prepare(self, sender: RTCRtpSender, wall_clock: float) -> None:
        """As `SharedStream.prepare`."""
        super().prepare(sender, wall_clock)
        webrtc_seam.on_keyframe_request(sender, self._asked)

    def begin(self, outlet: seam.Outlet) -> None:
        """As `Substitute.begin`."""
        super().begin(outlet)
        self._is_arriving = True
        self._tap.arm(self._take)
        self._is_arriving = False
        self._catch_up()

    def heard(self) -> None:
        """As `Substitute.heard`."""
        now = self._clock()
        pause, self._heard_at = now - self._heard_at, now
        if pause <= 2 * SILENCE_SECONDS:  # longer: it was away, and that is no habit
            self._pauses.append(pause)
        if self.is_silent:
            self.is_silent = False
            self._tap.hold()

    def spent(self) -> Spent:
        """As `Pictures.spent`."""
        return self._meter.read(self._clock())

    def close(self) -> None:
        """As `SharedStream.close`."""
        self._tap.close()
        self._forget_rest()
        self._forget_behind()
        super().close()

    def _take(self, unit: AccessUnit) -> None:
        if self._behind.keeps:
            self._behind.forget(self._clock())
        if not self._is_arriving and not self._behind:
            self._send(unit)
        elif not self._behind.add(unit):
            self._forget_behind()
            self._tap.hold(lost=1)

    def _catch_up(self) -> None:
        """A piece of what is behind, and the next one soon."""
        self._behind_timer, packets = None, 0
        self._is_behind = True
        try:
            while self._behind and self._wire is not None and packets < PIECE_PACKETS:
                if self._rest is not None or self._wire.waiting() > WAITING_BYTES:
                    break
                before = self._packets
                self._send(self._behind.next())
                packets += self._packets - before
        finally:
            self._is_behind = False
        if self._behind and self._wire is not None:
            self._behind_timer = asyncio.get_running_loop().call_later(PACE_SECONDS, self._catch_up)

    def _forget_behind(self) -> None:
        self._behind.clear()
        if self._behind_timer is not None:
            self._behind_timer.cancel()
            self._behind_timer = None

    def _send(self, unit: AccessUnit) -> None:
        group, wire = self._group, self._wire
        if group is None or wire is None or not self._may_send(unit.keyframe):
            return
        burst = self._burst(group, unit)
        if burst.packets and self._send_rest():
            self._unit = unit, self._sent_at
            self._rest = (burst.runs(wire.tag), self._count(unit, burst))
            self._go_on()

    def _burst(self, group: Group, unit: AccessUnit) -> Burst:
        return self._behind.burst(group, unit, self._clock()) if self._is_behind else group.burst(unit)

    def _packet(self, sequence: int) -> bytes | None:
        number = self._numbers.number(sequence)
        if number is not None and number >= FIRST_NUMBER:
            return self._behind.packet(self._group, number, self._clock()) if self._group is not None else None
        return super()._packet(sequence)

    def _go_on(self) -> bool:
        """Sends what is left of a unit, up to the next pause. Whether there was room for it."""
        wire = self._wire
        while self._rest is not None and wire is not None:
            (run, *others), sequence = self._rest
            if not wire.send(run, sequence):
                self._forget_rest()
                self._forget_behind()
                self._tap.hold(lost=1)
                return False
            self._rest = (tuple(others), sequence + len(run.lengths)) if others else None
            if self._rest is not None and len(run.lengths) == PACED:
                self._timer = asyncio.get_running_loop().call_later(PACE_SECONDS, self._go_on)
                break
        if self._rest is None and self._unit is not None:
            self._meter.count(*self._unit, self._clock())
            self._unit = None
        return True

    def _send_rest(self) -> bool:
        """Without further pauses: the next unit is here."""
        while self._rest is not None:
            if self._timer is not None:
                self._timer.cancel()
            if not self._go_on():
                return False
        return True

    def _forget_rest(self) -> None:
        self._rest = self._unit = None
        if self._timer is not None:
            self._timer.cancel()

    def _may_send(self, keyframe: bool) -> bool:
        """Not into silence. Nobody reports what was not sent: after a pause of the camera the silence is counted anew."""
        now, patience = self._clock(), max(SILENCE_SECONDS, 3 * max(self._pauses))
        if self.is_silent:
            if not keyframe or now - self._sent_at < SILENCE_SECONDS:
                return False
        elif now - self._sent_at > patience / 2:
            self._heard_at = now
        elif now - self._heard_at > patience:
            log.info("a viewer is not heard any more: it gets nothing until it is")
            self.is_silent = True
            self._forget_rest()
            return False
        self._sent_at = now
        return True

    def _asked(self) -> None:
        if self._asks.take():
            self._request_keyframe()


class SharedSound(SharedStream):
    """Sound for one viewer, as `Ear` in webrtc_peer. It costs nothing while it is turned off.

    `listen` hands its taker the camera's sound (None: it stays off), no sooner than somebody can hear it. `hears` is called
    with the first packet. While `is_gone()` nothing is sent.
    """

    def __init__(
        self,
        listen: Callable[[Callable[[AudioPacket], None]], SoundTap] | None,
        groups: Groups,
        hears: Callable[[], None],
        is_gone: Callable[[], bool],
    ) -> None:
        super().__init__(groups, SOUND_CLOCK_HZ)
        self._listen, self._is_gone = listen, is_gone
        self._hears: Callable[[], None] | None = hears
        self._tap: SoundTap | None = None
        self._is_on = False

    def begin(self, outlet: seam.Outlet) -> None:
        """As `Substitute.begin`."""
        super().begin(outlet)
        try:
            self.turn(self._is_on)
        except PiCamError:  # stopped since: the whole connection is about to end
            self._is_on = False

    def turn(self, on: bool) -> None:
        """On or off; raises what `listen` raises."""
        self._is_on = on and self._listen is not None and not self._is_closed
        tap = self._tap
        if self._is_on and self._wire is not None and (tap is None or tap.closed) and self._listen is not None:
            self._tap = self._listen(self._take)
        elif not self._is_on and tap is not None:
            self._tap = None
            tap.close()

    def close(self) -> None:
        """As `SharedStream.close`."""
        self._is_closed = True
        self.turn(on=False)
        super().close()

    def _take(self, packet: AudioPacket) -> None:
        group, wire = self._group, self._wire
        if group is None or wire is None or self._is_gone():
            return
        hears, self._hears = self._hears, None
        if hears is not None:
            hears()
        burst = group.burst(packet)
        (run,) = burst.runs(wire.tag)
        wire.send(run, self._count(packet, burst))  # where there is no room for 20 ms, they are lost
