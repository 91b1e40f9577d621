"""The microphone's samples, counted, beside the clock of this computer."""

from __future__ import annotations

from pi_cam.audio.blocks import BLOCK_SAMPLES
from pi_cam.media.units import SOUND_CLOCK_HZ

WATCHED_BLOCKS = 10
"""A block is said to be captured later than it was when its thread came late; the earliest of so many is right."""

LOST_SAMPLES = 3 * BLOCK_SAMPLES // 4
"""So much later than counted, at best: a block is missing. Less is two clocks that differ."""

REOPENED_SAMPLES = SOUND_CLOCK_HZ
"""So much later that no look at other blocks is needed."""

_SMOOTHING = 8


class Pace:
    """Gives each block its pts: in steps of one block as long as none is lost, and never back.

    A device's clock that is faster or slower than the computer's changes nothing in them: how both belong together is told
    with each packet (`captured_at`).
    """

    def __init__(self) -> None:
        self._next: int | None = None
        self._offset = 0.0
        self._begins = True
        self._least = float("inf")
        self._watched = 0

    def restart(self) -> None:
        """The microphone is opened: the next block is where the clock is, unless the count is further."""
        self._begins = True

    def place(self, captured_at: float) -> tuple[int, int]:
        """The pts of a block (48 kHz) whose first sample was in the air at this second, and how many blocks were found
        to be missing before it, or shortly before."""
        now = round(captured_at * SOUND_CLOCK_HZ)
        if self._next is None or self._begins:
            self._next = now if self._next is None else max(now, self._next)
            self._offset = now - self._next
            self._begins = False
            self._begin_watch()
        lost = self._missing(now - self._next - self._offset)
        pts = self._next + lost * BLOCK_SAMPLES
        self._next = pts + BLOCK_SAMPLES
        return pts, lost

    def _missing(self, late: float) -> int:
        self._least = min(self._least, late)
        self._watched += 1
        if late < REOPENED_SAMPLES and self._watched < WATCHED_BLOCKS:
            return 0
        least = late if late >= REOPENED_SAMPLES else self._least
        self._begin_watch()
        if least >= LOST_SAMPLES:
            return round(least / BLOCK_SAMPLES)
        self._offset += least / _SMOOTHING
        return 0

    def _begin_watch(self) -> None:
        self._watched = 0
        self._least = float("inf")
