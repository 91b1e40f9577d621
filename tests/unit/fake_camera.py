"""A camera for the hub, and a bridge to it, with the rules of `VideoSource`: what breaks one is kept in `violations`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from pi_cam.capture.source import Capabilities
from pi_cam.errors import SourceError
from pi_cam.media.units import AccessUnit
from tests.unit import virtual_time

TICKS = 3_000


class FakeSource:
    """Emits what the test says. `start_takes`, `stop_takes`: virtual seconds; `fails_to_start`, `fails_to_stop`: errors."""

    def __init__(self, *, askable: bool = True) -> None:
        self.askable = askable
        self.start_takes = self.stop_takes = 0.01
        self.fails_to_start: Exception | None = None
        self.fails_to_stop: Exception | None = None
        self.running = False
        self.openings = 0
        self.asked_at: list[float] = []
        self.violations: list[str] = []
        self.rates: list[int] = []
        self._pictures = 0
        self._emit: Callable[[AccessUnit], None] = lambda unit: None
        self.report: Callable[[SourceError | None], None] = lambda trouble: None

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(askable=self.askable)

    def start(self, emit: Callable[[AccessUnit], None], report: Callable[[SourceError | None], None]) -> None:
        if self.running:
            self.violations.append("started twice")
        self.running = True
        self.openings += 1
        self._emit, self.report = emit, report
        if self.fails_to_start:
            raise self.fails_to_start

    def stop(self) -> None:
        if not self.running:
            self.violations.append("stopped twice")
        self.running = False
        if self.fails_to_stop:
            raise self.fails_to_stop

    def is_open(self) -> bool:
        return self.running

    def request_keyframe(self) -> None:
        self.asked_at.append(virtual_time.now())

    def set_bitrate(self, bits_per_second: int) -> None:
        self.rates.append(bits_per_second)

    def picture(self, *, keyframe: bool = False, size: int = 100) -> AccessUnit:
        """Emits the next picture."""
        self._pictures += 1
        data = self.openings.to_bytes(2, "big") + bytes(size - 2)
        unit = AccessUnit(data, self._pictures * TICKS, keyframe, virtual_time.now())
        self._emit(unit)
        return unit

    def group(self, length: int) -> list[AccessUnit]:
        """Emits a keyframe and the pictures after it."""
        return [self.picture(keyframe=index == 0) for index in range(length)]


class FakeBridge:
    """`pi_cam.loop.Loop` without threads: a blocking call takes virtual time, and two must never overlap."""

    def __init__(self, source: FakeSource) -> None:
        self._source = source
        self._busy = False

    def post(self, function: Callable[..., object], *args: Any) -> None:
        asyncio.get_running_loop().call_soon(function, *args)

    async def run_blocking(self, function: Callable[..., Any], *args: Any) -> Any:
        if self._busy:
            self._source.violations.append("start and stop overlap")
        self._busy = True
        starting = function == self._source.start
        try:
            if not starting:
                await asyncio.sleep(self._source.stop_takes)
            result = function(*args)
            if starting:
                await asyncio.sleep(self._source.start_takes)
            return result
        finally:
            self._busy = False
