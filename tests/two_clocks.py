"""A loudspeaker and a microphone on arrays, each with a clock and a thread of its own that comes late or stalls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from pi_cam.audio.blocks import BLOCK_SAMPLES, Block
from pi_cam.audio.far import Far

RATE = 48_000
WAITING = 2_880
"""Samples between the loudspeaker's thread and the air: 60 ms in the queue and in ALSA's buffer."""

PIECE = 480
QUEUE_SECONDS = 0.2
"""What waits for the microphone's thread; what is older is lost."""

Stalls = Mapping[float, float]
"""Second of the beginning: seconds."""


@dataclass
class TwoClocks:
    """`sound`: the samples to be played, again and again. `drift_ppm`: how much faster the loudspeaker's clock runs than the
    microphone's, which is that of the world. `stalls`: "alsa", the loudspeaker's device pauses; "pulls", "takes", a thread
    does.

    After `run`: `reference`, `near_at`, `stream`: each block that was taken, the place in the stream of what was in the air
    when the microphone heard its block's first sample, and all that was played.
    """

    sound: Block
    drift_ppm: float = 0.0
    stalls: Mapping[str, Stalls] = field(default_factory=dict)
    late_seconds: float = 0.015

    def __post_init__(self) -> None:
        self.far = Far(lambda: self._now)
        self.reference: list[Block] = []
        self.near_at: list[float] = []
        self._played: list[Block] = []
        self._pulled = self._said = self._number = 0
        self._pulled_at = self._taken_at = self._now = 0.0
        self._rate = RATE * (1 + self.drift_ppm / 1e6)
        self._waits = sorted(self.stalls.get("alsa", {}).items())

    @property
    def stream(self) -> Block:
        """What went to the loudspeaker, and the gaps between it."""
        return np.concatenate(self._played)

    def run(self, seconds: float) -> TwoClocks:
        """Goes on for so long, with both threads."""
        lost = 0
        for number in range(self._number, self._number + round(seconds / 0.02)):
            due = number * 0.02 + 0.02  # the block is complete
            self._taken_at = max(self._taken_at, self._late(due, "takes"))
            if self._taken_at - due > QUEUE_SECONDS:
                lost += 1
                continue
            self._pull_until(self._taken_at)
            self._now = self._taken_at
            if lost:
                self.far.skip(lost)
                lost = 0
            self.reference.append(self.far.take())
            self.near_at.append(self.air(number * 0.02))
        self._number += round(seconds / 0.02)
        return self

    def air(self, at: float) -> float:
        """How many samples have left the loudspeaker."""
        paused = sum(min(at - begin, length) for begin, length in self._waits if begin < at)
        return (at - paused) * self._rate

    def _pull_until(self, end: float) -> None:
        while True:
            due = self._due()
            at = max(self._pulled_at, self._late(due, "pulls"))
            if at > end:
                return
            self._pulled_at = self._now = at
            gap = -(-max(0, round(self.air(at)) - self._pulled) // PIECE) * PIECE
            if gap:
                self._play(np.zeros(gap, np.int16))
            places = np.arange(self._said, self._said + BLOCK_SAMPLES) % len(self.sound)
            self._said += BLOCK_SAMPLES
            self._play(self.sound[places])

    def _play(self, samples: Block) -> None:
        self._pulled += len(samples)
        self._played.append(samples)
        self.far.played(samples)

    def _due(self) -> float:
        """When fewer than a block less than `WAITING` waits."""
        at = (self._pulled + BLOCK_SAMPLES - WAITING) / self._rate
        for begin, length in self._waits:
            at += length if begin < at else 0
        return at

    def _late(self, due: float, thread: str) -> float:
        """When a thread that is to come at `due` comes: the same answer each time that it is asked."""
        late = self.late_seconds * (hash(round(due * 1e6)) % 997 / 997) ** 4
        for begin, length in self.stalls.get(thread, {}).items():
            if begin <= due < begin + length:
                return begin + length
        return due + late
