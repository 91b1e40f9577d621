"""The camera without hardware: what it draws can be read back, and it does what it is asked."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator
from contextlib import contextmanager

import av
import numpy as np
import numpy.typing as npt
import pytest
from av.video.codeccontext import VideoCodecContext

from pi_cam.capture.source import Controls, open_source
from pi_cam.capture.synthetic import (
    BLACK,
    CLOCK_BITS,
    CLOCK_COLUMNS,
    CLOCK_ROWS,
    WHITE,
    PictureFormat,
    SyntheticPictures,
    SyntheticSource,
    TestCard,
)
from pi_cam.errors import AddressRefused, SourceError
from pi_cam.media.encoder import PictureEncoder
from pi_cam.media.h264 import find_sps, parse_sps
from pi_cam.media.units import AccessUnit, AudioPacket

Luma = npt.NDArray[np.uint8]


def decoder() -> VideoCodecContext:
    context = av.CodecContext.create("h264", "r")
    assert isinstance(context, VideoCodecContext)
    context.thread_count = 1
    return context


def luma(frame: av.VideoFrame) -> Luma:
    plane = frame.planes[0]
    return np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: frame.height, : frame.width]


def clock_of(picture: Luma, cell: int) -> int:
    """The time in the cells; fails when the check sum is wrong."""
    code = 0
    for row in range(CLOCK_ROWS):
        for column in range(CLOCK_COLUMNS):
            top, left = picture.shape[0] + (row - CLOCK_ROWS) * cell, column * cell
            inner = picture[top + cell // 4 : top + cell - cell // 4, left + cell // 4 : left + cell - cell // 4]
            code = code << 1 | int(inner.mean() > (BLACK + WHITE) / 2)
    value = code >> 8
    assert sum(value.to_bytes(5, "big")) & 0xFF == code & 0xFF, "the check sum is wrong"
    return value


@pytest.mark.parametrize(("width", "height", "rate"), [(160, 120, 60_000), (640, 360, 300_000), (1280, 720, 2_000_000)])
def test_the_clock_survives_encoding(width: int, height: int, rate: int) -> None:
    card, encoder, context = TestCard(width, height), PictureEncoder(width, height, 30, rate), decoder()
    times = [
        0,
        1_763_000_000_123,
        (1 << CLOCK_BITS) - 1,
        (1 << CLOCK_BITS) + 5,
        *range(1_763_000_000_000, 1_763_000_000_500, 33),
    ]
    seen = []
    for index, utc_ms in enumerate(times):
        for data, _, _ in encoder.encode(card.draw(utc_ms, index), pts=index * 3_000):
            seen += [clock_of(luma(frame), card.cell) for frame in context.decode(av.Packet(data))]
    encoder.close()
    seen += [clock_of(luma(frame), card.cell) for frame in context.decode(None)]
    assert seen == [utc_ms % (1 << CLOCK_BITS) for utc_ms in times]


def test_a_white_square_flashes_for_a_tenth_of_each_second() -> None:
    card = TestCard(640, 360)
    lit = []
    for utc_ms in range(5_000, 7_000, 20):
        square = luma(card.draw(utc_ms, 3))[60:120, -120:-60]
        if square.min() == WHITE:
            lit.append(utc_ms)
    assert lit == [*range(5_000, 5_100, 20), *range(6_000, 6_100, 20)]


def test_the_picture_moves_without_a_seam() -> None:
    card = TestCard(320, 240)
    one, next_one, after_a_round = (luma(card.draw(1_500, index)) for index in (0, 1, 320))
    assert (one != next_one).mean() > 0.2
    assert (one == after_a_round).all()


class Steps:
    """Runs a source picture by picture: its pauses end when the test says so."""

    def __init__(self, url: str) -> None:
        self.source = SyntheticSource(url, by_operator=True, sleep=self._pause)
        self.units: list[AccessUnit] = []
        self.pauses: list[float] = []
        self.reports: list[SourceError | None] = []
        self.began = time.monotonic()
        self._here: queue.Queue[None] = queue.Queue()
        self._go: queue.Queue[None] = queue.Queue()

    def picture(self) -> AccessUnit:
        self._go.put(None)
        self._here.get(timeout=10)
        return self.units[-1]

    def end(self) -> None:
        for _ in range(3):
            self._go.put(None)
        self.source.stop()

    def emit(self, unit: object) -> None:
        if isinstance(unit, AccessUnit):
            self.units.append(unit)

    def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds + time.monotonic() - self.began)
        self._here.put(None)
        self._go.get(timeout=10)


@contextmanager
def running(url: str) -> Iterator[Steps]:
    steps = Steps(url)
    steps.source.start(steps.emit, steps.reports.append)
    steps._here.get(timeout=10)
    try:
        yield steps
    finally:
        steps.end()
        assert steps.reports == []


def test_the_picture_shows_when_it_was_taken_in_the_size_that_was_asked_for() -> None:
    before = time.time_ns() // 1_000_000
    with running("synthetic:?size=640x360") as steps:
        context = decoder()
        frames = [*context.decode(av.Packet(steps.units[0].data)), *context.decode(None)]
        captured_at = steps.units[0].captured_at
    after = time.time_ns() // 1_000_000
    assert (frames[0].width, frames[0].height) == (640, 360)
    shown = clock_of(luma(frames[0]), TestCard(640, 360).cell)
    assert (shown - before) % (1 << CLOCK_BITS) <= after - before
    assert steps.units[0].pts == round(captured_at * 90_000)


def test_it_begins_with_a_keyframe_and_gives_one_at_once_when_asked() -> None:
    with running("synthetic:?size=320x240") as steps:
        assert steps.units[0].keyframe
        assert not any(steps.picture().keyframe for _ in range(5))
        steps.source.request_keyframe()
        assert steps.picture().keyframe
        assert not steps.picture().keyframe


@pytest.mark.parametrize("fps", [5, 30, 60])
def test_pictures_come_on_the_beat_that_was_asked_for(fps: int) -> None:
    with running(f"synthetic:?size=160x120&fps={fps}") as steps:
        for _ in range(20):
            steps.picture()
        planned = steps.pauses[20] - steps.pauses[0]
    assert planned == pytest.approx(20 / fps, rel=0.25, abs=0.05)


def test_the_bitrate_is_obeyed_from_the_address_and_later() -> None:
    def size_of(steps: Steps, pictures: int) -> int:
        return sum(len(steps.picture().data) for _ in range(pictures))

    with (
        running("synthetic:?size=640x360&bitrate=100000") as poor,
        running("synthetic:?size=640x360&bitrate=4000000") as rich,
    ):
        assert size_of(rich, 20) > 3 * size_of(poor, 20)


def test_stop_ends_the_thread_and_it_can_be_started_again() -> None:
    steps = Steps("synthetic:?size=160x120")
    for _ in range(2):
        steps.source.start(steps.emit, steps.reports.append)
        steps._here.get(timeout=10)
        steps.picture()
        steps.end()
        count = len(steps.units)
        steps.source.request_keyframe()
        steps.source.set_bitrate(100_000)
        assert len(steps.units) == count
        steps._go, steps._here = queue.Queue(), queue.Queue()
    SyntheticSource("synthetic:", by_operator=True).stop()


def test_it_says_what_it_can_do() -> None:
    source = open_source("synthetic:", by_operator=True)
    assert (source.capabilities.askable, source.capabilities.adjustable, source.capabilities.transcoded) == (
        True,
        True,
        False,
    )
    source.set_controls(Controls())
    with pytest.raises(SourceError, match="no control named AfMode"):
        source.set_controls(Controls({"AfMode": 1}))


def test_a_small_rendition_of_its_own_on_the_same_clock() -> None:
    assert SyntheticSource("synthetic:", by_operator=True).small is None
    url = "synthetic:?size=640x360&bitrate=600000&small=320x181"
    source = SyntheticSource(url, by_operator=True, sleep=lambda seconds: None)
    assert isinstance(source.small, SyntheticPictures)
    assert (source.capabilities.bitrate, source.small.capabilities.bitrate) == (600_000, 100_000)
    found: queue.Queue[AccessUnit | AudioPacket] = queue.Queue()
    source.small.start(found.put, lambda error: None)
    try:
        units = [found.get(timeout=10) for _ in range(40)]
    finally:
        source.small.stop()
    assert all(isinstance(unit, AccessUnit) for unit in units), "sound comes with the main one"
    first = units[0]
    assert isinstance(first, AccessUnit)
    assert first.pts == round(first.captured_at * 90_000)
    sps = find_sps(first.data)
    assert sps is not None
    assert (parse_sps(sps).width, parse_sps(sps).height) == (320, 180)


def test_only_the_command_line_may_name_it() -> None:
    with pytest.raises(AddressRefused, match="command line only"):
        open_source("synthetic:", by_operator=False)


@pytest.mark.parametrize(
    ("url", "form"),
    [
        ("synthetic:", PictureFormat(1280, 720, 30, 2_000_000)),
        ("synthetic:?", PictureFormat(1280, 720, 30, 2_000_000)),
        ("synthetic:?size=160x120&fps=1&bitrate=50000", PictureFormat(160, 120, 1, 50_000)),
        ("synthetic:?size=3840x2160&fps=60", PictureFormat(3840, 2160, 60, 2_000_000)),
        ("synthetic:?size=641x361", PictureFormat(640, 360, 30, 2_000_000)),
        ("synthetic:?fps=15", PictureFormat(1280, 720, 15, 2_000_000)),
        ("synthetic:?small=321x181", PictureFormat(1280, 720, 30, 2_000_000, (320, 180))),
    ],
)
def test_good_addresses(url: str, form: PictureFormat) -> None:
    assert PictureFormat.parse(url) == form


@pytest.mark.parametrize(
    "query",
    [
        "size=",
        "size=640",
        "size=640x",
        "size=640x360x2",
        "size=-640x360",
        "size=159x120",
        "size=160x119",
        "size=3842x2160",
        "size=99999x99999",
        "size=640%2A360",
        "fps=0",
        "fps=61",
        "fps=-1",
        "fps=2.5",
        "fps=",
        "fps=many",
        "bitrate=0",
        "bitrate=49999",
        "bitrate=1e6",
        "bitrate=" + "9" * 5_000,
        "colour=red",
        "small=",
        "small=320",
        "small=320x90",
        "small=1282x720",
        "size=640x360&x=1",
        "Size=640x360",
    ],
)
def test_bad_addresses_are_refused_with_an_example_or_the_limits(query: str) -> None:
    with pytest.raises(AddressRefused, match="A synthetic camera"):
        PictureFormat.parse(f"synthetic:?{query}")
