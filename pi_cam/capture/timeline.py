"""From a camera's own timestamps to one clock that never goes back, across reconnections and lost timestamps."""

from __future__ import annotations

from typing import NamedTuple

from pi_cam.media.units import VIDEO_CLOCK_HZ

MAX_DRIFT_SECONDS = 5.0

_LAG_PICTURES = 16
"""Pictures over which the time from a picture's place to its arrival is averaged."""


class Place(NamedTuple):
    """Where a camera's timestamp lies, in seconds of `time.monotonic()`. `at`: in the camera's own even spacing, as pts
    are. `lag`: how much later pictures of that place arrive, and so are said to be captured."""

    at: float
    lag: float


class Timeline:
    """Stamps pictures in 90 kHz ticks. The camera's spacing is kept; its zero is replaced by the arrival time.

    Pictures set the clock, from one thread; the sound beside them only reads it (`place`), from any.
    """

    def __init__(self) -> None:
        self._offset: int | None = None
        self._last: int | None = None
        self._lag = 0.0
        self.begun = False

    def restart(self) -> None:
        """Call when a new connection begins: the camera's timestamps start anew, ours go on."""
        self._offset = None
        self._lag = 0.0
        self.begun = False

    def stamp(self, ticks: int | None, arrived: float) -> int:
        """The pts of a picture with the timestamp `ticks` (90 kHz, or None) that came at `arrived` (monotonic seconds).

        A timestamp that jumps away from the arrival time by more than `MAX_DRIFT_SECONDS` begins a new count.
        """
        now = round(arrived * VIDEO_CLOCK_HZ)
        pts = now
        if ticks is not None:
            if self._offset is None or abs(ticks + self._offset - now) > MAX_DRIFT_SECONDS * VIDEO_CLOCK_HZ:
                self._offset = now - ticks
                self._lag = 0.0
            pts = ticks + self._offset
            self._lag += ((now - pts) / VIDEO_CLOCK_HZ - self._lag) / _LAG_PICTURES
        if self._last is not None and pts <= self._last:
            pts = self._last + 1
        self._last = pts
        self.begun = True
        return pts

    def place(self, seconds: float, arrived: float) -> Place | None:
        """The place of a timestamp of the same camera, in its seconds, that came at `arrived`; None when the pictures do
        not tell: they have no timestamps, or none that fit."""
        offset, lag = self._offset, self._lag
        if offset is None:
            return None
        at = seconds + offset / VIDEO_CLOCK_HZ
        return Place(at, lag) if abs(at - arrived) <= MAX_DRIFT_SECONDS else None
