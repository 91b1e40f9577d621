"""What the loudspeaker played, lined up with what the microphone hears."""

from __future__ import annotations

import threading

import numpy as np

from pi_cam.audio.blocks import BLOCK_SAMPLES, SILENCE, Block

FAR_MOST, FAR_AFTER_SLIP = 10 * BLOCK_SAMPLES, 2 * BLOCK_SAMPLES
"""Samples that were played and wait to be compared with what is heard."""


class Far:
    """What the loudspeaker plays, for the thread of the microphone; silence while it is closed.

    Both sides count samples: the n-th that was played is compared with the same moment of the microphone for as long as the
    loudspeaker is open, however late either thread comes. `slips`: how often that was not possible (clocks that differ drift
    apart, by 100 ms in a quarter of an hour at 100 ppm), so that the canceller has to find the delay anew.
    """

    def __init__(self) -> None:
        self.slips = 0
        self._lock = threading.Lock()
        self._samples = np.zeros(0, np.int16)
        self._owed = 0
        self._open = False
        self._heard = False

    def played(self, samples: Block) -> None:
        """From the loudspeaker's thread, any number of samples."""
        with self._lock:
            self._open = True
            late = min(self._owed, len(samples))  # silence was taken in their place
            self._owed -= late
            self._samples = np.concatenate([self._samples, samples[late:]])
            if len(self._samples) > FAR_MOST:
                self._samples = self._samples[-FAR_AFTER_SLIP:]
                self.slips += self._heard  # while the microphone is closed nobody compares
                self._heard = False

    def take(self) -> Block:
        """From the microphone's thread, for each of its blocks."""
        with self._lock:
            self._heard = True
            return self._taken(BLOCK_SAMPLES) if self._open else SILENCE

    def skip(self, blocks: int) -> None:
        """So many blocks of the microphone were lost."""
        with self._lock:
            if self._open:
                self._taken(blocks * BLOCK_SAMPLES)

    def clear(self) -> None:
        """The loudspeaker was closed."""
        with self._lock:
            self._open = False
            self._samples = np.zeros(0, np.int16)
            self._owed = 0

    def _taken(self, count: int) -> Block:
        found, self._samples = self._samples[:count], self._samples[count:]
        missing = count - len(found)
        if not missing:
            return found
        self._owed += missing
        if self._owed > FAR_MOST:
            self._owed = 0
            self.slips += 1
        return np.concatenate([found, np.zeros(missing, np.int16)])
