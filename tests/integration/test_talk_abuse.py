"""What somebody who may talk can send, and that it harms nobody else."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.rtp import RtpPacket

from tests import network
from tests.live_page import LivePage
from tests.peer import WhepPeer
from tests.prerequisites import require
from tests.server import Server, pi_cam, serving

SOURCE = "synthetic:?size=320x240&fps=15"
SILENT_OPUS = b"\xf8\xff\xfe"


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    require(f"a network namespace ({network.problem()})", network.problem() is None)
    folder = tmp_path_factory.mktemp("abuse")
    with serving(folder, SOURCE, owner=True, environment={"PI_CAM_LOUDSPEAKER": "none such"}) as server:
        yield server


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
        self, ssrc: int, sequence: int, payload: bytes = SILENT_OPUS, payload_type: int | None = None
    ) -> None:
        found = re.search(r"a=rtpmap:(\d+) opus/48000", self.answer["sdp"])
        assert found is not None
        packet = RtpPacket(
            payload_type=payload_type or int(found[1]),
            sequence_number=sequence % 65536,
            timestamp=960 * sequence % 2**32,
            ssrc=ssrc,
            payload=payload,
        )
        await self._audio.sender.transport._send_rtp(bytes(packet.serialize()))

    async def close(self) -> None:
        await self.connection.close()
        self.page.close()


def test_a_hundred_voices_on_one_connection_keep_no_right_alive(server: Server) -> None:
    async def run() -> None:
        pi_token = {name: server.token(can, name) for name, can in (("talker", "view,talk"), ("victim", "view,listen"))}
        talker = Talker(server, pi_token["talker"])
        await talker.start()
        for number in range(200):
            await talker.send(1000 + number, number)
        await asyncio.sleep(3)  # three receiver reports
        async with WhepPeer(server, pi_token["victim"], decode=False) as victim:
            await victim.until(lambda: len(victim.packets) > 3)
            for name in ("talker", "victim"):
                await asyncio.to_thread(pi_cam, "token", "revoke", name, "--data", server.data)
            await asyncio.sleep(4)
            before = len(victim.packets)
            await asyncio.sleep(1)
            assert len(victim.packets) == before
        await talker.close()

    asyncio.run(run())
    reader = server.token("view")
    deadline = time.monotonic() + 10
    while server.camera(reader)["viewers"]:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert "does not close" not in server.log.read_text()


def test_nonsense_for_sound_ends_no_picture(server: Server) -> None:
    async def run() -> None:
        talker = Talker(server, server.token("view,talk", "talker"))
        await talker.start()
        assert (await talker.ask("talk", on=True))["on"] is True
        for number in range(300):
            payload = (b"", b"\xff" * 1100, bytes([number % 256]) * (number % 60), SILENT_OPUS)[number % 4]
            await talker.send(7 + number % 2, number * 37, payload, payload_type=(None, 0, 8, 111, 127)[number % 5])
        assert (await talker.ask("talk", on=False))["on"] is False
        await talker.close()

    asyncio.run(run())
    assert server.wait_for(server.token("view"), "live", "idle")
