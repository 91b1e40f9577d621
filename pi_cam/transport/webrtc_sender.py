"""One viewer's pictures by packets that all viewers share: what is left for each is encryption and a call of the kernel.

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

from pi_cam.media.units import AccessUnit
from pi_cam.subscription import Tap
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

    __slots__ = (
        "_asks",
        "_behind",
        "_behind_timer",
        "_heard_at",
        "_is_arriving",
        "_is_behind",
        "_is_its_own",
        "_keyframes_only",
        "_meter",
        "_patience",
        "_pauses",
        "_request_keyframe",
        "_rest",
        "_sent_at",
        "_tap",
        "_timer",
        "_unit",
        "is_silent",
    )

    def __init__(
        self,
        tap: Tap,
        groups: Groups,
        request_keyframe: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
        *,
        at_once: bool = False,
    ) -> None:
        super().__init__(groups, clock, at_once=at_once)
        self._tap, self._request_keyframe = tap, request_keyframe
        self._rest: tuple[tuple[Run, ...], int] | None = None
        self._unit: tuple[AccessUnit, float] | None = None
        self._meter = SendingMeter()
        self._timer: asyncio.TimerHandle | None = None
        self._behind = Behind()
        self._is_arriving = self._is_behind = self._keyframes_only = False
        self._is_its_own = False
        """Whether its packets may not be those of all: asked for each picture."""
        self._behind_timer: asyncio.TimerHandle | None = None
        self._heard_at = self._sent_at = clock()
        self._pauses: deque[float] = deque(maxlen=USUAL_PAUSES)
        self._patience = SILENCE_SECONDS
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
            self._patience = max(SILENCE_SECONDS, 3 * max(self._pauses))
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
        if self._keyframes_only and not unit.keyframe:
            return
        if self._is_arriving or self._behind.is_used:
            self._take_behind(unit)
        else:
            self._send(unit)

    def _take_behind(self, unit: AccessUnit) -> None:
        self._behind.forget(self._clock())
        if not self._is_arriving and not self._behind:
            self._send(unit)
        elif not self._behind.add(unit):
            self._forget_behind()
            self._tap.hold(lost=1)

    def _catch_up(self) -> None:
        """A piece of what is behind, and the next one soon."""
        self._behind_timer, packets = None, 0
        self._is_behind = self._is_its_own = True
        try:
            while self._behind and self._wire is not None and packets < PIECE_PACKETS:
                if self._rest is not None or self._wire.waiting() > WAITING_BYTES:
                    break
                before = self._packets
                self._send(self._behind.next())
                packets += self._packets - before
        finally:
            self._is_behind = self._is_its_own = False
        if self._behind and self._wire is not None:
            self._behind_timer = asyncio.get_running_loop().call_later(PACE_SECONDS, self._catch_up)

    def _forget_behind(self) -> None:
        self._behind.clear()
        if self._behind_timer is not None:
            self._behind_timer.cancel()
            self._behind_timer = None

    def _send(self, unit: AccessUnit) -> None:
        """For each picture and viewer: what is only needed now and then is elsewhere."""
        group, wire, now = self._group, self._wire, self._clock()
        if group is None or wire is None or not self._may_send(unit.keyframe, now):
            return
        burst = self._burst(group, unit, now) if self._is_its_own else group.burst(unit)
        if not burst.packets or (self._rest is not None and not self._send_rest()):
            return
        runs, sequence = burst.runs(wire.tag), self._count(unit, burst)
        if len(runs) > 1:
            self._unit, self._rest = (unit, now), (runs, sequence)
            self._go_on()
        elif wire.send(runs[0], sequence):
            self._meter.count(unit, now, self._clock())
        else:
            self._drop()

    def _burst(self, group: Group, unit: AccessUnit, now: float) -> Burst:
        return self._behind.burst(group, unit, now) if self._is_behind else group.burst(unit)

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
                self._drop()
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

    def _drop(self) -> None:
        self._forget_rest()
        self._forget_behind()
        self._tap.hold(lost=1)

    def _forget_rest(self) -> None:
        self._rest = self._unit = None
        if self._timer is not None:
            self._timer.cancel()

    def _may_send(self, keyframe: bool, now: float) -> bool:
        """Not into silence. Nobody reports what was not sent: after a pause of the camera the silence is counted anew."""
        unsent, unheard, patience = now - self._sent_at, now - self._heard_at, self._patience
        if self.is_silent:
            if not keyframe or unsent < SILENCE_SECONDS:
                return False
        elif unsent > patience / 2:
            self._heard_at = now
        elif unheard > patience:
            log.info("a viewer is not heard any more: it gets nothing until it is")
            self.is_silent = True
            self._forget_rest()
            return False
        self._sent_at = now
        return True

    def _asked(self) -> None:
        if self._asks.take():
            self._request_keyframe()
