"""A page whose sound packets a test makes up."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.rtp import RtpPacket

from tests.live_page import LivePage
from tests.server import Server

SILENT_OPUS = b"\xf8\xff\xfe"


class Talker:
    """A page whose packets a test makes up."""

    def __init__(self, server: Server, token: str) -> None:
        self.page = LivePage(server, token)
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._connected = asyncio.Event()
        self.connection.on("connectionstatechange", self._changed)
        self._asked = 0

    async def start(self) -> None:
        self.connection.addTransceiver("video", "recvonly")
        self._audio = self.connection.addTransceiver("audio", "sendrecv")
        await self.connection.setLocalDescription(await self.connection.createOffer())
        self.answer = await self.ask("offer", sdp=self.connection.localDescription.sdp)
        await self.connection.setRemoteDescription(RTCSessionDescription(self.answer["sdp"], "answer"))
        await asyncio.wait_for(self._connected.wait(), 10)

    def _changed(self) -> None:
        if self.connection.connectionState == "connected":
            self._connected.set()

    async def ask(self, kind: str, **fields: object) -> dict[str, Any]:
        self._asked += 1
        self.page.send(kind, id=str(self._asked), **fields)
        while True:
            message = await asyncio.to_thread(self.page.next)
            if message.get("id") == str(self._asked):
                return message

    async def send(
        self,
        ssrc: int,
        sequence: int,
        payload: bytes = SILENT_OPUS,
        payload_type: int | None = None,
        timestamp: int | None = None,
    ) -> None:
        found = re.search(r"a=rtpmap:(\d+) opus/48000", self.answer["sdp"])
        assert found is not None
        packet = RtpPacket(
            payload_type=payload_type or int(found[1]),
            sequence_number=sequence % 65536,
            timestamp=960 * sequence % 2**32 if timestamp is None else timestamp,
            ssrc=ssrc,
            payload=payload,
        )
        await self._audio.sender.transport._send_rtp(bytes(packet.serialize()))

    async def close(self) -> None:
        await self.connection.close()
        self.page.close()
