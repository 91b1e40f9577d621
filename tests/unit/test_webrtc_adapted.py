"""A viewer that goes from one rendition to the other: what it is sent looks like one stream."""

from __future__ import annotations

import asyncio
import itertools
import struct
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import pytest

from pi_cam.bitrate import Encoder
from pi_cam.errors import CameraStopped
from pi_cam.media.h264 import join_nal_units
from pi_cam.media.payloads import payloads
from pi_cam.media.units import AccessUnit
from pi_cam.subscription import MayAsk, Tap, always
from pi_cam.transport import filling, webrtc_stream
from pi_cam.transport.adaptation import Adaptation
from pi_cam.transport.webrtc_adapted import AdaptedPictures, Feed
from pi_cam.transport.webrtc_stream import SharedGroups
from tests.sending import H264, RTX, CountingWire, Hub, SilentOutlet

PICTURE_TICKS = 3000


class Quiet:
    needs_pictures = False


class Rendition(Hub):
    """As `Steered` and `Pictured`."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder(2e6, is_steered=True)
        self.trouble = None
        self.sound = Quiet()
        self.rates: list[int] = []
        self.stopped = False

    def tap(self, may_ask: MayAsk = always) -> Tap:
        if self.stopped:
            raise CameraStopped("stopped")
        found = Tap(self, may_ask)
        self.taps.append(found)
        return found

    def set_bitrate(self, bits_per_second: int) -> None:
        self.rates.append(bits_per_second)


class Stage:
    """A viewer, and a camera with two renditions on one clock."""

    def __init__(self, patch: pytest.MonkeyPatch, *codecs: Any) -> None:
        patch.setattr(webrtc_stream, "Wire", CountingWire)
        self.now = 100.0
        self.main, self.small = Rendition(), Rendition()
        groups = SharedGroups(payloads)
        self.is_on = True
        adaptation = Adaptation(self.main, self.small, lambda: self.is_on, lambda: self.now)
        self.viewer = AdaptedPictures(
            Feed(self.main, groups.of(self.main)),
            Feed(self.small, groups.of(self.small, self.main)),
            adaptation,
            lambda: self.now,
        )
        outlet: Any = SilentOutlet(*(codecs or (H264, RTX)))
        self.outlet = outlet
        self.viewer.begin(outlet)
        self.wire: Any = self.viewer._wire
        self.pts = 1_000_000

    def publish(self, hub: Rendition, *, keyframe: bool = False, size: int = 3000, late: int = 0) -> None:
        """`late`: ticks that this rendition is behind the clock."""
        head = b"\x65" if keyframe else b"\x41"
        mark = b"\x01" if hub is self.main else b"\x02"
        hub.publish(AccessUnit(join_nal_units([head + mark * size]), self.pts - late, keyframe, self.now))

    def step(self) -> None:
        self.pts += PICTURE_TICKS
        self.now += 1 / 30

    def sent(self) -> list[tuple[int, int, int]]:
        """(sequence, RTP timestamp, SSRC) of each packet."""
        found = []
        for run, first in self.wire.runs:
            for at in range(len(run.lengths)):
                begin = at * run.stride
                timestamp, ssrc = struct.unpack_from("!LL", run.block, begin + 4)
                found.append((first + at, timestamp, ssrc))
        return found

    def payload(self, index: int) -> bytes:
        run, _ = self.wire.runs[index]
        return bytes(run.block)


def run(story: Callable[[Stage], Awaitable[None]], *codecs: Any) -> None:
    async def told() -> None:
        with pytest.MonkeyPatch.context() as patch:
            stage = Stage(patch, *codecs)
            await story(stage)
            stage.viewer.close()
            assert stage.main.taps == stage.small.taps == []

    asyncio.run(told())


def is_one_stream(sent: list[tuple[int, int, int]]) -> bool:
    numbers = [sequence for sequence, _, _ in sent]
    timestamps = [timestamp for _, timestamp, _ in sent]
    return (
        numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        and all((after - before) % (1 << 32) < 1 << 31 for before, after in pairwise(timestamps))
        and len({ssrc for _, _, ssrc in sent}) == 1
    )


def test_the_old_rendition_goes_on_until_the_keyframe_of_the_other() -> None:
    async def story(stage: Stage) -> None:
        stage.publish(stage.main, keyframe=True)
        stage.viewer.receive("small")
        assert stage.small.asked == 1
        stage.step()
        stage.publish(stage.small)
        stage.publish(stage.main)
        before = len(stage.wire.runs)
        stage.step()
        stage.publish(stage.small, keyframe=True)
        assert stage.main.taps == [], "nobody takes it any more"
        stage.publish(stage.main)
        stage.step()
        stage.publish(stage.small)
        assert len(stage.wire.runs) == before + 2
        assert b"\x02\x02\x02" in stage.payload(-1)
        assert is_one_stream(stage.sent())
        assert stage.sent()[-1][1] - stage.sent()[0][1] == 3 * PICTURE_TICKS, "true time, as if it were one camera"
        pair = stage.viewer.clock_pair()
        assert pair == (stage.sent()[-1][1], stage.now)

    run(story)


def test_who_begins_with_the_small_one_has_the_camera_s_time() -> None:
    async def story(stage: Stage) -> None:
        stage.viewer.receive("small")
        for at in range(3):
            stage.publish(stage.small, keyframe=at == 0)
            stage.step()
        times = list(dict.fromkeys(timestamp for _, timestamp, _ in stage.sent()))
        assert [(late - early) % (1 << 32) for early, late in itertools.pairwise(times)] == [PICTURE_TICKS] * 2

    for _ in range(8):  # its clock begins anywhere
        run(story)


@pytest.mark.parametrize("late", [0, 7500])
def test_time_does_not_go_back_when_the_other_rendition_is_behind(late: int) -> None:
    async def story(stage: Stage) -> None:
        stage.publish(stage.main, keyframe=True)
        stage.viewer.receive("small")
        stage.step()
        stage.publish(stage.main)
        last = stage.sent()[-1][1]
        stage.publish(stage.small, keyframe=True, late=late)  # the twin of a picture that is sent already, or older
        assert stage.sent()[-1][1] == last + 1
        first = stage.sent()[-1][0]
        for _ in range(5):
            stage.step()
            stage.publish(stage.small, late=late)
        assert is_one_stream(stage.sent())
        assert stage.sent()[-1][1] - last == 5 * PICTURE_TICKS - late
        await stage.viewer.again(first)
        assert int.from_bytes(stage.outlet.again[-1][4:8], "big") == last + 1, "as it was sent"

    run(story)


def test_there_and_back_with_what_was_lost_on_both_sides() -> None:
    async def story(stage: Stage) -> None:
        stage.publish(stage.main, keyframe=True)
        main_first = stage.sent()[0]
        stage.viewer.receive("small")
        stage.step()
        stage.publish(stage.small, keyframe=True)
        small_first = stage.sent()[3]
        for wanted, mark in ((main_first, b"\x01" * 9), (small_first, b"\x02" * 9)):
            await stage.viewer.again(wanted[0])
            packet = stage.outlet.again[-1]
            assert mark in packet
            assert packet[4:8] == wanted[1].to_bytes(4, "big")
            assert wanted[0].to_bytes(2, "big") in packet
        stage.viewer.receive("main")
        stage.step()
        stage.publish(stage.main, keyframe=True)
        assert (len(stage.main.taps), stage.small.taps) == (1, [])
        assert is_one_stream(stage.sent())
        again = len(stage.outlet.again)
        await stage.viewer.again(main_first[0])
        assert len(stage.outlet.again) == again, "two changes ago is too long"

    run(story)


def test_a_large_unit_is_finished_before_the_other_rendition_begins() -> None:
    async def story(stage: Stage) -> None:
        stage.viewer.receive("small")
        stage.publish(stage.main, keyframe=True, size=60_000)
        begun = len(stage.wire.runs)
        stage.step()
        stage.publish(stage.small, keyframe=True)
        assert begun == 1
        assert len(stage.wire.runs) > 3
        assert is_one_stream(stage.sent())

    run(story)


def test_a_wish_that_is_taken_back_leaves_nothing_open() -> None:
    async def story(stage: Stage) -> None:
        stage.publish(stage.main, keyframe=True)
        for _ in range(3):
            stage.viewer.receive("small")
            stage.viewer.receive("small")
            assert len(stage.small.taps) == 1
            stage.viewer.receive("main")
            assert stage.small.taps == []
        stage.small.stopped = True
        stage.viewer.receive("small")
        stage.step()
        stage.publish(stage.main)
        assert len(stage.sent()) == 6

    run(story)


def test_keyframes_only_and_then_all_again_from_a_keyframe_on() -> None:
    async def story(stage: Stage) -> None:
        stage.publish(stage.main, keyframe=True)
        stage.viewer.receive("keyframes")
        for _ in range(5):
            stage.step()
            stage.publish(stage.main)
        assert len(stage.sent()) == 3
        stage.step()
        stage.publish(stage.main, keyframe=True)
        assert len(stage.sent()) == 6
        asked = stage.main.asked
        stage.viewer.receive("main")
        assert stage.main.asked == asked + 1
        stage.step()
        stage.publish(stage.main)
        assert len(stage.sent()) == 6, "it has not seen what this is based on"
        stage.publish(stage.main, keyframe=True)
        stage.step()
        stage.publish(stage.main)
        assert is_one_stream(stage.sent())

    run(story)


def test_keyframes_are_asked_of_the_rendition_that_it_gets() -> None:
    async def story(stage: Stage) -> None:
        stage.publish(stage.main, keyframe=True)
        stage.viewer.receive("small")
        stage.step()
        stage.publish(stage.small, keyframe=True)
        before = stage.main.asked
        asked = stage.small.asked
        stage.viewer._asked()
        assert (stage.main.asked, stage.small.asked) == (before, asked + 1)
        stage.wire.room = 0
        stage.step()
        stage.publish(stage.small)
        assert (stage.small.asked, stage.small.drops) == (asked + 2, 1)

    run(story)


def test_a_path_is_tried_by_repeating_what_it_has() -> None:
    async def story(stage: Stage) -> None:
        stage.publish(stage.main, keyframe=True)
        before = stage.viewer.sent_bits()
        pictures = len(stage.wire.runs)
        stage.viewer.fill(2_000_000)
        for _ in range(3):
            stage.now += filling.TICK_SECONDS
            await asyncio.sleep(2 * filling.TICK_SECONDS)
        stage.viewer.fill(0)
        filled = stage.viewer.sent_bits() - before
        assert 0 < filled <= 2_000_000 * (stage.now - 100)
        (block, first) = stage.wire.runs[pictures][0].block, stage.wire.runs[pictures][1]
        assert block[1] & 0x7F == RTX.payloadType
        assert int.from_bytes(block[8:12], "big") == SilentOutlet.rtx_ssrc
        number = first
        for run, first in stage.wire.runs[pictures:]:
            assert first == number, "numbers of its own, without a hole"
            number += len(run.lengths)
        await asyncio.sleep(2 * filling.TICK_SECONDS)
        assert stage.viewer.sent_bits() - before == filled

    run(story)


def test_without_retransmissions_nothing_is_repeated() -> None:
    async def story(stage: Stage) -> None:
        stage.publish(stage.main, keyframe=True)
        stage.viewer.fill(2_000_000)
        stage.now += 1
        await asyncio.sleep(2 * filling.TICK_SECONDS)
        assert len(stage.wire.runs) == 1

    run(story, H264)
