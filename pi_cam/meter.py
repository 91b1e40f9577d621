"""What flows: picture size, pictures and bits per second, measured and not declared."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from pi_cam.media.h264 import SequenceParameters, find_sps, parse_sps
from pi_cam.media.units import AccessUnit

WINDOW_SECONDS = 2.0


class StreamMeter:
    """Counts access units over the last two seconds, and reads the SPS when it changes."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.parameters: SequenceParameters | None = None
        self._clock = clock
        self._sps: bytes | None = None
        self._seen: deque[tuple[float, int]] = deque()
        self._bytes = 0

    def count(self, unit: AccessUnit) -> None:
        """Takes one unit."""
        now = self._clock()
        self._seen.append((now, len(unit.data)))
        self._bytes += len(unit.data)
        self._forget(now)
        if unit.keyframe:
            self._read(unit.data)

    def fps(self) -> float | None:
        """Pictures a second, one decimal; None before two pictures."""
        span = self._span()
        return round((len(self._seen) - 1) / span, 1) if span else None

    def bitrate(self) -> int | None:
        """Bits a second; None before two pictures."""
        span = self._span()
        return round((self._bytes - self._seen[0][1]) * 8 / span) if span else None

    def reset(self) -> None:
        """The stream ended; its size stays known."""
        self._seen.clear()
        self._bytes = 0

    def _span(self) -> float:
        self._forget(self._clock())
        return self._seen[-1][0] - self._seen[0][0] if len(self._seen) > 1 else 0.0

    def _forget(self, now: float) -> None:
        while self._seen and self._seen[0][0] < now - WINDOW_SECONDS:
            self._bytes -= self._seen.popleft()[1]

    def _read(self, data: bytes) -> None:
        sps = find_sps(data)
        if sps is None or sps == self._sps:
            return
        self._sps = sps
        try:
            self.parameters = parse_sps(sps)
        except ValueError:  # a browser may still show what we cannot read
            self.parameters = None
