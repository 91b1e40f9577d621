"""Pictures and bits per second, measured on a clock that the test holds."""

from __future__ import annotations

import pytest

from pi_cam.media.encoder import PictureEncoder
from pi_cam.media.units import AccessUnit
from pi_cam.meter import StreamMeter
from tests.clips import moving_picture
from tests.unit.clock import Clock


def feed(meter: StreamMeter, clock: Clock, *, seconds: float, fps: int, size: int) -> None:
    for _ in range(round(seconds * fps)):
        clock.now += 1 / fps
        meter.count(AccessUnit(bytes(size), 0, False, clock.now))


def keyframe(width: int, height: int) -> AccessUnit:
    encoder = PictureEncoder(width, height, 30, 500_000)
    ((data, pts, is_keyframe),) = encoder.encode(moving_picture(width, height, 0), pts=0)
    encoder.close()
    return AccessUnit(data, pts, is_keyframe, 0.0)


def test_rates_are_those_of_the_last_two_seconds() -> None:
    clock = Clock(50.0)
    meter = StreamMeter(clock)
    feed(meter, clock, seconds=5, fps=30, size=10_000)
    assert meter.fps() == pytest.approx(30, abs=0.1)
    assert meter.bitrate() == pytest.approx(2_400_000, rel=0.01)
    feed(meter, clock, seconds=3, fps=10, size=1_000)
    assert meter.fps() == pytest.approx(10, abs=0.1)
    assert meter.bitrate() == pytest.approx(80_000, rel=0.01)


def test_nothing_is_known_before_two_pictures_and_after_silence() -> None:
    clock = Clock(50.0)
    meter = StreamMeter(clock)
    assert (meter.fps(), meter.bitrate()) == (None, None)
    meter.count(AccessUnit(b"x", 0, False, 0.0))
    meter.count(AccessUnit(b"x", 0, False, 0.0))
    assert (meter.fps(), meter.bitrate()) == (None, None)
    feed(meter, clock, seconds=1, fps=10, size=10)
    clock.now += 3
    assert (meter.fps(), meter.bitrate()) == (None, None)


def test_the_size_comes_from_the_stream_and_outlives_its_end() -> None:
    meter = StreamMeter(Clock(50.0))
    meter.count(keyframe(640, 360))
    assert meter.parameters is not None
    assert (meter.parameters.width, meter.parameters.height) == (640, 360)
    meter.count(keyframe(320, 240))
    meter.reset()
    assert (meter.parameters.width, meter.parameters.height) == (320, 240)
    assert meter.fps() is None


def test_parameters_that_cannot_be_read_are_unknown() -> None:
    meter = StreamMeter(Clock(50.0))
    meter.count(keyframe(640, 360))
    meter.count(AccessUnit(b"\0\0\0\1\x67\x42", 0, True, 0.0))
    assert meter.parameters is None
