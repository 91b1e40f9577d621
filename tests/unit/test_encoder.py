"""The shared encoder: what comes out, how fast it obeys. Time is the pts that the test gives."""

from __future__ import annotations

import threading
from itertools import pairwise

import av
import pytest
from av.video.codeccontext import VideoCodecContext

from pi_cam.media.encoder import KEYFRAME_SECONDS, PictureEncoder
from pi_cam.media.h264 import NAL_IDR, NAL_PPS, NAL_SPS, find_sps, nal_type, parse_sps, split_nal_units
from tests.clips import moving_picture

TICKS = 3_000
"""One picture at 30 per second, in 90 kHz."""


class Run:
    """Feeds an encoder with moving pictures, 30 per second, and keeps what comes out."""

    def __init__(self, encoder: PictureEncoder, *, step: int = TICKS) -> None:
        self.encoder = encoder
        self.step = step
        self.units: list[tuple[bytes, int, bool]] = []

    def feed(self, count: int) -> list[tuple[bytes, int, bool]]:
        began = len(self.units)
        for index in range(began, began + count):
            picture = moving_picture(self.encoder.width, self.encoder.height, index)
            out = self.encoder.encode(picture, pts=index * self.step)
            assert len(out) == 1, "an encoder without delay gives each picture at once"
            self.units += out
        return self.units[began:]

    def rate(self, count: int) -> float:
        seconds = count * self.step / 90_000
        return sum(len(data) for data, _, _ in self.feed(count)) * 8 / seconds


def kinds(data: bytes) -> list[int]:
    return [nal_type(unit) for unit in split_nal_units(data)]


def test_each_keyframe_can_be_started_from_and_each_picture_is_one_slice() -> None:
    units = Run(PictureEncoder(640, 360, 30, 1_000_000)).feed(130)
    assert [index for index, (_, _, keyframe) in enumerate(units) if keyframe] == [0, 60, 120]
    assert [pts for _, pts, _ in units] == [index * TICKS for index in range(130)]
    for data, _, keyframe in units:
        assert kinds(data).count(NAL_IDR) == (1 if keyframe else 0)
        assert sum(kind in (1, NAL_IDR) for kind in kinds(data)) == 1
        assert not keyframe or kinds(data)[:2] == [NAL_SPS, NAL_PPS]
    sps = find_sps(units[0][0])
    assert sps is not None
    assert parse_sps(sps).profile_level_id.startswith("42c0")


def test_a_keyframe_request_is_honoured_by_the_next_picture() -> None:
    run = Run(PictureEncoder(640, 360, 30, 1_000_000))
    run.feed(17)
    asking = threading.Thread(target=run.encoder.request_keyframe)
    asking.start()
    asking.join()
    assert [keyframe for _, _, keyframe in run.feed(5)] == [True, False, False, False, False]


def test_keyframes_come_by_the_clock_when_pictures_are_dropped() -> None:
    units = Run(PictureEncoder(320, 180, 30, 500_000), step=18_000).feed(41)
    distances = [pts for _, pts, keyframe in units if keyframe]
    assert all(later - earlier == KEYFRAME_SECONDS * 90_000 for earlier, later in pairwise(distances))


@pytest.mark.parametrize(("before", "after"), [(2_000_000, 500_000), (500_000, 2_500_000)])
def test_a_new_bitrate_is_followed_within_two_seconds(before: int, after: int) -> None:
    run = Run(PictureEncoder(640, 360, 30, before))
    run.feed(60)
    assert run.rate(120) == pytest.approx(before, rel=0.2)
    run.encoder.set_bitrate(after)
    run.feed(60)
    assert run.rate(60) == pytest.approx(after, rel=0.25)
    assert run.rate(120) == pytest.approx(after, rel=0.2)


def test_many_bitrate_changes_cost_at_most_one_keyframe_a_second() -> None:
    run = Run(PictureEncoder(320, 180, 30, 500_000))
    for index in range(90):
        run.encoder.set_bitrate(500_000 + index * 10_000)
        run.feed(1)
    assert sum(keyframe for _, _, keyframe in run.units) <= 4


def test_the_rate_is_kept_at_a_picture_rate_other_than_the_nominal_one() -> None:
    run = Run(PictureEncoder(640, 360, 30, 800_000), step=9_000)
    run.feed(40)
    assert run.rate(60) == pytest.approx(800_000, rel=0.25)


@pytest.mark.parametrize("size", [(641, 361), (639, 480), (17, 17), (1, 1)])
def test_odd_sizes_become_even(size: tuple[int, int]) -> None:
    encoder = PictureEncoder(*size, 30, 500_000)
    frame = moving_picture(*size, 0) if size > (2, 2) else moving_picture(16, 16, 0)
    ((data, _, _),) = encoder.encode(frame, pts=0)
    sps = find_sps(data)
    assert sps is not None
    found = parse_sps(sps)
    assert (found.width, found.height) == (encoder.width, encoder.height)
    assert (found.width % 2, found.height % 2) == (0, 0)


@pytest.mark.parametrize("kind", ["rgb24", "yuvj420p", "yuyv422", "gray", "yuv420p"])
def test_any_picture_format_is_taken_and_can_be_decoded(kind: str) -> None:
    encoder = PictureEncoder(320, 180, 30, 500_000)
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, VideoCodecContext)
    seen = 0
    for index in range(5):
        frame = moving_picture(640, 360, index).reformat(format=kind)
        for data, _, _ in encoder.encode(frame, pts=index * TICKS):
            seen += sum((out.width, out.height) == (320, 180) for out in decoder.decode(av.Packet(data)))
    seen += len(decoder.decode(None))
    assert seen == 5


def test_after_close_nothing_comes() -> None:
    encoder = PictureEncoder(320, 180, 30, 500_000)
    encoder.close()
    encoder.close()
    encoder.request_keyframe()
    encoder.set_bitrate(1_000_000)
    assert encoder.encode(moving_picture(320, 180, 0), pts=0) == []


def test_rates_that_make_no_sense_are_bounded() -> None:
    encoder = PictureEncoder(320, 180, 0, -5)
    assert encoder.bits_per_second == 50_000
    encoder.set_bitrate(10**12)
    assert encoder.bits_per_second == 50_000_000
