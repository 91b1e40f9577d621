"""Encoded pictures and sound as tracks of the WebRTC library, which packs them without decoding (`recv` may return an
`av.Packet`)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from fractions import Fraction
from typing import Any, Protocol

import av
from aiortc import RTCRtpSender
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from pi_cam.bitrate import Gets, Rendition
from pi_cam.errors import PiCamError
from pi_cam.media.units import SOUND_CLOCK_HZ, VIDEO_CLOCK_HZ, AccessUnit, AudioPacket
from pi_cam.path_estimate import Report
from pi_cam.transport import allowance, webrtc_seam
from pi_cam.transport import webrtc_seam_feedback as feedback
from pi_cam.transport.adaptation import Adaptation
from pi_cam.transport.delay import SendingMeter, Spent
from pi_cam.transport.receiver_reports import Departures
from pi_cam.transport.webrtc_seam_guard import bound_requests

WRAP = 1 << 32

SenderTimestamp = Callable[[], int | None]
"""What the library sent last, as an RTP timestamp."""


class Units(Protocol):
    """What a track needs of a subscription (`pi_cam.hub.Subscription`)."""

    def arm(self) -> None:
        """Begins to want units."""

    async def next(self) -> AccessUnit | None:
        """The next unit; None at the end."""

    def close(self) -> None:
        """Ends it."""


class Sound(Protocol):
    """What a track needs of a listener's subscription."""

    async def next(self) -> AudioPacket | None:
        """The next packet; None at the end."""

    def close(self) -> None:
        """Ends it."""


class EncodedTrack(MediaStreamTrack):
    """Knows which RTP timestamp stands for which moment of capture. `clock_hz`: of its timestamps."""

    def __init__(self, clock_hz: int, sender_timestamp: SenderTimestamp) -> None:
        super().__init__()
        self._clock_hz = clock_hz
        self._time_base = Fraction(1, clock_hz)
        self._sender_timestamp = sender_timestamp
        self._last: AccessUnit | AudioPacket | None = None
        self._origin: int | None = None

    def clock_pair(self) -> tuple[int, float] | None:
        """An RTP timestamp and the monotonic second at which that picture, or sound, was captured."""
        if self._origin is None or self._last is None:
            return None
        return (self._origin + self._last.pts) % WRAP, self._last.captured_at

    def captured_at(self, timestamp: int) -> float | None:
        """The monotonic second for an RTP timestamp near the last one."""
        pair = self.clock_pair()
        if pair is None:
            return None
        ticks = (timestamp - pair[0] + WRAP // 2) % WRAP - WRAP // 2
        return pair[1] + ticks / self._clock_hz

    def _packet(self, unit: AccessUnit | AudioPacket) -> av.Packet[Any]:
        self._last = unit
        packet = av.Packet(unit.data)
        packet.pts = unit.pts
        packet.time_base = self._time_base
        return packet

    def _learn_origin(self) -> None:
        """aiortc adds a random origin to every timestamp: what it sent last, less the pts that it was, is that origin."""
        if self._origin is None and self._last is not None:
            sent = self._sender_timestamp()
            if sent is not None:
                self._origin = sent - self._last.pts


class EncodedVideoTrack(EncodedTrack):
    """The pictures of a subscription."""

    kind = "video"

    def __init__(self, units: Units, sender_timestamp: SenderTimestamp) -> None:
        super().__init__(VIDEO_CLOCK_HZ, sender_timestamp)
        self._units = units
        self._unit: tuple[AccessUnit, float] | None = None
        self.meter = SendingMeter()

    async def recv(self) -> av.Packet[Any]:
        """The first call comes when the transport is up: only then a keyframe is asked for. The next ones come when the
        picture before has left."""
        self._units.arm()
        if self._unit is not None:
            self.meter.count(*self._unit, time.monotonic())
        self._learn_origin()
        unit = await self._units.next()
        if unit is None or self.readyState != "live":
            self.stop()
            raise MediaStreamError
        self._unit = unit, time.monotonic()
        return self._packet(unit)


class PlainPictures:
    """Pictures by aiortc's own sender, which packs them for this viewer alone. `at_once`: to be shown without a jitter
    buffer."""

    can_switch = False

    def __init__(
        self,
        units: Units,
        request_keyframe: Callable[[], None],
        adaptation: Adaptation | None = None,
        *,
        at_once: bool = False,
    ) -> None:
        self._units, self._request_keyframe, self._adaptation = units, request_keyframe, adaptation
        self._at_once = at_once
        self._track: EncodedVideoTrack | None = None
        self._sender: RTCRtpSender | None = None
        self._is_closed = False
        self._asks = allowance.keyframes()

    def prepare(self, sender: RTCRtpSender, wall_clock: float) -> None:
        """As `Pictures.prepare`."""
        self._track = EncodedVideoTrack(self._units, lambda: webrtc_seam.last_rtp_timestamp(sender))
        sender.replaceTrack(self._track)
        self._sender = sender
        if self._at_once:
            webrtc_seam.ask_for_no_buffer(sender)
        departures = Departures()
        feedback.on_report(sender, self._reported, departures)
        feedback.note_departures(sender, departures)
        bound_requests(sender, allowance.Repeats(lambda: feedback.sent_packets(sender)))
        webrtc_seam.on_keyframe_request(sender, self._asked)
        webrtc_seam.stamp_reports(sender, self._track.captured_at, wall_clock)

    def clock_pair(self) -> tuple[int, float] | None:
        """As `Pictures.clock_pair`."""
        return self._track.clock_pair() if self._track else None

    def gets(self) -> Gets:
        """As `Pictures.gets`."""
        return self._adaptation.gets(self) if self._adaptation is not None else Gets("main", "off")

    def sent_bits(self) -> float:
        """As `Adapted.sent_bits`."""
        return feedback.sent_bits(self._sender) if self._sender is not None else 0.0

    def receive(self, rendition: Rendition) -> None:
        """As `Adapted.receive`: the library numbers its packets itself, so that there is only the main one."""

    def fill(self, bits_per_second: int) -> None:
        """As `Adapted.fill`: never asked of a viewer that cannot switch."""

    def _reported(self, report: Report) -> None:
        if self._adaptation is None or self._is_closed:
            return
        self._adaptation.join(self)  # with the first report the connection is up
        self._adaptation.heard(self, report)

    def _asked(self) -> None:
        if self._asks.take():
            self._request_keyframe()

    def spent(self) -> Spent:
        """As `Pictures.spent`."""
        return self._track.meter.read(time.monotonic()) if self._track else Spent()

    def close(self) -> None:
        """As `Pictures.close`."""
        self._is_closed = True
        if self._adaptation is not None:
            self._adaptation.leave(self)
        self._units.close()
        if self._track is not None:
            self._track.stop()


class EncodedAudioTrack(EncodedTrack):
    """Opus as it is, while it is turned on. Turned off it has nothing to send, and costs nothing.

    `listen` subscribes to the sound (None: it stays off), no sooner than somebody can hear it: a connection that never comes
    about, or whose sound section does not receive, opens no microphone. `hears` is called with the first packet: from then
    on this viewer can listen.
    """

    kind = "audio"

    def __init__(
        self, listen: Callable[[], Sound] | None, hears: Callable[[], None], sender_timestamp: SenderTimestamp
    ) -> None:
        super().__init__(SOUND_CLOCK_HZ, sender_timestamp)
        self._listen = listen
        self._hears: Callable[[], None] | None = hears
        self._sound: Sound | None = None
        self._is_up = False
        self._is_on = asyncio.Event()

    def turn(self, on: bool) -> None:
        """On or off; raises what `listen` raises."""
        if self._listen is None or self.readyState != "live":
            on = False
        if on and self._is_up and self._sound is None and self._listen is not None:
            self._sound = self._listen()
        if on:
            self._is_on.set()
            return
        self._is_on.clear()
        sound, self._sound = self._sound, None
        if sound is not None:
            sound.close()

    def stop(self) -> None:
        """For good."""
        super().stop()
        self.turn(on=False)

    async def recv(self) -> av.Packet[Any]:
        """The next 20 ms. The first call comes when the transport is up."""
        self._is_up = True
        while True:
            if not self._is_on.is_set():
                await self._is_on.wait()
            self._learn_origin()
            sound = self._sound or self._subscribed()
            heard = await sound.next() if sound is not None else None
            if heard is not None and sound is self._sound:
                break
            if self.readyState != "live" or (sound is not None and sound is self._sound):
                self.stop()  # the camera ended it
                raise MediaStreamError
        hears, self._hears = self._hears, None
        if hears is not None:
            hears()
        return self._packet(heard)

    def _subscribed(self) -> Sound | None:
        try:
            self.turn(on=True)
        except PiCamError:  # stopped since: the whole connection is about to end
            self.stop()
        return self._sound


class PlainSound:
    """Sound by aiortc's own sender. The parameters as those of `EncodedAudioTrack`."""

    def __init__(self, listen: Callable[[], Sound] | None, hears: Callable[[], None]) -> None:
        self._listen, self._hears = listen, hears
        self._track: EncodedAudioTrack | None = None

    def prepare(self, sender: RTCRtpSender, wall_clock: float) -> None:
        """As `Ear.prepare`."""
        self._track = EncodedAudioTrack(self._listen, self._hears, lambda: webrtc_seam.last_rtp_timestamp(sender))
        sender.replaceTrack(self._track)
        webrtc_seam.stamp_reports(sender, self._track.captured_at, wall_clock)

    def turn(self, on: bool) -> None:
        """As `Ear.turn`."""
        if self._track is not None:
            self._track.turn(on)

    def close(self) -> None:
        """As `Ear.close`."""
        if self._track is not None:
            self._track.stop()
