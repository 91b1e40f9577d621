"""Watches a network source as the hub would, and proves that stopping it leaves nothing behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from pi_cam.capture.network import NetworkSource
from pi_cam.capture.source import Emit
from pi_cam.errors import SourceError
from pi_cam.media.units import AccessUnit, AudioPacket

THREADS = {"camera-network", "camera-relay", "camera-transcoder"}


def pictures(take: Callable[[AccessUnit], object]) -> Emit:
    """What a source emits, without its sound."""

    def emit(unit: AccessUnit | AudioPacket) -> None:
        if isinstance(unit, AccessUnit):
            take(unit)

    return emit


class Watcher:
    """Keeps what a source emits and reports, with the time of each."""

    def __init__(self, url: str, *, by_operator: bool = True) -> None:
        self.source = NetworkSource(url, by_operator=by_operator)
        self.units: list[AccessUnit] = []
        self.reports: list[SourceError | None] = []
        self.reported_at: list[float] = []

    def report(self, error: SourceError | None) -> None:
        self.reported_at.append(time.monotonic())
        self.reports.append(error)

    def until(self, condition: Callable[[], object], seconds: float = 10) -> float:
        """Polls until `condition` holds; the seconds that it took."""
        began = time.monotonic()
        while not condition():
            assert time.monotonic() - began < seconds, f"not within {seconds} s; reports: {self.reports}"
            time.sleep(0.01)
        return time.monotonic() - began

    def problem(self, seconds: float = 10) -> SourceError:
        self.until(lambda: any(self.reports), seconds)
        return next(report for report in self.reports if report is not None)


@contextmanager
def watching(url: str, *, by_operator: bool = True) -> Iterator[Watcher]:
    """Starts a source; at the end stops it within two seconds and proves that it is silent and gone."""
    watcher = Watcher(url, by_operator=by_operator)
    watcher.source.start(pictures(watcher.units.append), watcher.report)
    try:
        yield watcher
    finally:
        began = time.monotonic()
        watcher.source.stop()
        took = time.monotonic() - began
        before = (len(watcher.units), len(watcher.reports))
        with suppress(AssertionError):
            watcher.until(lambda: not THREADS & {thread.name for thread in threading.enumerate()}, 6)
        left = [thread.name for thread in threading.enumerate() if thread.name in THREADS]
        assert took < 2
        assert left == []
        assert before == (len(watcher.units), len(watcher.reports))
