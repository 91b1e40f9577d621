"""Sound of any length to blocks of 20 ms, each in its place on a clock that never goes back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from pi_cam.media.opus import BLOCK_SAMPLES, Block
from pi_cam.media.units import SOUND_CLOCK_HZ

TOLERANCE = 3 * BLOCK_SAMPLES
"""Timestamps may be this far from the count of samples: they are rounded, and the two clocks drift apart."""

_SMOOTHING = 16


class Placed(NamedTuple):
    """A block, its pts, and the place of its first sample (seconds) as the timestamps tell it."""

    pts: int
    at: float
    block: Block


class SoundClock:
    """One source's: it goes on across connections."""

    def __init__(self) -> None:
        self._next: int | None = None

    @property
    def next(self) -> int | None:
        """The pts of the block to come (48 kHz), or None before the first."""
        return self._next

    def take(self) -> int:
        """Hands out one block's pts."""
        assert self._next is not None  # noqa: S101 - `reach` comes first
        self._next += BLOCK_SAMPLES
        return self._next - BLOCK_SAMPLES

    def reach(self, position: int) -> None:
        """Jumps, in whole blocks, to the block that holds this position; never back."""
        if self._next is None:
            self._next = position
        self._next += max((position - self._next) // BLOCK_SAMPLES, 0) * BLOCK_SAMPLES


class Blocks:
    """One connection's sound. Lost sound makes the pts jump; what overlaps with sound that was there already is dropped."""

    def __init__(self, clock: SoundClock) -> None:
        self._clock = clock
        self._begun = False
        self._stepped = False
        self._pending: Block = np.empty(0, np.int16)
        self._error = 0.0

    @property
    def end(self) -> float | None:
        """Where the next sample is expected (seconds), or None before the first and after `pause`."""
        if not self._begun or self._clock.next is None:
            return None
        return (self._clock.next + len(self._pending)) / SOUND_CLOCK_HZ

    def pause(self) -> None:
        """What comes next has nothing to do with what was."""
        self._begun = False
        self._pending = self._pending[:0]

    def add(self, samples: Block, at: float) -> Iterator[Placed]:
        """Samples of any number, shape `(n,)`, the first of them at `at` (seconds)."""
        position = round(at * SOUND_CLOCK_HZ)
        expected = self._expected(position)
        error = position - expected
        if error > TOLERANCE:
            yield from self._jump(position)
        elif error < -TOLERANCE:
            samples = samples[-error:]
            self._error = 0.0
        else:
            self._error += (error - self._error) / _SMOOTHING
        self._pending = np.concatenate((self._pending, samples))
        yield from self._whole()

    def step(self, at: float) -> tuple[int, float] | None:
        """The pts and the place (seconds) of a block that is encoded already; None when it overlaps."""
        position = round(at * SOUND_CLOCK_HZ)
        error = position - self._expected(position)
        if error < -TOLERANCE:
            return None
        if not self._stepped or error > TOLERANCE:
            self._pending = self._pending[:0]
            self._clock.reach(position + BLOCK_SAMPLES // 2)
            self._stepped = True
            self._error = position - (self._clock.next or 0)
        else:
            self._error += (error - self._error) / _SMOOTHING
        pts = self._clock.take()
        return pts, (pts + self._error) / SOUND_CLOCK_HZ

    def _expected(self, position: int) -> int:
        if not self._begun:
            self._begun = True
            self._stepped = False
            self._error = 0.0
            self._clock.reach(position)
            first = self._clock.next or 0
            self._pending = np.zeros(max(position - first, 0), np.int16)
        return (self._clock.next or 0) + len(self._pending)

    def _jump(self, position: int) -> Iterator[Placed]:
        if len(self._pending):
            self._pending = np.pad(self._pending, (0, BLOCK_SAMPLES - len(self._pending)))
            yield from self._whole()
        self._clock.reach(position)
        self._pending = np.zeros(position - (self._clock.next or 0), np.int16)
        self._error = 0.0

    def _whole(self) -> Iterator[Placed]:
        while len(self._pending) >= BLOCK_SAMPLES:
            block, self._pending = self._pending[:BLOCK_SAMPLES], self._pending[BLOCK_SAMPLES:]
            pts = self._clock.take()
            yield Placed(pts, (pts + self._error) / SOUND_CLOCK_HZ, block)
