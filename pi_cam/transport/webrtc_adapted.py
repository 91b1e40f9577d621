"""One viewer's pictures by packets that all share, in the rendition that its path carries."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from pi_cam.bitrate import Gets, Rendition
from pi_cam.errors import PiCamError
from pi_cam.media.units import AccessUnit
from pi_cam.path_estimate import Report
from pi_cam.subscription import MayAsk, Tap, always
from pi_cam.transport import webrtc_seam_sender as seam
from pi_cam.transport.adaptation import Adaptation
from pi_cam.transport.filling import Filling, repeated
from pi_cam.transport.handover import Forward, Past
from pi_cam.transport.rtp_packets import Burst, Group, Groups, fresh, retransmission
from pi_cam.transport.webrtc_sender import SharedPictures

log = logging.getLogger(__name__)

PAST_SECONDS = 5.0
"""So long a browser may ask for what was sent before a change; then the packets of those days are let go."""

LOOKED_AT = 24
"""The largest of so many packets is repeated: fewer are needed then."""

USUAL_PACKET_BITS = 8 * 1200


class Pictured(Protocol):
    """What is needed of a hub."""

    def tap(self, may_ask: MayAsk = always) -> Tap:
        """Opens it."""

    def request_keyframe(self) -> None:
        """Asks for one."""


@dataclass(frozen=True, slots=True)
class Feed:
    """One rendition of a camera: where its pictures come from, and the packets that are made of them."""

    hub: Pictured
    groups: Groups


class AdaptedPictures(SharedPictures):
    """Opens `main`; takes `small` while `adaptation` says so, from a keyframe of that on. `may_ask`: as for `Hub.subscribe`.
    Raises as `Hub.tap`."""

    __slots__ = (
        "_adaptation",
        "_coming",
        "_feed",
        "_feeds",
        "_filled_bits",
        "_filling",
        "_forgetting",
        "_forward",
        "_past",
    )
    can_switch = True

    def __init__(
        self,
        main: Feed,
        small: Feed | None,
        adaptation: Adaptation,
        clock: Callable[[], float] = time.monotonic,
        *,
        may_ask: MayAsk = always,
        at_once: bool = False,
    ) -> None:
        super().__init__(main.hub.tap(may_ask), main.groups, main.hub.request_keyframe, clock, at_once=at_once)
        self._feeds = {"main": main} if small is None else {"main": main, "small": small}
        self._feed = main
        self._coming: tuple[Feed, Tap] | None = None
        self._adaptation = adaptation
        self._forward = Forward()
        self._past: Past | None = None
        self._forgetting: asyncio.TimerHandle | None = None
        self._filled_bits = 0.0
        self._filling = Filling(self._repeat, super().sent_bits, USUAL_PACKET_BITS, clock)

    def begin(self, outlet: seam.Outlet) -> None:
        """As `Substitute.begin`."""
        super().begin(outlet)
        if self._wire is not None:
            self._adaptation.join(self)

    def reported(self, report: Report) -> None:
        """As `Substitute.reported`."""
        self._adaptation.heard(self, report)

    def gets(self) -> Gets:
        """What it gets, and why."""
        return self._adaptation.gets(self)

    def sent_bits(self) -> float:
        """As `Adapted.sent_bits`: with what was repeated."""
        return super().sent_bits() + self._filled_bits

    def receive(self, rendition: Rendition) -> None:
        """As `Adapted.receive`."""
        keyframes_only = rendition == "keyframes"
        if self._keyframes_only and not keyframes_only:
            self._tap.hold()
        self._keyframes_only = keyframes_only
        feed = self._feeds.get(rendition, self._feeds["main"])
        if self._coming is not None and (self._coming[0] is not feed or self._coming[1].closed):
            self._coming[1].close()
            self._coming = None
        if feed is self._feed or self._coming is not None or self._wire is None:
            return
        try:
            tap = feed.hub.tap()
        except PiCamError:  # stopped just now: the whole connection is about to end
            return
        self._coming = (feed, tap)
        tap.arm(partial(self._take_from, feed), live=True)

    def fill(self, bits_per_second: int) -> None:
        """As `Adapted.fill`."""
        self._filling.want(bits_per_second if self._rtx_type is not None and self._wire is not None else 0)

    def close(self) -> None:
        """As `SharedStream.close`."""
        self._adaptation.leave(self)
        self._filling.close()
        if self._coming is not None:
            self._coming[1].close()
            self._coming = None
        self._forget_past()
        super().close()

    def _take_from(self, feed: Feed, unit: AccessUnit) -> None:
        if self._coming is not None and self._coming[0] is feed:
            self._change()
        self._take(unit)

    def _change(self) -> None:
        """The first keyframe of the other rendition is here."""
        group = self._group
        if self._coming is None or group is None:
            return
        self._send_rest()
        self._forget_behind()  # it begins anew
        self._forget_past()
        (feed, tap), self._coming = self._coming, None
        self._past = Past(self._groups, group, self._numbers)
        self._forgetting = asyncio.get_running_loop().call_later(PAST_SECONDS, self._forget_past)
        self._tap.close()
        self._feed, self._tap, self._groups = feed, tap, feed.groups
        self._request_keyframe = feed.hub.request_keyframe
        self._group, self._numbers = feed.groups.join(group.shape), self._numbers.onward()
        if self._last is not None:  # else there is no time yet that it must not go behind
            self._forward.begin()
            self._is_its_own = True
        log.info("a viewer changes to another rendition", extra={"small": feed is not self._feeds["main"]})

    def _forget_past(self) -> None:
        past, self._past = self._past, None
        if past is not None:
            past.forget()
        if self._forgetting is not None:
            self._forgetting.cancel()
            self._forgetting = None

    def _burst(self, group: Group, unit: AccessUnit, now: float) -> Burst:
        burst = self._forward.fitting(super()._burst(group, unit, now), self._timestamp)
        self._is_its_own = self._is_behind or self._forward.catches_up
        return burst

    def _packet(self, sequence: int) -> bytes | None:
        number, packet = self._numbers.number(sequence), super()._packet(sequence)
        if packet is not None and number is not None:
            return self._forward.as_sent(number, packet)
        return self._past.packet(sequence) if self._past is not None else None

    def _repeat(self, count: int) -> int:
        """As `filling.Send`."""
        wire, group, outlet, last = self._wire, self._group, self._outlet, self._numbers.last
        if wire is None or group is None or outlet is None or self._rtx_type is None:
            return 0
        recent = {at & 0xFFFF: self._packet(at & 0xFFFF) for at in range(last - LOOKED_AT + 1, last + 1)}
        sequence, packet = max(recent.items(), key=lambda one: len(one[1] or b""))
        if packet is None:
            return 0
        packet = fresh(packet, group.shape, time.time())
        packet = retransmission(packet, sequence, payload_type=self._rtx_type, ssrc=outlet.rtx_ssrc, number=0)
        first, self._again_number = self._again_number + 1, self._again_number + count
        wire.send(repeated(packet, count, wire.tag), first)
        bits = 8 * len(packet) * count
        self._filled_bits += bits
        return bits
