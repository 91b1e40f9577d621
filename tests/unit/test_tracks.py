"""Encoded sound as a track: turned on and off, and the moments that its timestamps stand for."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import cast

import pytest
from aiortc import RTCRtpSender
from aiortc.mediastreams import MediaStreamError
from aiortc.rtp import RtcpByePacket, RtcpSenderInfo, RtcpSrPacket

from pi_cam.errors import CameraStopped
from pi_cam.media.units import AudioPacket
from pi_cam.transport import webrtc_seam
from pi_cam.transport.rtp_packets import NTP_EPOCH
from pi_cam.transport.webrtc_tracks import EncodedAudioTrack


class FakeSound:
    def __init__(self, packets: list[AudioPacket]) -> None:
        self.packets = deque(packets)
        self.closed = asyncio.Event()

    async def next(self) -> AudioPacket | None:
        if not self.packets:
            await self.closed.wait()
            return None
        return self.packets.popleft()

    def close(self) -> None:
        self.closed.set()


class World:
    """`sent`: what the library says it sent last."""

    def __init__(self) -> None:
        self.sounds: list[FakeSound] = []
        self.heard = 0
        self.sent: int | None = None
        self.track = EncodedAudioTrack(self.listen, self.hears, lambda: self.sent)

    def listen(self) -> FakeSound:
        first = 100 * len(self.sounds)
        self.sounds.append(FakeSound([AudioPacket(b"x", 960 * (first + number), number * 0.02) for number in range(3)]))
        return self.sounds[-1]

    def hears(self) -> None:
        self.heard += 1

    async def nothing_comes(self) -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(self.track.recv(), 0.01)


def test_it_is_turned_on_and_off_and_on() -> None:
    async def run() -> None:
        world = World()
        await world.nothing_comes()
        assert world.sounds == []
        world.track.turn(on=True)
        world.track.turn(on=True)
        assert [(await world.track.recv()).pts for _ in range(2)] == [0, 960]
        assert (len(world.sounds), world.heard) == (1, 1)
        waiting = asyncio.create_task(world.track.recv())
        assert (await waiting).pts == 1920
        waiting = asyncio.create_task(world.track.recv())
        await asyncio.sleep(0)
        world.track.turn(on=False)
        world.track.turn(on=False)
        await asyncio.sleep(0)
        assert world.sounds[0].closed.is_set()
        world.track.turn(on=True)
        assert (await waiting).pts == 96_000
        assert world.heard == 1
        world.track.stop()

    asyncio.run(run())


def test_nothing_is_opened_for_who_cannot_hear_it_yet() -> None:
    """A connection that never comes about, or that does not receive, never asks for the first packet."""

    async def run() -> None:
        world = World()
        world.track.turn(on=True)
        assert world.sounds == []
        await world.track.recv()
        assert len(world.sounds) == 1
        world.track.stop()

    asyncio.run(run())


def test_a_camera_that_was_stopped_meanwhile_is_the_end_of_the_track() -> None:
    def stopped() -> FakeSound:
        raise CameraStopped("This camera is stopped.")

    async def run() -> None:
        track = EncodedAudioTrack(stopped, lambda: None, lambda: None)
        track.turn(on=True)
        with pytest.raises(MediaStreamError):
            await track.recv()
        assert track.readyState == "ended"

    asyncio.run(run())


def test_the_end_of_the_track_closes_the_subscription() -> None:
    async def run() -> None:
        world = World()
        world.track.turn(on=True)
        await world.track.recv()
        world.track.stop()
        assert world.sounds[0].closed.is_set()
        world.track.turn(on=True)
        assert len(world.sounds) == 1

    asyncio.run(run())


def test_sound_that_the_camera_ends_is_the_end_of_the_track() -> None:
    async def run() -> None:
        world = World()
        world.track.turn(on=True)
        for _ in range(3):
            await world.track.recv()
        world.sounds[0].close()
        with pytest.raises(MediaStreamError):
            await world.track.recv()
        assert world.track.readyState == "ended"

    asyncio.run(run())


@pytest.mark.parametrize("origin", [7, (1 << 32) - 1000])
def test_a_timestamp_stands_for_the_moment_of_capture(origin: int) -> None:
    async def run() -> None:
        world = World()
        world.track.turn(on=True)
        await world.track.recv()
        assert world.track.captured_at(origin) is None
        world.sent = origin % (1 << 32)
        await world.track.recv()
        for samples in (-480, 0, 960, 2400):
            at = world.track.captured_at((origin + samples) % (1 << 32))
            assert at == pytest.approx(samples / 48_000)
        world.track.stop()

    asyncio.run(run())


class FakeSender:
    def __init__(self) -> None:
        self.sent: list[list[object]] = []

    async def _send_rtcp(self, packets: list[object]) -> None:
        self.sent.append(packets)


def test_a_sender_report_names_the_moment_of_capture() -> None:
    report = RtcpSrPacket(ssrc=1, sender_info=RtcpSenderInfo(9, 48_000, 10, 1000))
    other = RtcpByePacket(sources=[1])
    sender = FakeSender()
    captured: dict[int, float] = {48_000: 100.25}
    webrtc_seam.stamp_reports(cast(RTCRtpSender, sender), captured.get, 1_700_000_000.0)
    asyncio.run(sender._send_rtcp([report, other]))
    assert sender.sent == [[report, other]]
    seconds = report.sender_info.ntp_timestamp / 2**32 - NTP_EPOCH
    assert seconds == pytest.approx(1_700_000_100.25, abs=1e-5)
    unknown = RtcpSrPacket(ssrc=1, sender_info=RtcpSenderInfo(9, 5, 10, 1000))
    asyncio.run(sender._send_rtcp([unknown]))
    assert unknown.sender_info.ntp_timestamp == 9
