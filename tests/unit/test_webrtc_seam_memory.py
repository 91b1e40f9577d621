"""What a connection need not keep."""

from __future__ import annotations

import asyncio
from typing import Any

from aioice import ice
from aiortc import RTCConfiguration, RTCPeerConnection
from aiortc.rtcdtlstransport import SRTP_PROFILES, RTCCertificate

from pi_cam.transport import webrtc_seam, webrtc_seam_memory


def test_there_is_room_for_a_datagram_and_no_more() -> None:
    webrtc_seam.prepare()
    webrtc_seam.prepare()  # a second time changes nothing

    async def look() -> int:
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.create_datagram_endpoint(
            lambda: ice.StunProtocol(ice.Connection(ice_controlling=False)), local_addr=("127.0.0.1", 0)
        )
        assert protocol.transport is transport, "aioice's own beginning comes afterwards"
        room: int = transport.max_size  # type: ignore[attr-defined]
        transport.close()
        return room

    assert asyncio.run(look()) == webrtc_seam_memory.ROOM_BYTES


def test_the_buffers_of_the_handshake_are_given_back() -> None:
    webrtc_seam.prepare()
    context = RTCCertificate.generateCertificate()._create_ssl_context(SRTP_PROFILES)
    assert context.set_mode(0) & 0x10  # SSL_MODE_RELEASE_BUFFERS in OpenSSL's ssl.h


def test_what_only_sends_estimates_nothing() -> None:
    async def look() -> tuple[Any, Any]:
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        receiver = connection.addTransceiver("video", "sendonly").receiver
        before = getattr(receiver, webrtc_seam_memory.ESTIMATOR)
        webrtc_seam_memory.receives_nothing(receiver)
        await connection.close()
        return before, getattr(receiver, webrtc_seam_memory.ESTIMATOR)

    before, after = asyncio.run(look())
    assert before is not None
    assert after is None
