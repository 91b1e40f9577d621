"""What a viewer gets once more, by both senders: requests come in by the library's own way, and are bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpSender
from aiortc.rtp import RTCP_RTPFB_NACK, RtcpRtpfbPacket

from pi_cam.transport.allowance import AGAIN_AT_ONCE, AGAIN_SHARE
from pi_cam.transport.webrtc_seam_feedback import COUNT
from pi_cam.transport.webrtc_tracks import PlainPictures
from tests.sending import World, run, wire
from tests.unit.test_profiles import NoUnits


@asynccontextmanager
async def a_sender() -> Any:
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    yield connection.addTransceiver("video", "sendonly").sender
    await connection.close()


async def ask(sender: RTCRtpSender, numbers: Iterator[int]) -> None:
    private: Any = sender
    await private._handle_rtcp_packet(RtcpRtpfbPacket(RTCP_RTPFB_NACK, 1, private._ssrc, list(numbers)))


def test_all_of_a_second_comes_again_and_then_a_share() -> None:
    async def story(world: World) -> None:
        viewer = world.viewer(begun=False)
        async with a_sender() as sender:
            viewer.prepare(sender, 0.0)
            world.begin(viewer)
            world.publish(keyframe=True)
            for _ in range(300):
                world.publish()
            first, count = wire(viewer).sequences[0], len(wire(viewer).sequences)
            await ask(sender, iter((first + at) & 0xFFFF for at in range(count)))
            (outlet,) = world.outlets
            assert len(outlet.again) == AGAIN_AT_ONCE
            for _ in range(20):
                world.publish()
            await ask(sender, iter((first + at) & 0xFFFF for at in range(count)))
            assert len(outlet.again) == AGAIN_AT_ONCE + AGAIN_SHARE * 60
        viewer.close()

    run(story)


def test_the_library_s_own_counts_what_it_sends() -> None:
    asked: list[int] = []

    async def again(sequence: int) -> None:
        asked.append(sequence)

    async def story() -> None:
        async with a_sender() as sender:
            sender._retransmit = again
            PlainPictures(NoUnits(), lambda: None).prepare(sender, 0.0)
            await ask(sender, iter(range(2_000)))
            assert len(asked) == AGAIN_AT_ONCE
            setattr(sender, COUNT, 200)
            await ask(sender, iter(range(2_000)))
            assert len(asked) == pytest.approx(AGAIN_AT_ONCE + AGAIN_SHARE * 200, abs=5)  # by the true clock

    asyncio.run(story())
