"""From a camera's own timestamps to one clock that never goes back, across reconnections and lost timestamps."""

from __future__ import annotations

from typing import NamedTuple

from pi_cam.media.units import VIDEO_CLOCK_HZ

MAX_DRIFT_SECONDS = 5.0

_LEAK_PICTURES = 2_048
"""The least lag is forgotten at this pace: it follows two clocks that drift apart, but not a picture that came late."""

_UNTIMED_PICTURES = 10
"""A first picture without a timestamp is usual (RTSP). So many are a camera that has none."""


class Place(NamedTuple):
    """Where a camera's timestamp lies, in seconds of `time.monotonic()`. `at`: in the camera's own even spacing, as pts
    are. `lag`: how much later pictures of that place are said to be captured, and arrive at best."""

    at: float
    lag: float


class Timeline:
    """Stamps pictures in 90 kHz ticks. The camera's spacing is kept; its zero is replaced by the arrival time.

    Pictures set the clock, from one thread; the sound beside them only reads it (`place`), from any.
    """

    def __init__(self) -> None:
        self._offset: int | None = None
        self._captured = float("-inf")
        self._last: int | None = None
        self._lag = 0.0
        self._pictures = 0

    @property
    def begun(self) -> bool:
        """Since the last `restart` pictures told how the camera counts, or there were several that did not."""
        return self._offset is not None or self._pictures > _UNTIMED_PICTURES

    def restart(self) -> None:
        """Call when a new connection begins: the camera's timestamps start anew, ours go on."""
        self._offset = None
        self._lag = 0.0
        self._pictures = 0

    def stamp(self, ticks: int | None, arrived: float) -> int:
        """The pts of a picture with the timestamp `ticks` (90 kHz, or None) that came at `arrived` (monotonic seconds).

        A timestamp that jumps away from the arrival time by more than `MAX_DRIFT_SECONDS` begins a new count.
        """
        self._pictures += 1
        now = round(arrived * VIDEO_CLOCK_HZ)
        pts = now
        if ticks is not None:
            if self._offset is None or abs(ticks + self._offset - now) > MAX_DRIFT_SECONDS * VIDEO_CLOCK_HZ:
                self._offset = now - ticks
                self._lag = 0.0
            pts = ticks + self._offset
            lag = (now - pts) / VIDEO_CLOCK_HZ
            self._lag = min(lag, self._lag + (lag - self._lag) / _LEAK_PICTURES)
        if self._last is not None and pts <= self._last:
            pts = self._last + 1
        self._last = pts
        return pts

    def captured_at(self, pts: int, arrived: float) -> float:
        """When the picture that was stamped last was captured (monotonic seconds), on a network that is always fast: sound
        that fits to it, but came by another burst, is said to be captured at the same moment. Never earlier than that of the
        picture before, also when the network turns out to be faster than it was believed."""
        self._captured = max(self._captured, min(pts / VIDEO_CLOCK_HZ + self._lag, arrived))
        return self._captured

    def place(self, seconds: float, arrived: float) -> Place | None:
        """The place of a timestamp of the same camera, in its seconds, that came at `arrived`; None when the pictures do
        not tell: they have no timestamps, or none that fit."""
        offset, lag = self._offset, self._lag
        if offset is None:
            return None
        at = seconds + offset / VIDEO_CLOCK_HZ
        return Place(at, lag) if abs(at - arrived) <= MAX_DRIFT_SECONDS else None
