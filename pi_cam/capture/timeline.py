"""From a camera's own timestamps to one clock that never goes back, across reconnections and lost timestamps."""

from __future__ import annotations

from pi_cam.media.units import VIDEO_CLOCK_HZ

MAX_DRIFT_SECONDS = 5.0


class Timeline:
    """Stamps pictures in 90 kHz ticks. The camera's spacing is kept; its zero is replaced by the arrival time."""

    def __init__(self) -> None:
        self._offset: int | None = None
        self._last: int | None = None

    def restart(self) -> None:
        """Call when a new connection begins: the camera's timestamps start anew, ours go on."""
        self._offset = None

    def stamp(self, ticks: int | None, arrived: float) -> int:
        """The pts of a picture with the timestamp `ticks` (90 kHz, or None) that came at `arrived` (monotonic seconds).

        A timestamp that jumps away from the arrival time by more than `MAX_DRIFT_SECONDS` begins a new count.
        """
        now = round(arrived * VIDEO_CLOCK_HZ)
        pts = now
        if ticks is not None:
            if self._offset is None or abs(ticks + self._offset - now) > MAX_DRIFT_SECONDS * VIDEO_CLOCK_HZ:
                self._offset = now - ticks
            pts = ticks + self._offset
        if self._last is not None and pts <= self._last:
            pts = self._last + 1
        self._last = pts
        return pts
