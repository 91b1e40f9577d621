"""Only this file and those beside it (`webrtc_seam_*`) touch private names of aiortc and aioice. Each is looked for first;
where one is missing the feature that needs it is off, and `missing` says which.

Written against aiortc 1.16 (`rtcrtpsender.py`, `codecs/__init__.py`) and aioice 0.13 (`ice.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable
from typing import Any

from aioice import ice
from aiortc import RTCPeerConnection, RTCRtpReceiver, RTCRtpSender, codecs, rtcrtpsender
from aiortc.exceptions import InvalidStateError
from aiortc.rtcrtpparameters import (
    RTCRtcpFeedback,
    RTCRtpCodecParameters,
    RTCRtpHeaderExtensionParameters,
    RTCRtpParameters,
)
from aiortc.rtp import (
    AnyRtcpPacket,
    HeaderExtensions,
    HeaderExtensionsMap,
    RtcpRrPacket,
    RtcpSrPacket,
    RtpPacket,
    pack_header_extensions,
    unpack_header_extensions,
)

from pi_cam.transport import webrtc_seam_guard, webrtc_seam_memory
from pi_cam.transport.sender_reports import ntp_time
from pi_cam.transport.webrtc_seam_feedback import can_hear
from pi_cam.transport.webrtc_seam_reports import can_take
from pi_cam.transport.webrtc_seam_sender import can_substitute

log = logging.getLogger(__name__)

PACKET_HISTORY = 1024
"""Packets a viewer may ask for again. aiortc keeps 128: less than one 1080p keyframe."""

EXTRA_PROFILES = ("4d001f", "64001f", "640c1f")
"""Main, High and Constrained High beside aiortc's two Baselines, so that the answer can name what the camera sends."""

_FIRST_EXTRA_PAYLOAD_TYPE = 110

VOICES_MAX = 8

PLAYOUT_DELAY = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
"""By which a sender asks for a jitter buffer of some size, or for none."""

CONNECT = "_RTCPeerConnection__connect"
EXTENSIONS = "_RTCRtpSender__rtp_header_extensions_map"

GATHER_SECONDS = 2
"""An answer waits no longer for a STUN server or a relay that does not answer; in aioice five seconds."""


def prepare() -> None:
    """Widens aiortc's tables once per process."""
    rtcrtpsender.RTP_HISTORY_SIZE = PACKET_HISTORY  # type: ignore[attr-defined]
    if PLAYOUT_DELAY not in {extension.uri for extension in codecs.HEADER_EXTENSIONS["video"]}:
        codecs.HEADER_EXTENSIONS["video"].append(RTCRtpHeaderExtensionParameters(id=4, uri=PLAYOUT_DELAY))
    known = {codec.parameters.get("profile-level-id") for codec in codecs.CODECS["video"]}
    for index, profile in enumerate(EXTRA_PROFILES):
        if profile not in known:
            codecs.CODECS["video"] += _h264(profile, _FIRST_EXTRA_PAYLOAD_TYPE + 2 * index)
    if _asks_stun_from_everywhere():
        ice.Connection.get_component_candidates.__defaults__ = (GATHER_SECONDS,)
        ice.server_reflexive_candidate = _reflexive_candidate
    webrtc_seam_guard.prepare()
    webrtc_seam_memory.prepare()


def on_keyframe_request(sender: RTCRtpSender, ask: Callable[[], None]) -> None:
    """Calls `ask` for each PLI or FIR of this viewer. aiortc only sets a flag, which nothing reads for encoded packets."""
    if hasattr(sender, "_send_keyframe"):
        sender._send_keyframe = ask  # type: ignore[method-assign]


class _AtOnce(HeaderExtensionsMap):
    """Adds the wish for no jitter buffer (`PLAYOUT_DELAY`, all zero) where it was negotiated: aiortc has no field for it."""

    def __init__(self) -> None:
        super().__init__()
        self._id = 0

    def configure(self, parameters: RTCRtpParameters) -> None:
        super().configure(parameters)
        self._id = next((one.id for one in parameters.headerExtensions if one.uri == PLAYOUT_DELAY), 0)

    def set(self, values: HeaderExtensions) -> tuple[int, bytes]:
        profile, found = super().set(values)
        if not self._id:
            return profile, found
        return pack_header_extensions([*unpack_header_extensions(profile, found), (self._id, bytes(3))])


def ask_for_no_buffer(sender: RTCRtpSender) -> None:
    """Lets each packet that aiortc's own sender sends tell the browser to show the picture at once. Before anything is
    negotiated."""
    if hasattr(sender, EXTENSIONS):
        setattr(sender, EXTENSIONS, _AtOnce())


def last_rtp_timestamp(sender: RTCRtpSender) -> int | None:
    """The RTP timestamp of the packet sent last, 32 bits; None before the first, or when it cannot be known."""
    if not getattr(sender, "_RTCRtpSender__packet_count", 0):
        return None
    timestamp = getattr(sender, "_RTCRtpSender__rtp_timestamp", None)
    return timestamp if isinstance(timestamp, int) else None


def stamp_reports(sender: RTCRtpSender, captured_at: Callable[[int], float | None], wall_clock: float) -> None:
    """Lets aiortc's sender reports (RFC 3550, section 6.4.1) name the moment of capture, so that a player brings pictures
    and sound together; it names that of sending. `captured_at`: RTP timestamp → monotonic seconds; `wall_clock`: what to add
    for seconds since 1970."""
    original = getattr(sender, "_send_rtcp", None)
    if original is None:
        return

    async def send(packets: list[AnyRtcpPacket]) -> None:
        for packet in packets:
            if isinstance(packet, RtcpSrPacket):
                captured = captured_at(packet.sender_info.rtp_timestamp)
                if captured is not None:
                    ntp = ntp_time(captured + wall_clock)
                    packet.sender_info.ntp_timestamp = ntp
        await original(packets)

    sender._send_rtcp = send  # type: ignore[method-assign]


def can_take_packets() -> bool:
    """Whether `take_packets` works with this release."""
    return hasattr(RTCRtpReceiver, "_handle_rtp_packet") and hasattr(RTCRtpReceiver, "_handle_disconnect")


def take_packets(receiver: RTCRtpReceiver, take: Callable[[int, int, int, bytes], None]) -> None:
    """Calls `take(payload type, sequence number, timestamp, payload)` for each packet that comes, in the loop. aiortc counts
    them for its receiver reports, but decodes none: its thread for that is ended.

    A connection has one voice, and a few more after the browser changed its source: aiortc keeps a record of each SSRC for
    ever, and its reports of a hundred would fit into no packet, end their task, and let no connection close.
    """
    original = receiver._handle_rtp_packet
    voices: set[int] = set()
    _bound_reports(receiver)

    async def handle(packet: RtpPacket, arrival_time_ms: int) -> None:
        receiver._handle_disconnect()
        if packet.ssrc not in voices:
            if len(voices) >= VOICES_MAX:
                _forget_voice(receiver, packet.ssrc)
                return
            voices.add(packet.ssrc)
        await original(packet, arrival_time_ms=arrival_time_ms)
        take(packet.payload_type, packet.sequence_number, packet.timestamp, packet.payload)

    receiver._handle_rtp_packet = handle  # type: ignore[method-assign]


def _bound_reports(receiver: RTCRtpReceiver) -> None:
    """Whatever timestamps somebody sends, what is reported of them fits its field (RFC 3550, section 6.4.2). A jitter of
    more than 32 bits would end the task that reports, and aiortc waits for that task when it closes the connection."""
    original = getattr(receiver, "_send_rtcp", None)
    if original is None:
        return

    async def send(packet: AnyRtcpPacket) -> None:
        for report in packet.reports if isinstance(packet, RtcpRrPacket) else ():
            report.jitter = min(report.jitter, 0xFFFFFFFF)
        await original(packet)

    receiver._send_rtcp = send  # type: ignore[method-assign]


def may_close_early(connection: RTCPeerConnection) -> None:
    """Lets a connection that is closed while it begins to connect end quietly: aiortc's own task for that would fail over
    the end of what it was about to start, and asyncio complain that nobody asked how it went."""
    original = getattr(connection, CONNECT, None)
    if original is None:
        return

    async def connect() -> None:
        try:
            await original()
        except InvalidStateError:
            if connection.signalingState != "closed":
                raise

    setattr(connection, CONNECT, connect)


async def cut(connection: RTCPeerConnection) -> None:
    """Closes the sockets of a connection that the library itself cannot close."""
    for transport in {one.sender.transport.transport for one in connection.getTransceivers()}:
        await transport.stop()


def _forget_voice(receiver: RTCRtpReceiver, ssrc: int) -> None:
    """Takes the record back that the router made of it on the way here."""
    router = getattr(receiver.transport, "_rtp_router", None)
    table = getattr(router, "ssrc_table", None)
    if isinstance(table, dict):
        table.pop(ssrc, None)


def _asks_stun_from_everywhere() -> bool:
    gather = getattr(ice.Connection, "get_component_candidates", None)
    return hasattr(ice, "server_reflexive_candidate") and getattr(gather, "__defaults__", None) == (5,)


_original_reflexive_candidate: Any = getattr(ice, "server_reflexive_candidate", None)


async def _reflexive_candidate(protocol: Any, stun_server: tuple[str, int]) -> Any:
    """aioice asks the STUN server from each address of this machine, also from those that do not lead there (a bridge of
    containers, a second network): nobody answers those, and every viewer would wait for it. Raises `ConnectionError`."""
    host, port = stun_server
    found = await asyncio.get_running_loop().getaddrinfo(host, port, family=socket.AF_INET, type=socket.SOCK_DGRAM)
    place: tuple[str, int] = found[0][4][:2]  # type: ignore[assignment]  # of an IPv4 address
    if protocol.local_candidate.host != _source_towards(place):
        raise ConnectionError("the STUN server is not reached from this address")
    return await _original_reflexive_candidate(protocol, place)


def _source_towards(place: tuple[str, int]) -> str | None:
    """From which of this machine's addresses the way there begins; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        probe.connect(place)
        source: str = probe.getsockname()[0]
        return source
    return None


def missing() -> list[str]:
    """What this release of aiortc lacks of what is used here; empty when all is well."""
    found = {
        "keyframe requests": hasattr(RTCRtpSender, "_send_keyframe"),
        "packet history": hasattr(rtcrtpsender, "RTP_HISTORY_SIZE"),
        "talking": can_take_packets(),
        "one sender for all viewers": can_substitute(),
        "following weak connections": can_hear(),
        "sound in step with the picture": hasattr(RTCRtpSender, "_send_rtcp"),
        "the address on the Internet in good time": ice.server_reflexive_candidate is _reflexive_candidate
        or _asks_stun_from_everywhere(),
        "what makes no sense": webrtc_seam_guard.can_guard(),
        "little memory for each viewer": webrtc_seam_memory.can_spare(),
        "reports at little cost": can_take(),
        "a quiet early end": hasattr(RTCPeerConnection, CONNECT),
        "least delay with the library's own sender": EXTENSIONS in RTCRtpSender.__init__.__code__.co_names,
        "delay on the page": "_RTCRtpSender__rtp_timestamp" in RTCRtpSender.__init__.__code__.co_names,
    }
    return [name for name, there in found.items() if not there]


def _h264(profile_level_id: str, payload_type: int) -> list[RTCRtpCodecParameters]:
    feedback = [RTCRtcpFeedback("nack"), RTCRtcpFeedback("nack", "pli"), RTCRtcpFeedback("goog-remb")]
    return [
        RTCRtpCodecParameters(
            mimeType="video/H264",
            clockRate=90000,
            payloadType=payload_type,
            rtcpFeedback=feedback,
            parameters={
                "level-asymmetry-allowed": "1",
                "packetization-mode": "1",
                "profile-level-id": profile_level_id,
            },
        ),
        RTCRtpCodecParameters(
            mimeType="video/rtx", clockRate=90000, payloadType=payload_type + 1, parameters={"apt": payload_type}
        ),
    ]
