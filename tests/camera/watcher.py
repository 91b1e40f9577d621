"""What the camera's tests see of a source: its units, when they came, and what it reported."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import av
import numpy as np

from pi_cam.capture.camera import CameraSource
from pi_cam.capture.source import VideoSource
from pi_cam.errors import SourceError
from pi_cam.media.units import AccessUnit, AudioPacket
from tests.camera.pictures import Luma

ADDRESS = "camera:?id=Virtual0"


def make(address: str = ADDRESS) -> CameraSource:
    return CameraSource(address, by_operator=True)


def descriptors() -> int:
    """Open ones of this process."""
    gc.collect()  # a closed Picamera2 is a cycle, with an event descriptor in it
    return len(os.listdir("/proc/self/fd"))


class Watcher:
    """Give `emit` and `report` to a source. `wait` is event-driven; its limit is only for a test that fails."""

    def __init__(self) -> None:
        self.units: list[AccessUnit] = []
        self.arrivals: list[float] = []
        self.reports: list[str | None] = []
        self._news = threading.Condition()

    def emit(self, unit: AccessUnit | AudioPacket) -> None:
        assert isinstance(unit, AccessUnit), "this camera has no sound"
        with self._news:
            self.units.append(unit)
            self.arrivals.append(time.monotonic())
            self._news.notify_all()

    def report(self, error: SourceError | None) -> None:
        with self._news:
            self.reports.append(None if error is None else str(error))
            self._news.notify_all()

    def wait(self, condition: Callable[[], bool], seconds: float = 15.0) -> None:
        with self._news:
            assert self._news.wait_for(condition, seconds), f"{len(self.units)} pictures, reports {self.reports}"

    def wait_for_pictures(self, count: int, seconds: float = 15.0) -> list[AccessUnit]:
        """The next `count` units."""
        begin = len(self.units)
        self.wait(lambda: len(self.units) >= begin + count, seconds)
        return self.units[begin : begin + count]

    def bitrate(self, count: int = 60, fps: int = 30) -> float:
        """Bits per second over the next pictures."""
        return sum(len(unit.data) for unit in self.wait_for_pictures(count)) * 8 * fps / count


@contextmanager
def watching(source: VideoSource) -> Iterator[Watcher]:
    """The source is started, and stopped at the end."""
    watcher = Watcher()
    source.start(watcher.emit, watcher.report)
    try:
        yield watcher
    finally:
        source.stop()


def decode(units: list[AccessUnit]) -> list[Luma]:
    """The luma of each picture, by a decoder of its own."""
    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    packets = [*(av.Packet(unit.data) for unit in units), None]
    frames = [frame for packet in packets for frame in decoder.decode(packet)]
    return [luma_of(frame) for frame in frames]


def luma_of(frame: av.VideoFrame) -> Luma:
    return np.asarray(frame.to_ndarray(format="gray"), np.uint8)
