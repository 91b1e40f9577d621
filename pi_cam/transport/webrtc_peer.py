"""One viewer by WebRTC: answers its offer, passes access units through as they are, and notices when it is gone."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from aiortc import (
    RTCConfiguration,
    RTCIceServer,
    RTCIceTransportPolicy,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.rtcrtpparameters import RTCRtpCodecCapability
from aiortc.sdp import candidate_from_sdp

from pi_cam.bitrate import Gets
from pi_cam.errors import NoRelay, NotAllowed, OfferRefused
from pi_cam.transport import webrtc_seam, webrtc_seam_memory
from pi_cam.transport.candidates import MAX_CANDIDATES, is_candidate, is_usable
from pi_cam.transport.delay import Shown, Spent, by_stage
from pi_cam.transport.ice import Ice
from pi_cam.transport.offers import check_offer, has_sound, opus_type
from pi_cam.transport.viewers import Visitor, new_viewer_id
from pi_cam.transport.webrtc_ciphers import choosing

log = logging.getLogger(__name__)

CLOSE_SECONDS = 2.0

Voice = Callable[[int, int, bytes], None]


class Pictures(Protocol):
    """How a viewer gets its pictures: `webrtc_sender.SharedPictures`, or `webrtc_tracks.PlainPictures`."""

    def prepare(self, sender: RTCRtpSender, wall_clock: float) -> None:
        """Before anything is negotiated. `wall_clock`: what makes monotonic seconds those since 1970."""

    def clock_pair(self) -> tuple[int, float] | None:
        """An RTP timestamp and the monotonic second at which that picture was captured; None before the first."""

    def gets(self) -> Gets:
        """Which rendition it is, and why."""

    def spent(self) -> Spent:
        """What they spend on this side."""

    def close(self) -> None:
        """Ends them. May be called twice."""


class Ear(Protocol):
    """How a viewer gets the sound: `webrtc_sound.SharedSound`, or `webrtc_tracks.PlainSound`."""

    def prepare(self, sender: RTCRtpSender, wall_clock: float) -> None:
        """As `Pictures.prepare`; not called where sound is not negotiated."""

    def turn(self, on: bool) -> None:
        """On or off, for who may listen. Raises `CameraStopped`, `CameraPrivate`."""

    def close(self) -> None:
        """Ends it. May be called twice."""


class WebRtcPeer:
    """A viewer. Made for one offer; a lost connection is replaced by a new peer. Lives in the media loop.

    `ended(reason)` is called once, when the media is over for whatever reason: `lost`, `never-connected`, or what `close`
    was told; `connected`, when pictures can get there. `listening`: from the beginning on, if it may. `voice` takes what it
    says: the RTP sequence number, timestamp and payload of each Opus packet (None: it may not talk, and is told so in
    the answer).
    """

    transport = "webrtc"

    def __init__(
        self,
        *,
        camera: str,
        visitor: Visitor,
        pictures: Pictures,
        ear: Ear,
        ice: Ice,
        connect_seconds: float,
        ended: Callable[[str], None],
        connected: Callable[[WebRtcPeer], None] = lambda peer: None,
        may_listen: bool = False,
        listening: bool = True,
        voice: Voice | None = None,
    ) -> None:
        self.id = new_viewer_id()
        self.public_id = new_viewer_id()
        self.camera = camera
        self.visitor = visitor
        self.started_at = time.time()
        self.shown = Shown()
        self.offer = ""
        self._pictures = pictures
        self._connect_seconds = connect_seconds
        self._ended: Callable[[str], None] | None = ended
        self._connected = connected
        self._ear = ear
        self._may_listen = may_listen
        self._listening = listening
        self._voice = voice if webrtc_seam.can_take_packets() else None
        self._opus_type = -1
        self._candidates = 0
        servers = [RTCIceServer(**one) for one in ice.own_servers()]
        self._relay_only = ice.relay_only
        policy = RTCIceTransportPolicy.RELAY if ice.relay_only else RTCIceTransportPolicy.ALL
        self._connection = RTCPeerConnection(RTCConfiguration(servers, iceTransportPolicy=policy))
        webrtc_seam.may_close_early(self._connection)
        self._wall_clock = time.time() - time.monotonic()  # one for both tracks, or a corrected clock would part them
        self._timer: asyncio.TimerHandle | None = None
        self._closing: asyncio.Task[None] | None = None

    async def answer(self, offer: str, profile_level_id: str | None) -> str:
        """The SDP answer. `profile_level_id`: what the camera sends, if it is known. Raises `OfferRefused`, `NoRelay`."""
        self.offer = checked = check_offer(offer)
        self._prepare(profile_level_id)
        if opus_type(checked) >= 0:
            self._prepare_sound()
        elif has_sound(checked):
            self._connection.addTransceiver("audio", "inactive")  # in words that we do not speak: the picture goes on
        with _refusing("This offer cannot be answered: it must accept H.264 pictures over DTLS-SRTP."):
            await self._connection.setRemoteDescription(RTCSessionDescription(choosing(checked), "offer"))
            await self._connection.setLocalDescription(await self._connection.createAnswer())
        if self._relay_only and not any(map(is_candidate, self._connection.localDescription.sdp.splitlines())):
            raise NoRelay("You see this camera through a relay only, and it does not answer at the moment.")
        self._opus_type = opus_type(self._connection.localDescription.sdp)
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

    def listen(self, on: bool) -> None:
        """Sound on or off, without another offer. Raises `NotAllowed`, `CameraStopped`."""
        if not self._may_listen:
            raise NotAllowed("This needs the right to listen.")
        self._ear.turn(on)

    @property
    def can_talk(self) -> bool:
        """Whether the library lets us hear this viewer."""
        return self._voice is not None

    def clock_pair(self) -> tuple[int, float] | None:
        """As `Pictures.clock_pair`."""
        return self._pictures.clock_pair()

    def gets(self) -> Gets:
        """As `Pictures.gets`."""
        return self._pictures.gets()

    def spent(self) -> Spent:
        """As `Pictures.spent`."""
        return self._pictures.spent()

    @property
    def delay_ms(self) -> int | None:
        """As `Viewer.delay_ms`."""
        return self.shown.delay

    def delay(self) -> dict[str, float | None]:
        """As `Viewer.delay`."""
        return by_stage(self.spent(), self.shown)

    async def close(self, reason: str) -> None:
        """Ends the media and gives back the sockets. May be called twice."""
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(self._close(reason))
        await asyncio.shield(self._closing)

    def _prepare(self, profile_level_id: str | None) -> None:
        # Before setRemoteDescription: afterwards the preferences of an answerer are ignored, and VP8 would be agreed on.
        video = self._connection.addTransceiver("video", "sendonly")
        video.setCodecPreferences(_preferences(profile_level_id))
        webrtc_seam_memory.receives_nothing(video.receiver)
        self._pictures.prepare(video.sender, self._wall_clock)
        self._connection.on("connectionstatechange", self._state_changed)

    def _prepare_sound(self) -> None:
        audio = self._connection.addTransceiver("audio", "sendrecv" if self._voice else "sendonly")
        audio.setCodecPreferences(_opus())
        self._ear.prepare(audio.sender, self._wall_clock)
        if self._voice is not None:
            webrtc_seam.take_packets(audio.receiver, self._take)
        self._ear.turn(self._listening)

    def _take(self, payload_type: int, sequence: int, timestamp: int, payload: bytes) -> None:
        if payload_type == self._opus_type and self._voice is not None:
            self._voice(sequence, timestamp, payload)

    def _state_changed(self) -> None:
        state = self._connection.connectionState
        log.debug("connection state", extra={"viewer": self.id, "state": state})
        if state == "connected" and self._timer is not None:
            self._timer.cancel()
            self._connected(self)
        elif state in ("failed", "closed"):
            was_up = self._timer is not None and self._timer.cancelled()
            self._close_soon("lost" if was_up else "never-connected")

    def _give_up(self) -> None:
        if self._connection.connectionState != "connected":
            self._close_soon("never-connected")

    def _close_soon(self, reason: str) -> None:
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(self._close(reason))

    async def _close(self, reason: str) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._pictures.close()
        self._ear.close()
        ended, self._ended = self._ended, None
        if ended is not None:
            ended(reason)
        try:
            await asyncio.wait_for(self._connection.close(), CLOSE_SECONDS)
        except TimeoutError:
            log.error("a connection does not close; its sockets are taken away", extra={"viewer": self.public_id})
            await webrtc_seam.cut(self._connection)
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


def _opus() -> list[RTCRtpCodecCapability]:
    return [codec for codec in RTCRtpSender.getCapabilities("audio").codecs if codec.mimeType.lower() == "audio/opus"]
