"""A viewer's sender: what it sends of what the camera brings, and to whom it stops sending."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from aiortc.rtcrtpparameters import (
    RTCRtpCodecParameters,
    RTCRtpHeaderExtensionParameters,
    RTCRtpSendParameters,
)

from pi_cam.media.h264 import join_nal_units
from pi_cam.media.units import AccessUnit
from pi_cam.subscription import Tap
from pi_cam.transport import webrtc_sender
from pi_cam.transport.rtp_packets import PACED, Run
from pi_cam.transport.webrtc_sender import SharedGroups, SharedPictures

H264 = RTCRtpCodecParameters(mimeType="video/H264", clockRate=90000, payloadType=106)
RTX = RTCRtpCodecParameters(mimeType="video/rtx", clockRate=90000, payloadType=107, parameters={"apt": 106})
OTHER_RTX = RTCRtpCodecParameters(mimeType="video/rtx", clockRate=90000, payloadType=109, parameters={"apt": 108})
EXTENSIONS = [
    RTCRtpHeaderExtensionParameters(id=9, uri="urn:ietf:params:rtp-hdrext:sdes:mid"),
    RTCRtpHeaderExtensionParameters(id=2, uri="http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"),
]


class FakeHub:
    """As `Origin`."""

    def __init__(self) -> None:
        self.drops = 0
        self.asked = 0
        self.past: list[AccessUnit] = []
        self.taps: list[Tap] = []

    def fast_forward(self) -> list[AccessUnit]:
        return self.past

    def request_keyframe(self) -> None:
        self.asked += 1

    def forget(self, subscription: Any) -> None:
        self.taps.remove(subscription)

    def publish(self, unit: AccessUnit) -> None:
        for tap in list(self.taps):
            tap.offer(unit)


class FakeOutlet:
    """Notes what is sent again."""

    ssrc, rtx_ssrc = 1, 2

    def __init__(self, *codecs: RTCRtpCodecParameters) -> None:
        self.parameters = RTCRtpSendParameters(codecs=list(codecs), headerExtensions=EXTENSIONS, muxId="video0")
        self.again: list[bytes] = []

    async def send(self, packet: bytes) -> None:
        self.again.append(packet)


class FakeWire:
    """Takes runs while it has `room`."""

    tag = 10

    def __init__(self, outlet: Any) -> None:
        self.runs: list[tuple[Run, int]] = []
        self.room = 1 << 30
        self.closed = False

    def send(self, run: Run, sequence: int) -> bool:
        if self.room < len(run.lengths):
            return False
        self.room -= len(run.lengths)
        self.runs.append((run, sequence))
        return True

    def close(self) -> None:
        self.closed = True

    @property
    def sequences(self) -> list[int]:
        return [first + at for run, first in self.runs for at in range(len(run.lengths))]


class World:
    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        self.hub = FakeHub()
        self.groups = SharedGroups().of(self.hub)
        self.outlets: list[FakeOutlet] = []
        patch.setattr(webrtc_sender, "Wire", FakeWire)

    def viewer(self, *codecs: RTCRtpCodecParameters, begun: bool = True) -> SharedPictures:
        tap = Tap(self.hub)
        self.hub.taps.append(tap)
        found = SharedPictures(tap, self.groups, self.hub.request_keyframe, lambda: self.now)
        if begun:
            self.begin(found, *codecs)
        return found

    def begin(self, viewer: SharedPictures, *codecs: RTCRtpCodecParameters) -> None:
        outlet: Any = FakeOutlet(*(codecs or (H264, OTHER_RTX, RTX)))
        self.outlets.append(outlet)
        viewer.begin(outlet)

    def publish(self, size: int = 3000, *, keyframe: bool = False, pts: int = 0) -> None:
        head = b"\x65" if keyframe else b"\x41"
        self.hub.publish(AccessUnit(join_nal_units([head + b"\x07" * size]), pts, keyframe, self.now))


def wire(viewer: SharedPictures) -> FakeWire:
    found: Any = viewer._wire
    return found  # type: ignore[no-any-return]


def run(story: Callable[[World], Any]) -> None:
    async def told() -> None:
        with pytest.MonkeyPatch.context() as patch:
            await story(World(patch))

    asyncio.run(told())


def test_nothing_before_the_connection_is_up_and_then_a_keyframe_first() -> None:
    async def story(world: World) -> None:
        viewer = world.viewer(begun=False)
        world.publish(keyframe=True)
        assert world.hub.asked == 0
        world.begin(viewer)
        assert world.hub.asked == 1
        world.publish()
        assert wire(viewer).runs == []
        world.publish(keyframe=True)
        world.publish()
        assert len(wire(viewer).sequences) == 6
        assert viewer.clock_pair() is not None

    run(story)


def test_viewers_share_packets_and_count_for_themselves() -> None:
    async def story(world: World) -> None:
        early = world.viewer()
        world.publish(keyframe=True)
        world.publish()
        late = world.viewer()
        world.publish()
        world.publish(keyframe=True)
        assert [run for run, _ in wire(late).runs] == [wire(early).runs[-1][0]]
        for viewer in (early, late):
            numbers = wire(viewer).sequences
            assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), "no holes"

    run(story)


def test_a_large_unit_leaves_in_pieces_and_the_next_one_at_its_heels() -> None:
    async def story(world: World) -> None:
        viewer = world.viewer()
        world.publish(60_000, keyframe=True)
        assert [len(run.lengths) for run, _ in wire(viewer).runs] == [PACED]
        async with asyncio.timeout(2):
            while len(wire(viewer).runs) < 4:  # noqa: ASYNC110  a timer's doing
                await asyncio.sleep(0.001)
        world.publish(60_000)
        assert len(wire(viewer).runs) == 5
        world.publish()
        assert len(wire(viewer).runs) == 9
        numbers = wire(viewer).sequences
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        await asyncio.sleep(0.02)
        assert len(wire(viewer).runs) == 9

    run(story)


def test_where_there_is_no_room_nothing_follows_before_the_next_keyframe() -> None:
    async def story(world: World) -> None:
        viewer, other = world.viewer(), world.viewer()
        world.publish(keyframe=True)
        asked = world.hub.asked
        wire(viewer).room = 0
        world.publish()
        assert (world.hub.asked, world.hub.drops) == (asked + 1, 1)
        wire(viewer).room = 100
        world.publish()
        assert len(wire(viewer).runs) == 1
        world.publish(keyframe=True)
        assert len(wire(viewer).runs) == 2
        assert len(wire(other).runs) == 4, "nobody else loses a picture"

    run(story)


def test_whoever_is_not_heard_gets_nothing_until_it_is() -> None:
    async def story(world: World) -> None:
        viewer = world.viewer()
        world.publish(keyframe=True)
        world.now += 1.0
        viewer.heard()
        world.now += 4.9
        world.publish()
        assert len(wire(viewer).runs) == 2
        world.now += 0.2
        world.publish()
        world.publish(keyframe=True)
        assert len(wire(viewer).runs) == 2
        asked = world.hub.asked
        world.now += 60
        viewer.heard()
        assert world.hub.asked == asked + 1
        world.publish()
        assert len(wire(viewer).runs) == 2
        world.publish(keyframe=True)
        assert len(wire(viewer).runs) == 3
        world.now += 5.1
        world.publish()
        assert len(wire(viewer).runs) == 3, "a long silence is no habit"

    run(story)


def test_who_reports_seldom_is_given_time() -> None:
    async def story(world: World) -> None:
        viewer = world.viewer()
        world.publish(keyframe=True)
        for _ in range(3):
            world.now += 4.0
            viewer.heard()
        world.now += 11.0
        world.publish()
        assert len(wire(viewer).runs) == 2

    run(story)


@pytest.mark.parametrize("rtx", [True, False])
def test_what_was_lost_is_sent_once_more_but_not_for_ever(rtx: bool) -> None:
    async def story(world: World) -> None:
        viewer = world.viewer(H264, RTX) if rtx else world.viewer(H264)
        world.publish(keyframe=True)
        first, outlet = wire(viewer).sequences[0], world.outlets[-1]
        await viewer.again(first + 1)
        await viewer.again(first - 1)
        await viewer.again((first + 40_000) & 0xFFFF)
        (packet,) = outlet.again
        assert packet[1] & 0x7F == (107 if rtx else 106)
        assert (int.from_bytes(packet[8:12], "big") == FakeOutlet.rtx_ssrc) is rtx
        if not rtx:
            assert int.from_bytes(packet[2:4], "big") == first + 1
        for _ in range(10_000):
            await viewer.again(first)
        assert len(outlet.again) <= 501
        world.now += 1
        await viewer.again(first)
        assert len(outlet.again) <= 502

    run(story)


def test_one_viewer_cannot_make_everybody_pay_for_keyframes() -> None:
    async def story(world: World) -> None:
        viewer = world.viewer()
        asked = world.hub.asked
        for _ in range(10_000):
            viewer._asked()
        assert world.hub.asked - asked == 4
        world.now += 2.0
        viewer._asked()
        assert world.hub.asked - asked == 5

    run(story)


def test_a_sender_that_fails_takes_no_picture_from_others() -> None:
    async def story(world: World) -> None:
        bad, good = world.viewer(), world.viewer()

        def fail(run: Run, sequence: int) -> bool:
            raise ValueError("anything")

        wire(bad).send = fail  # type: ignore[method-assign]
        world.publish(keyframe=True)
        world.publish()
        assert len(wire(good).runs) == 2
        assert len(world.hub.taps) == 1

    run(story)


def test_a_camera_that_cannot_be_asked_gives_what_it_has() -> None:
    async def story(world: World) -> None:
        world.hub.past = [AccessUnit(join_nal_units([b"\x65\x01"]), 0, True, 1.0), AccessUnit(b"", 1, False, 1.0)]
        viewer = world.viewer()
        world.publish()
        assert world.hub.asked == 0
        assert len(wire(viewer).runs) == 2

    run(story)


def test_the_end_leaves_nothing() -> None:
    async def story(world: World) -> None:
        viewer = world.viewer()
        world.publish(60_000, keyframe=True)
        out = wire(viewer)
        viewer.close()
        viewer.close()
        assert out.closed
        assert world.hub.taps == []
        assert world.groups._groups == {}
        await asyncio.sleep(0.02)
        assert len(out.runs) == 1
        world.publish()

    run(story)
