"""20 ms of sound, and arithmetic on it: level, gain, sum. 16 bits, mono, 48 kHz."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pi_cam.media.opus import BLOCK_SAMPLES, Block

__all__ = [
    "BLOCK_SAMPLES",
    "BLOCK_SECONDS",
    "FULL_SCALE",
    "SILENCE",
    "SILENT_DBFS",
    "Block",
    "Meter",
    "amplified",
    "crossfaded",
    "level_dbfs",
    "mixed",
]

BLOCK_SECONDS = 0.020

FULL_SCALE = 32_767
"""The loudest sample: 0 dBFS is a square wave of it."""

SILENT_DBFS = -96.0
"""The level of silence: what 16 bits cannot tell from it."""

KNEE = 0.8
"""Share of full scale up to which sound is left as it is; above, it is pressed together instead of being cut off."""

RELEASE_DB = 20 * BLOCK_SECONDS / 0.300
"""How far a meter falls in one block of silence: 20 dB in 300 ms, as an eye likes to follow it."""

SILENCE: Block = np.zeros(BLOCK_SAMPLES, dtype=np.int16)
SILENCE.flags.writeable = False


def level_dbfs(block: Block) -> float:
    """The root mean square, in dB below full scale; `SILENT_DBFS` for silence."""
    if not len(block):
        return SILENT_DBFS
    samples = block.astype(np.float32)
    power = float(np.dot(samples, samples)) / len(samples) / FULL_SCALE**2
    return max(SILENT_DBFS, 10 * math.log10(power)) if power > 0 else SILENT_DBFS


def amplified(block: Block, gain_db: float) -> Block:
    """`block` louder (or softer) by `gain_db`; what would exceed full scale is pressed together, and never wraps."""
    if gain_db == 0:
        return block
    return _limited(block.astype(np.float32) * 10 ** (gain_db / 20))


def mixed(blocks: Sequence[Block]) -> Block:
    """The sum of all; one alone stays bit exact, none is `SILENCE`."""
    if len(blocks) < 2:
        return blocks[0] if blocks else SILENCE
    return _limited(np.sum(blocks, axis=0, dtype=np.float32))


def crossfaded(before: Block, after: Block) -> Block:
    """One block that begins as `before` and ends as `after`."""
    rising = np.linspace(0, 1, len(after), dtype=np.float32)
    return np.rint(before * (1 - rising) + after * rising).astype(np.int16)


def _limited(samples: npt.NDArray[np.float32]) -> Block:
    """To 16 bits: linear up to the knee, then a curve that reaches full scale only at infinity."""
    knee = KNEE * FULL_SCALE
    size = np.abs(samples)
    if size.max() > knee:
        room = FULL_SCALE - knee
        samples = np.where(size > knee, np.sign(samples) * (knee + room * np.tanh((size - knee) / room)), samples)
    return np.rint(samples).astype(np.int16)


class Meter:
    """What a level meter shows: up at once, down by 20 dB in 300 ms. One thread adds; any may read."""

    def __init__(self) -> None:
        self.level_dbfs = SILENT_DBFS

    def add(self, block: Block) -> None:
        """One more block was heard."""
        self.level_dbfs = max(level_dbfs(block), self.level_dbfs - RELEASE_DB)
