"""For a person with a Raspberry Pi and a camera on its ribbon cable: `pytest -m hardware tests/hardware`.

Point the camera at something that moves. Measured here is what libcamera's virtual camera cannot show: the real sensor
and its clock, the hardware encoder, 1080p, a bit rate changed in the driver.
"""

from __future__ import annotations

import itertools
import os
import statistics
import time

import pytest

from pi_cam.capture.camera import CameraSource
from pi_cam.capture.source import Controls
from pi_cam.errors import SourceError
from pi_cam.media.h264 import NAL_IDR, NAL_PPS, NAL_SPS, find_sps, nal_type, parse_sps, split_nal_units
from tests.camera.watcher import Watcher, decode, watching

pytestmark = pytest.mark.hardware

FULL = "camera:?size=1920x1080&fps=30&bitrate=4000000"


def make(address: str = FULL) -> CameraSource:
    return CameraSource(address, by_operator=True)


def sps_size(seen: Watcher) -> tuple[int, int]:
    sps = find_sps(seen.units[0].data)
    assert sps is not None
    return parse_sps(sps).width, parse_sps(sps).height


def test_the_encoder_is_the_hardwares_where_there_is_one() -> None:
    source = make()
    with watching(source) as seen:
        seen.wait_for_pictures(5)
        from pi_cam.capture import camera_encoder

        hardware = os.path.exists(camera_encoder.HARDWARE_DEVICE)
        assert isinstance(source.encoder, camera_encoder.HardEncoder if hardware else camera_encoder.SoftEncoder)


def test_start_returns_at_once_and_the_first_unit_is_whole() -> None:
    source, seen = make(), Watcher()
    begun = time.monotonic()
    source.start(seen.emit, seen.report)
    took = time.monotonic() - begun
    try:
        seen.wait_for_pictures(1, seconds=5)
    finally:
        source.stop()
    assert took < 0.05
    assert {NAL_SPS, NAL_PPS, NAL_IDR} <= {nal_type(unit) for unit in split_nal_units(seen.units[0].data)}
    assert seen.units[0].keyframe
    assert seen.reports == [None]


def test_1080p30_for_twenty_seconds() -> None:
    with watching(make()) as seen:
        seen.wait_for_pictures(30)
        units = seen.wait_for_pictures(600, seconds=25)
    assert sps_size(seen) == (1920, 1080)
    gaps = [(after.pts - before.pts) / 90_000 for before, after in itertools.pairwise(units)]
    assert 599 / sum(gaps) > 29
    assert max(gaps) < 0.15
    assert len(decode(seen.units[:120])) == 120


def test_pictures_are_fresh() -> None:
    """The age when the encoder hands them out; also shows that the sensor's clock is the one that we take it for."""
    with watching(make()) as seen:
        seen.wait_for_pictures(150)
    ages = [arrival - unit.captured_at for unit, arrival in zip(seen.units, seen.arrivals, strict=True)]
    assert min(ages) > 0.001
    assert statistics.median(ages) < 0.15


def test_a_keyframe_within_three_pictures_of_the_request() -> None:
    source = make()
    with watching(source) as seen:
        seen.wait_for_pictures(65)
        for _ in range(5):
            source.request_keyframe()
            kinds = [unit.keyframe for unit in seen.wait_for_pictures(8)]
            assert any(kinds[:3])
            assert sum(kinds) == 1


def test_the_bit_rate_follows() -> None:
    source = make()
    with watching(source) as seen:
        seen.wait_for_pictures(60)
        before = seen.bitrate(90)
        source.set_bitrate(500_000)
        seen.wait_for_pictures(60)
        low = seen.bitrate(90)
        source.set_bitrate(4_000_000)
        seen.wait_for_pictures(60)
        again = seen.bitrate(90)
    assert low < 900_000
    assert low < before / 2
    assert again > low * 1.5


def test_the_small_rendition_beside_the_main_one() -> None:
    source = make(f"{FULL}&small=640x360")
    assert source.small is not None
    with watching(source) as seen, watching(source.small) as small:
        small.wait_for_pictures(150)
        seen.wait_for_pictures(30)
        fps = 149 * 90_000 / (small.units[149].pts - small.units[0].pts)
    assert sps_size(small) == (640, 360)
    assert fps > 28


def test_stop_is_quick_and_the_camera_opens_again_every_time() -> None:
    source = make()
    for _ in range(5):
        with watching(source) as seen:
            assert seen.wait_for_pictures(10)[0].keyframe
            begun = time.monotonic()
        assert time.monotonic() - begun < 2
        assert seen.reports == [None]


def test_controls() -> None:
    source = make()
    with watching(source) as seen:
        seen.wait_for_pictures(10)
        source.set_controls(Controls({"Brightness": 0.2}))
        with pytest.raises(SourceError, match="no control named NoSuchControl"):
            source.set_controls(Controls({"NoSuchControl": 1}))
        with pytest.raises(SourceError, match="Brightness goes from"):
            source.set_controls(Controls({"Brightness": 50}))
        seen.wait_for_pictures(30)
        source.set_controls(Controls({"Brightness": 0.0}))
    assert seen.reports == [None]
