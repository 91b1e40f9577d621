"""What every picture source owes to the hub, whatever it is. Each kind is held to it by one line of a table."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise

import pytest

from pi_cam.capture.source import Controls, VideoSource, open_source
from pi_cam.errors import SourceError
from pi_cam.media.h264 import NAL_DELIMITER, NAL_IDR, NAL_PPS, NAL_SPS, START_CODE, nal_type, split_nal_units
from pi_cam.media.units import AccessUnit, AudioPacket

START_SECONDS = 0.05
STOP_SECONDS = 2.0
QUIET_SECONDS = 0.3
KEYFRAME_PICTURES = 6
"""Three of the promise, and as many that were on their way when the request was made."""


class Watched:
    """A started source, and all that it said."""

    def __init__(self, source: VideoSource) -> None:
        self.source = source
        self.units: list[AccessUnit] = []
        self.sound: list[AudioPacket] = []
        self.reports: list[SourceError | None] = []

    def emit(self, unit: AccessUnit | AudioPacket) -> None:
        if isinstance(unit, AccessUnit):
            self.units.append(unit)
        else:
            self.sound.append(unit)

    def until(self, condition: Callable[[], bool], seconds: float = 15) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, (len(self.units), self.reports)
            time.sleep(0.005)


@contextmanager
def watching(source: VideoSource) -> Iterator[Watched]:
    watched = Watched(source)
    began = time.monotonic()
    source.start(watched.emit, watched.reports.append)
    started = time.monotonic() - began
    try:
        yield watched
    finally:
        began = time.monotonic()
        source.stop()
        stopped = time.monotonic() - began
    assert started < START_SECONDS
    assert stopped < STOP_SECONDS
    count = len(watched.units)
    time.sleep(QUIET_SECONDS)
    assert len(watched.units) == count, "emitted after stop"


class SourceContract:
    """Inherit, and say by the fixture `address` which source."""

    @pytest.fixture
    def source(self, address: str) -> VideoSource:
        return open_source(address, by_operator=True)

    def test_units_are_complete_and_in_order(self, source: VideoSource) -> None:
        with watching(source) as watched:
            watched.until(lambda: len(watched.units) >= 20)
        first = [nal_type(unit) for unit in split_nal_units(watched.units[0].data)]
        assert watched.units[0].keyframe
        assert max(first.index(NAL_SPS), first.index(NAL_PPS)) < first.index(NAL_IDR)
        for unit in watched.units:
            kinds = [nal_type(nal) for nal in split_nal_units(unit.data)]
            assert unit.data.startswith(START_CODE)
            assert NAL_DELIMITER not in kinds
            assert unit.keyframe == (NAL_IDR in kinds)
            assert not unit.keyframe or {NAL_SPS, NAL_PPS} <= set(kinds)
        assert all(earlier.pts < later.pts for earlier, later in pairwise(watched.units))
        assert all(earlier.captured_at <= later.captured_at for earlier, later in pairwise(watched.units))
        assert abs(watched.units[-1].captured_at - time.monotonic()) < STOP_SECONDS + QUIET_SECONDS + 1
        assert not any(watched.reports)

    def test_it_starts_again_after_a_stop(self, source: VideoSource) -> None:
        last = -1
        for _ in range(2):
            with watching(source) as watched:
                watched.until(lambda watched=watched: len(watched.units) >= 3)  # type: ignore[misc]
            assert watched.units[0].keyframe
            assert watched.units[0].pts > last
            last = watched.units[-1].pts

    def test_a_keyframe_comes_when_it_says_that_it_can_be_asked(self, source: VideoSource) -> None:
        with watching(source) as watched:
            watched.until(lambda: len(watched.units) >= 5)
            if not source.capabilities.askable:
                source.request_keyframe()  # allowed, and without effect
                return
            count = len(watched.units)
            source.request_keyframe()
            watched.until(lambda: len(watched.units) >= count + KEYFRAME_PICTURES)
        assert any(unit.keyframe for unit in watched.units[count : count + KEYFRAME_PICTURES])

    def test_everything_may_be_asked_before_between_and_after(self, source: VideoSource) -> None:
        self._ask_everything(source)
        source.stop()
        with watching(source) as watched:
            watched.until(lambda: bool(watched.units))
            self._ask_everything(source)
            with pytest.raises(SourceError, match="NoSuchControl"):
                source.set_controls(Controls({"NoSuchControl": 1}))
        source.stop()
        self._ask_everything(source)

    @staticmethod
    def _ask_everything(source: VideoSource) -> None:
        source.request_keyframe()
        source.set_bitrate(1_000_000)
        source.set_controls(Controls())
        assert isinstance(source.capabilities.transcoded, bool)
