"""Clips as cameras: in a loop, in time, untouched where that is possible. Most of it on a clock of the test's own."""

from __future__ import annotations

import threading
import time
from itertools import pairwise
from pathlib import Path

import pytest

from pi_cam.capture.clip import ClipSource
from pi_cam.capture.source import open_source
from pi_cam.errors import AddressRefused, SourceError, SourceUnreachable, SourceUnsupported
from pi_cam.media.h264 import NAL_PPS, NAL_SPS, nal_type, split_nal_units
from pi_cam.media.units import AccessUnit
from tests.clips import made, moving_picture, nal_units_of, real_clip
from tests.watching import pictures as pictures_into


class QuickClock:
    """Waits take no time until `seconds` have passed on it; then it stands still until the source is stopped."""

    def __init__(self, seconds: float) -> None:
        self.now = 1_000.0
        self._end = self.now + seconds
        self.arrived = threading.Event()

    def monotonic(self) -> float:
        return self.now

    def wait(self, stopped: threading.Event, seconds: float) -> None:
        self.now += seconds
        if self.now >= self._end:
            self.arrived.set()
            stopped.wait(20)


class Player:
    """Plays a clip until the clock stands still, and keeps what came."""

    def __init__(self, path: Path, clock: QuickClock) -> None:
        self.units: list[AccessUnit] = []
        self.reports: list[SourceError | None] = []
        self.source = ClipSource(f"file:{path}", by_operator=True, clock=clock)
        self.source.start(pictures_into(self.units.append), self.reports.append)
        try:
            assert clock.arrived.wait(20)
        finally:
            began = time.monotonic()
            self.source.stop()
            assert time.monotonic() - began < 2
            assert not [thread for thread in threading.enumerate() if thread.name.startswith("camera-")]


def pictures(units: list[bytes]) -> list[bytes]:
    return [unit for unit in units if nal_type(unit) not in (NAL_SPS, NAL_PPS)]


def test_h264_is_passed_through_untouched_and_loops_without_a_seam() -> None:
    clip = real_clip()
    player = Player(clip, QuickClock(13))
    originals = [pictures(units) for units in nal_units_of(clip)]
    assert len(player.units) > 2 * len(originals)
    for index, unit in enumerate(player.units):
        assert pictures(list(split_nal_units(unit.data))) == originals[index % len(originals)]
        assert unit.keyframe == (index % len(originals) == 0)
        assert not unit.keyframe or nal_type(next(split_nal_units(unit.data))) == NAL_SPS
    assert {later.pts - earlier.pts for earlier, later in pairwise(player.units)} == {3_600}
    assert all(abs(unit.pts / 90_000 - unit.captured_at) < 0.05 for unit in player.units)
    assert player.reports == [None]
    assert not player.source.capabilities.askable


def test_the_pace_is_that_of_the_clip() -> None:
    player = Player(real_clip(), QuickClock(4))
    assert len(player.units) == pytest.approx(100, abs=2)


def test_b_frames_are_encoded_anew() -> None:
    source = ClipSource(f"file:{real_clip('bikes')}", by_operator=True)
    units: list[AccessUnit] = []
    ready = threading.Event()

    def emit(unit: AccessUnit) -> None:
        units.append(unit)
        if len(units) >= 30:
            ready.set()

    source.start(pictures_into(emit), lambda _: None)
    source.set_bitrate(600_000)
    came = ready.wait(20)
    capabilities = source.capabilities
    source.stop()
    assert came
    assert capabilities.transcoded
    assert capabilities.askable
    assert units[0].keyframe
    assert all(earlier.pts < later.pts for earlier, later in pairwise(units))


def test_it_can_be_started_again() -> None:
    clip = real_clip()
    source = ClipSource(f"file://{clip}", by_operator=True)
    units: list[AccessUnit] = []
    for _ in range(2):
        came = threading.Event()

        def emit(unit: AccessUnit, came: threading.Event = came) -> None:
            units.append(unit)
            came.set()

        source.start(pictures_into(emit), lambda _: None)
        assert came.wait(10)
        source.stop()
    assert all(earlier.pts < later.pts for earlier, later in pairwise(units))
    assert source.capabilities.transcoded is False


def test_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    player = Player(tmp_path / "none.mp4", QuickClock(1))
    assert isinstance(player.reports[0], SourceUnreachable)
    assert str(player.reports[0]) == f"There is no file {tmp_path / 'none.mp4'}."


def test_a_file_that_is_no_clip_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("not a clip\n" * 500)
    player = Player(tmp_path / "text.mp4", QuickClock(1))
    assert isinstance(player.reports[0], SourceUnsupported)


def test_a_playlist_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "list.m3u8").write_text("#EXTM3U\n#EXTINF:9,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n")
    player = Player(tmp_path / "list.m3u8", QuickClock(1))
    assert isinstance(player.reports[0], SourceUnsupported)
    assert player.units == []


def test_only_the_operator_names_files() -> None:
    for url in ("file:/etc/passwd", "FILE:///etc/passwd"):
        with pytest.raises(AddressRefused):
            open_source(url, by_operator=False)
        with pytest.raises(AddressRefused):
            ClipSource(url, by_operator=False)


@pytest.mark.parametrize("url", ["file:clip.mp4", "file:", "file:/a\0b", "file://host/clip.mp4", "file:a/../b"])
def test_an_address_that_names_no_file_is_refused(url: str) -> None:
    with pytest.raises(AddressRefused):
        ClipSource(url, by_operator=True)


def test_a_name_with_spaces_and_percent_signs(tmp_path: Path) -> None:
    clip = made(tmp_path / "my clip.mp4", width=160, height=120, seconds=0.5)
    assert moving_picture(160, 120, 0).width == 160
    player = Player(Path(str(clip).replace(" ", "%20")), QuickClock(2))
    assert len(player.units) == pytest.approx(60, abs=3)
