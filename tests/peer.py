"""A viewer made of aiortc, which watches by WHEP and keeps what it received."""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import av
from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from aiortc.rtp import RtpPacket

from tests.server import Answer, Server

SDP = {"Content-Type": "application/sdp"}


@dataclass
class Received:
    """One RTP packet: extended sequence number, timestamp, marker, payload, when it came."""

    sequence: int
    timestamp: int
    marker: bool
    payload: bytes
    at: float


@dataclass
class WhepPeer:
    """`lose(packet number)` says which packets never arrive. `decode`: pictures are decoded and kept in `pictures`."""

    server: Server
    token: str
    camera: str = "main"
    decode: bool = True
    audio: bool = True
    audio_direction: str = "recvonly"
    audio_codec: str = ""  # all that there are
    lose: Callable[[int], bool] = lambda number: False
    packets: list[Received] = field(default_factory=list)
    pictures: list[av.VideoFrame] = field(default_factory=list)
    sound: list[tuple[float, av.AudioFrame]] = field(default_factory=list)
    location: str = ""
    answer: str = ""
    etag: str = ""

    async def prepare(self) -> None:
        """Up to the offer."""
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        video = self.connection.addTransceiver("video", "recvonly")
        if self.audio:
            audio = self.connection.addTransceiver("audio", self.audio_direction)
            if self.audio_codec:
                codecs = RTCRtpSender.getCapabilities("audio").codecs
                audio.setCodecPreferences([one for one in codecs if one.mimeType.lower() == self.audio_codec])
        self._record(video.receiver)
        self._tasks: list[asyncio.Task[None]] = []
        self.connection.on("track", self._track_found)
        await self.connection.setLocalDescription(await self.connection.createOffer())

    async def start(self) -> Answer:
        await self.prepare()
        offer = self.connection.localDescription.sdp
        answer = await asyncio.to_thread(
            self.server.request,
            "POST",
            f"/whep/{self.camera}",
            token=self.token,
            body=offer.encode(),
            headers=SDP,
        )
        if answer.status == 201:
            self.location, self.etag = answer.headers["Location"], answer.headers["ETag"]
            self.answer = answer.body.decode()
            await self.connection.setRemoteDescription(RTCSessionDescription(self.answer, "answer"))
        return answer

    async def until(self, condition: Callable[[], bool], seconds: float = 10.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"not in {seconds} s; {len(self.packets)} packets"
            await asyncio.sleep(0.01)

    async def leave(self) -> Answer:
        return await asyncio.to_thread(self.server.request, "DELETE", self.location, token=self.token)

    async def close(self) -> None:
        await self.connection.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def __aenter__(self) -> WhepPeer:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def access_units(self) -> list[list[bytes]]:
        """NAL units by picture, of all packets that came."""
        return depacketized(self.packets)

    def _record(self, receiver: Any) -> None:
        original = receiver._handle_rtp_packet
        seen: set[int] = set()
        count = 0

        async def handle(packet: RtpPacket, arrival_time_ms: int) -> None:
            nonlocal count
            count += 1
            if self.lose(count):
                return
            if packet.payload_type in self._h264_types() and packet.sequence_number not in seen:
                seen.add(packet.sequence_number)
                self.packets.append(
                    Received(
                        packet.sequence_number, packet.timestamp, bool(packet.marker), packet.payload, time.monotonic()
                    )
                )
            if not self.decode:
                receiver._handle_disconnect()  # it counts, and reports what it counted, but has no decoder any more
            await original(packet, arrival_time_ms=arrival_time_ms)

        receiver._handle_rtp_packet = handle

    def _h264_types(self) -> set[int]:
        lines = self.answer.splitlines()
        return {int(line[9:].split()[0]) for line in lines if line.startswith("a=rtpmap:") and "H264" in line}

    def _track_found(self, track: MediaStreamTrack) -> None:
        if self.decode:
            self._tasks.append(asyncio.create_task(self._consume(track)))

    async def _consume(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                picture = await track.recv()
            except MediaStreamError:
                return
            if isinstance(picture, av.VideoFrame):
                self.pictures.append(picture)
            elif isinstance(picture, av.AudioFrame):
                self.sound.append((time.monotonic(), picture))


def depacketized(packets: Iterable[Received]) -> list[list[bytes]]:
    """RFC 6184, packetization mode 1: single NAL units, STAP-A, FU-A; one list of NAL units per RTP timestamp."""
    ordered = sorted(packets, key=lambda packet: packet.sequence)
    if ordered and ordered[-1].sequence - ordered[0].sequence > 32768:  # the 16-bit number wrapped
        ordered.sort(key=lambda packet: packet.sequence + (65536 if packet.sequence < 32768 else 0))
    units: dict[int, list[bytes]] = {}
    for packet in ordered:
        _take(packet.payload, units.setdefault(packet.timestamp, []))
    return list(units.values())


def _take(payload: bytes, picture: list[bytes]) -> None:
    kind = payload[0] & 0x1F
    if kind == 24:
        position = 1
        while position + 2 <= len(payload):
            (size,) = struct.unpack_from("!H", payload, position)
            picture.append(payload[position + 2 : position + 2 + size])
            position += 2 + size
    elif kind == 28:
        if payload[1] & 0x80:
            picture.append(bytes([payload[0] & 0xE0 | payload[1] & 0x1F]))
        if picture:
            picture[-1] += payload[2:]
    else:
        picture.append(payload)
