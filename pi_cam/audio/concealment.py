"""What is heard in place of lost blocks: the last period of the voice, repeated and fading.

In the manner of ITU-T G.711, Appendix I; but without its delay of 3.75 ms, and at 48 kHz.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pi_cam.audio.blocks import BLOCK_SAMPLES, SILENCE, Block

SHORTEST_PERIOD, LONGEST_PERIOD = 240, 720
"""Samples: voices between 200 and 67 Hz. A higher one repeats after two or three of its periods as well."""

COMPARED = 960
"""Samples, 20 ms, that must resemble what was one period earlier."""

COARSE = 6
"""The period is first looked for at 8 kHz: 48 kHz divided by this."""

HISTORY = 2880
"""Samples that are kept: `COMPARED`, the longest period, and some more."""

VOICED = 0.4
"""Correlation below which there is no voice's period: a short piece of noise, repeated, would become a tone."""

FULL, FADED = 480, 3840
"""Samples after which the repetition begins to fade, and after which nothing is left of it: 10 and 80 ms."""

STEP_SAMPLES = 96
"""2 ms in which the difference between the last sample and the repetition's first vanishes."""

JOIN_SAMPLES = 480
"""10 ms in which the repetition passes into the sound that has come again."""

Samples = npt.NDArray[np.float32]


class Concealer:
    """One talker's sound without holes. One thread calls it, once for each block."""

    def __init__(self) -> None:
        self._history: Samples = np.zeros(HISTORY, np.float32)
        self._cycle: Samples | None = None  # what is repeated, while blocks are lost
        self._step = 0.0
        self._made = FADED  # samples since the loss began

    def good(self, block: Block) -> Block:
        """The block that came; after a loss its beginning is mixed with the end of what was made up."""
        if self._cycle is not None:
            block = self._joined(block)
            self._cycle = None
        self._made = 0
        self._remember(block)
        return block

    def lost(self) -> Block:
        """A block in place of one that did not come; `SILENCE` itself when the sound before has faded."""
        if self._made >= FADED:
            self._cycle = np.zeros(1, np.float32)
            return SILENCE
        if self._cycle is None:
            self._begin()
        block = np.rint(self._continued(BLOCK_SAMPLES)).clip(-32_768, 32_767).astype(np.int16)
        self._made += BLOCK_SAMPLES
        self._remember(block)
        return block

    def _joined(self, block: Block) -> Block:
        rising = np.linspace(0, 1, JOIN_SAMPLES, dtype=np.float32)
        joined = block.copy()
        joined[:JOIN_SAMPLES] = np.rint(self._continued(JOIN_SAMPLES) * (1 - rising) + block[:JOIN_SAMPLES] * rising)
        return joined

    def _remember(self, block: Block) -> None:
        self._history = np.concatenate((self._history[len(block) :], block.astype(np.float32)))

    def _begin(self) -> None:
        """Takes the last period; its end is bent towards what came before its beginning, so that it can go round."""
        heard = self._history
        period = _period(heard)
        cycle = heard[-period:].copy()
        bend = period // 4
        rising = np.arange(1, bend + 1, dtype=np.float32) / bend
        cycle[-bend:] += (heard[-period - bend : -period] - cycle[-bend:]) * rising
        self._cycle = cycle
        self._step = float(heard[-1] - heard[-period - 1])

    def _continued(self, count: int) -> Samples:
        """The next `count` samples of the repetition."""
        assert self._cycle is not None  # noqa: S101 - blocks are being lost
        at = self._made + np.arange(count)
        wave = self._cycle[at % len(self._cycle)] + self._step * np.clip(1 - at / STEP_SAMPLES, 0, 1)
        return np.asarray(wave * np.clip((FADED - at) / (FADED - FULL), 0, 1), np.float32)


def _period(heard: Samples) -> int:
    """After how many samples the sound repeats itself; the longest that is looked for when it does not."""
    coarse = heard.reshape(-1, COARSE).mean(axis=1)
    lag, likeness = _best_lag(coarse, COMPARED // COARSE, SHORTEST_PERIOD // COARSE, LONGEST_PERIOD // COARSE)
    if likeness < VOICED:
        return LONGEST_PERIOD
    near = lag * COARSE
    shortest, longest = max(SHORTEST_PERIOD, near - COARSE), min(LONGEST_PERIOD, near + COARSE)
    return _best_lag(heard, COMPARED, shortest, longest)[0]


def _best_lag(sound: Samples, compared: int, shortest: int, longest: int) -> tuple[int, float]:
    """The lag at which the last `compared` samples resemble themselves most, and how much: -1 to 1."""
    last = sound[-compared:]
    lags = np.arange(shortest, longest + 1)
    earlier = np.lib.stride_tricks.sliding_window_view(sound, compared)[len(sound) - compared - lags]
    energy = np.einsum("ij,ij->i", earlier, earlier) * np.dot(last, last)
    likeness = earlier @ last / np.sqrt(energy + 1)
    best = int(np.argmax(likeness))
    return int(lags[best]), float(likeness[best])
