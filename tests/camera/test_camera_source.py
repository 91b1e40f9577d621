"""The real picamera2 on the real libcamera: what a `CameraSource` owes to the hub."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
import time

import pytest

from pi_cam.capture.source import Controls, VideoSource, open_source
from pi_cam.errors import SourceError
from pi_cam.media.h264 import NAL_IDR, NAL_PPS, NAL_SPS, find_sps, nal_type, parse_sps, split_nal_units
from tests.camera.pictures import COUNT, correlation, picture, read_number
from tests.camera.watcher import ADDRESS, Watcher, decode, descriptors, make, watching

SLOWEST_FPS = 24
"""Thirty, less what a busy machine may lose: as with a sensor, a picture that finds no free buffer is gone."""


def test_starts_at_once_and_delivers_thirty_pictures_a_second() -> None:
    source, seen = make(), Watcher()
    begun = time.monotonic()
    source.start(seen.emit, seen.report)
    assert time.monotonic() - begun < 0.05
    seen.wait_for_pictures(150)
    source.stop()
    first = seen.units[0]
    kinds = [nal_type(unit) for unit in split_nal_units(first.data)]
    assert first.keyframe
    assert kinds[:2] == [NAL_SPS, NAL_PPS]
    assert NAL_IDR in kinds
    assert seen.reports == [None]
    fps = 149 / (seen.arrivals[149] - seen.arrivals[0])
    assert SLOWEST_FPS < fps < 31
    sps = find_sps(first.data)
    assert sps is not None
    parameters = parse_sps(sps)
    assert (parameters.width, parameters.height) == (1280, 720)
    assert parameters.profile_level_id.startswith("42c0")


def test_times_are_the_sensors() -> None:
    with watching(make()) as seen:
        seen.wait_for_pictures(90)
    steps = [after.pts - before.pts for before, after in itertools.pairwise(seen.units)]
    assert all(step > 0 for step in steps)
    assert 2900 < sum(steps) / len(steps) < 3200
    ages = [arrival - unit.captured_at for unit, arrival in zip(seen.units, seen.arrivals, strict=True)]
    assert all(0 <= age < 1 for age in ages)
    assert sorted(ages)[len(ages) // 2] < 0.1


def test_keyframes_come_every_two_seconds_and_on_request() -> None:
    source = make()
    with watching(source) as seen:
        seen.wait_for_pictures(70)
        assert [index for index, unit in enumerate(seen.units) if unit.keyframe][:2] == [0, 60]
        for _ in range(5):
            source.request_keyframe()
            following = seen.wait_for_pictures(10)
            kinds = [unit.keyframe for unit in following]
            assert any(kinds[:3])
            assert sum(kinds) == 1
            assert {NAL_SPS, NAL_PPS} < {nal_type(unit) for unit in split_nal_units(following[kinds.index(True)].data)}


def test_a_request_before_the_first_picture_adds_no_keyframe() -> None:
    source = make()
    source.request_keyframe()
    with watching(source) as seen:
        source.request_keyframe()
        seen.wait_for_pictures(20)
    assert [unit.keyframe for unit in seen.units[:20]].count(True) == 1


def test_the_bit_rate_follows() -> None:
    source = make(f"{ADDRESS}&bitrate=2000000")
    with watching(source) as seen:
        seen.wait_for_pictures(30)
        assert 1_500_000 < seen.bitrate() < 2_600_000
        for rate in (300_000, 3_000_000):
            source.set_bitrate(rate)
            seen.wait_for_pictures(75)
            assert 0.6 * rate < seen.bitrate() < 1.4 * rate


def test_pictures_are_the_known_ones_in_order() -> None:
    with watching(make(f"{ADDRESS}&bitrate=6000000")) as seen:
        seen.wait_for_pictures(120)
    pictures = decode(seen.units[:120])
    assert len(pictures) == 120
    numbers = [read_number(luma) for luma in pictures]
    assert all(number is not None for number in numbers)
    known = [number for number in numbers if number is not None]
    steps = [(after - before) % COUNT for before, after in itertools.pairwise(known)]
    assert set(steps) == {0, 1}
    assert all(correlation(luma, picture(number)) >= 0.95 for luma, number in zip(pictures, known, strict=True))


def test_the_small_rendition_has_the_same_pictures_and_clock() -> None:
    source = make(f"{ADDRESS}&small=320x240")
    assert source.small is not None
    with watching(source) as seen, watching(source.small) as small:
        small.wait_for_pictures(90)
        fps = 89 / (small.arrivals[89] - small.arrivals[0])
        assert SLOWEST_FPS < fps < 31
        source.small.request_keyframe()
        assert any(unit.keyframe for unit in small.wait_for_pictures(3))
        seen.wait(lambda: seen.units[-1].pts >= small.units[-1].pts)
    sps = find_sps(small.units[0].data)
    assert sps is not None
    assert (parse_sps(sps).width, parse_sps(sps).height) == (320, 240)
    assert small.units[0].keyframe
    main_numbers = {unit.pts: read_number(luma) for unit, luma in zip(seen.units, decode(seen.units), strict=True)}
    for unit, luma in list(zip(small.units, decode(small.units), strict=True))[:80]:
        assert read_number(luma) == main_numbers[unit.pts]


def test_each_rendition_starts_and_stops_alone() -> None:
    source = make(f"{ADDRESS}&small=320x240")
    small: VideoSource | None = source.small
    assert small is not None
    with watching(small) as little:
        little.wait_for_pictures(10)
        with watching(source) as seen:
            assert seen.wait_for_pictures(10)[0].keyframe
        stopped = len(seen.units)
        little.wait_for_pictures(10)
        assert len(seen.units) == stopped
        with watching(source) as again:
            assert again.wait_for_pictures(10)[0].keyframe
    assert little.reports == [None]


def test_stop_is_quick_and_final_and_another_process_can_open_the_camera() -> None:
    with watching(make()) as seen:
        seen.wait_for_pictures(10)
        begun = time.monotonic()
    assert time.monotonic() - begun < 2
    count = len(seen.units)
    command = [sys.executable, "-m", "tests.camera.second_process"]
    answer = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert answer.stdout == "[None] True\n" * 3, answer.stderr
    assert len(seen.units) == count


def test_opening_again_and_again_leaves_nothing_open() -> None:
    source = make(f"{ADDRESS}&small=320x240")

    def once() -> tuple[int, int]:
        with watching(source) as seen:
            assert seen.wait_for_pictures(5)[0].keyframe
        return descriptors(), threading.active_count()

    once()
    after_two = once()
    for _ in range(4):
        last = once()
    assert last == after_two


def test_a_stop_right_after_the_start() -> None:
    source = make()
    for _ in range(3):
        with watching(source) as seen:
            pass
        assert not seen.units


@pytest.mark.parametrize(("address", "size"), [("camera:?id=Virtual1", (640, 480)), ("camera:", (640, 480))])
def test_cameras_are_told_apart_by_id(address: str, size: tuple[int, int]) -> None:
    with watching(open_source(address, by_operator=True)) as seen:
        sps = find_sps(seen.wait_for_pictures(1)[0].data)
    assert sps is not None
    assert (parse_sps(sps).width, parse_sps(sps).height) == size


def test_controls() -> None:
    source = make()
    source.set_controls(
        Controls({"NoSuchControl": 1, "FaceDetectMode": 99})
    )  # nothing is known before the first opening
    with watching(source) as seen:
        seen.wait_for_pictures(5)
        with pytest.raises(SourceError, match="no control named AfMode"):
            source.set_controls(Controls({"AfMode": 2}))
        with pytest.raises(SourceError, match="no control named FrameDurationLimits"):
            source.set_controls(Controls({"FrameDurationLimits": 1}))
        with pytest.raises(SourceError, match="FaceDetectMode takes a number"):
            source.set_controls(Controls({"FaceDetectMode": "on"}))
        with pytest.raises(SourceError, match="FaceDetectMode goes from 0 to 0, not 99"):
            source.set_controls(Controls({"FaceDetectMode": 99}))
        source.set_controls(Controls({"FaceDetectMode": 0}))
        seen.wait_for_pictures(10)
    with pytest.raises(SourceError, match="no control named AfMode"):
        source.set_controls(Controls({"AfMode": 2}))
    assert seen.reports == [None]
