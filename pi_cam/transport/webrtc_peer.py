"""One viewer by WebRTC: answers its offer, passes access units through as they are, and notices when it is gone."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any, Protocol

import av
from aiortc import (
    RTCConfiguration,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from aiortc.rtcrtpparameters import RTCRtpCodecCapability
from aiortc.sdp import candidate_from_sdp

from pi_cam.errors import OfferRefused
from pi_cam.media.units import SOUND_CLOCK_HZ, VIDEO_CLOCK_HZ, AccessUnit, AudioPacket
from pi_cam.transport import webrtc_seam
from pi_cam.transport.candidates import MAX_CANDIDATES, is_usable
from pi_cam.transport.offers import check_offer, has_sound
from pi_cam.transport.viewers import Visitor, new_viewer_id

log = logging.getLogger(__name__)

TICK = Fraction(1, VIDEO_CLOCK_HZ)
SOUND_TICK = Fraction(1, SOUND_CLOCK_HZ)
WAITING_UNITS = 30
"""One second at 30 fps: a viewer that lags more jumps to the present."""


class Units(Protocol):
    """What a peer needs of a subscription (`pi_cam.hub.Subscription`)."""

    def arm(self) -> None:
        """Begins to want units."""

    async def next(self) -> AccessUnit | None:
        """The next unit; None at the end."""

    def close(self) -> None:
        """Ends it."""


class Sound(Protocol):
    """What a peer needs of a listener's subscription."""

    async def next(self) -> AudioPacket | None:
        """The next packet; None at the end."""

    def close(self) -> None:
        """Ends it."""


class EncodedVideoTrack(MediaStreamTrack):
    """Hands access units to aiortc, which packs them without decoding (`recv` may return an `av.Packet`)."""

    kind = "video"

    def __init__(self, units: Units, sender_timestamp: Callable[[], int | None]) -> None:
        super().__init__()
        self._units = units
        self._sender_timestamp = sender_timestamp
        self._last: AccessUnit | None = None
        self._origin: int | None = None

    async def recv(self) -> av.Packet[Any]:
        """The first call comes when the transport is up: only then a keyframe is asked for."""
        self._units.arm()
        self._learn_origin()
        unit = await self._units.next()
        if unit is None or self.readyState != "live":
            self.stop()
            raise MediaStreamError
        self._last = unit
        packet = av.Packet(unit.data)
        packet.pts = unit.pts
        packet.time_base = TICK
        return packet

    def clock_pair(self) -> tuple[int, float] | None:
        """An RTP timestamp and the monotonic second at which that picture was captured."""
        if self._origin is None or self._last is None:
            return None
        return (self._origin + self._last.pts) & 0xFFFFFFFF, self._last.captured_at

    def _learn_origin(self) -> None:
        """aiortc adds a random origin to every timestamp: what it sent last, less the pts that it was, is that origin."""
        if self._origin is None and self._last is not None:
            sent = self._sender_timestamp()
            if sent is not None:
                self._origin = sent - self._last.pts


class EncodedAudioTrack(MediaStreamTrack):
    """Hands Opus packets to aiortc as they are. Without sound it never has anything to send, and costs nothing.

    `hears` is called with the first packet: from then on this viewer can listen.
    """

    kind = "audio"

    def __init__(self, sound: Sound | None, hears: Callable[[], None]) -> None:
        super().__init__()
        self._sound = sound
        self._hears: Callable[[], None] | None = hears

    async def recv(self) -> av.Packet[Any]:
        """The next 20 ms."""
        if self._sound is None:
            await asyncio.Event().wait()
            raise MediaStreamError
        heard = await self._sound.next()
        if heard is None or self.readyState != "live":
            self.stop()
            raise MediaStreamError
        hears, self._hears = self._hears, None
        if hears is not None:
            hears()
        packet = av.Packet(heard.data)
        packet.pts = heard.pts
        packet.time_base = SOUND_TICK
        return packet


class WebRtcPeer:
    """A viewer. Made for one offer; a lost connection is replaced by a new peer. Lives in the media loop.

    `ended(reason)` is called once, when the media is over for whatever reason: `lost`, `never-connected`, or what `close`
    was told. `hears()` is called once, when the first sound goes out to it.
    """

    transport = "webrtc"

    def __init__(
        self,
        *,
        camera: str,
        visitor: Visitor,
        units: Units,
        sound: Sound | None,
        request_keyframe: Callable[[], None],
        ice_servers: list[str],
        connect_seconds: float,
        ended: Callable[[str], None],
        hears: Callable[[], None] = lambda: None,
    ) -> None:
        self.id = new_viewer_id()
        self.public_id = new_viewer_id()
        self.camera = camera
        self.visitor = visitor
        self.started_at = time.time()
        self.delay_ms: int | None = None
        self.offer = ""
        self._units = units
        self._sound = sound
        self._request_keyframe = request_keyframe
        self._connect_seconds = connect_seconds
        self._ended: Callable[[str], None] | None = ended
        self._hears = hears
        self._candidates = 0
        servers = [RTCIceServer(urls=url) for url in ice_servers]
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=servers))
        self._track: EncodedVideoTrack | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._closing: asyncio.Task[None] | None = None

    async def answer(self, offer: str, profile_level_id: str | None) -> str:
        """The SDP answer. `profile_level_id`: what the camera sends, if it is known. Raises `OfferRefused`."""
        self.offer = checked = check_offer(offer)
        self._prepare(has_sound(checked), profile_level_id)
        with _refusing("This offer cannot be answered: it must accept H.264 pictures over DTLS-SRTP."):
            await self._connection.setRemoteDescription(RTCSessionDescription(checked, "offer"))
            await self._connection.setLocalDescription(await self._connection.createAnswer())
        self._timer = asyncio.get_running_loop().call_later(self._connect_seconds, self._give_up)
        return self._connection.localDescription.sdp

    async def add_candidate(self, candidate: str, mid: str | None, index: int | None) -> None:
        """A trickled candidate (RFC 8838). Those that are not used are skipped. Raises `OfferRefused`."""
        self._candidates += 1
        with _refusing("This candidate makes no sense."):
            if not is_usable(candidate) or self._candidates > MAX_CANDIDATES:
                return
            parsed = candidate_from_sdp(candidate.partition("candidate:")[2])
            parsed.sdpMid, parsed.sdpMLineIndex = mid, index
            await self._connection.addIceCandidate(parsed)

    def clock_pair(self) -> tuple[int, float] | None:
        """As `EncodedVideoTrack.clock_pair`."""
        return self._track.clock_pair() if self._track else None

    async def close(self, reason: str) -> None:
        """Ends the media and gives back the sockets. May be called twice."""
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(self._close(reason))
        await asyncio.shield(self._closing)

    def _prepare(self, sound: bool, profile_level_id: str | None) -> None:
        # Before setRemoteDescription: afterwards the preferences of an answerer are ignored, and VP8 would be agreed on.
        video = self._connection.addTransceiver("video", "sendonly")
        sender = video.sender
        self._track = EncodedVideoTrack(self._units, lambda: webrtc_seam.last_rtp_timestamp(sender))
        sender.replaceTrack(self._track)
        video.setCodecPreferences(_preferences(profile_level_id))
        webrtc_seam.on_keyframe_request(sender, self._request_keyframe)
        if sound:
            self._connection.addTransceiver(EncodedAudioTrack(self._sound, self._hears), "sendonly")
        self._connection.on("connectionstatechange", self._state_changed)

    def _state_changed(self) -> None:
        state = self._connection.connectionState
        log.debug("connection state", extra={"viewer": self.id, "state": state})
        if state == "connected" and self._timer is not None:
            self._timer.cancel()
        elif state in ("failed", "closed"):
            self._close_soon("lost")

    def _give_up(self) -> None:
        if self._connection.connectionState != "connected":
            self._close_soon("never-connected")

    def _close_soon(self, reason: str) -> None:
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(self._close(reason))

    async def _close(self, reason: str) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._units.close()
        if self._sound is not None:
            self._sound.close()
        if self._track is not None:
            self._track.stop()
        ended, self._ended = self._ended, None
        if ended is not None:
            ended(reason)
        try:
            await self._connection.close()
        except Exception:  # an edge: what the library cannot close must not keep others from being told
            log.exception("connection did not close cleanly")


@contextmanager
def _refusing(sentence: str) -> Iterator[None]:
    """Whatever goes wrong within becomes `OfferRefused`."""
    try:
        yield
    except Exception as error:  # an edge: aiortc's parsers fail in many ways on what a hostile peer sends
        log.info("refused", extra={"cause": type(error).__name__, "sentence": sentence})
        raise OfferRefused(sentence) from error


def _preferences(profile_level_id: str | None) -> list[RTCRtpCodecCapability]:
    """H.264 and retransmission only; the profile that the camera sends first, else Constrained Baseline, which all know."""
    offered = RTCRtpSender.getCapabilities("video").codecs
    wanted = (profile_level_id or "42e01f").lower()

    def distance(codec: RTCRtpCodecCapability) -> tuple[bool, bool, bool]:
        known = str(codec.parameters.get("profile-level-id", "")).lower()
        return (known[:4] != wanted[:4], known[:2] != wanted[:2], known != "42e01f")

    h264 = sorted((codec for codec in offered if codec.mimeType.lower() == "video/h264"), key=distance)
    return [*h264, *(codec for codec in offered if codec.mimeType.lower() == "video/rtx")]
