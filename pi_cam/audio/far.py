"""What the loudspeaker played, lined up with what the microphone hears."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from statistics import median

import numpy as np

from pi_cam.audio.blocks import BLOCK_SAMPLES, SILENCE, Block, level_dbfs
from pi_cam.media.units import SOUND_CLOCK_HZ

AUDIBLE_DBFS = -50.0
"""Softer than this the loudspeaker makes no echo that a microphone would hear."""

LOW, HIGH = 30 * SOUND_CLOCK_HZ // 1000, 45 * SOUND_CLOCK_HZ // 1000
"""How far the loudspeaker is to be ahead: the samples it got, and those it played since it got the last, less those taken.

With 20 ms and what its thread is late, the microphone's thread finds each block complete. With 60 ms the reference comes
with its echo at the latest, since that much waits in the loudspeaker's queue and in ALSA's buffer; after that it is of no
use. Between these nothing is done; beyond them, clocks that differ are made up for, sample by sample."""

RESERVE = (LOW + HIGH) // 2
"""How far it is ahead when both sides begin. A jump leads back to where it was before, and so to the delay that the echo
canceller knows."""

LEAST, MOST = 20 * SOUND_CLOCK_HZ // 1000, 70 * SOUND_CLOCK_HZ // 1000
"""Beyond these it jumps."""

KEPT = SOUND_CLOCK_HZ
"""The longest stall of a thread, 1 s, after which the count still holds."""

WATCHED_BLOCKS = 25
"""Threads come late now and then; the median over half a second is how far ahead the loudspeaker is."""

LATE_BLOCKS = 5
"""So many of these without their sound, although it flows: it is not late, it has stopped for a while and is later now."""

AFTER_SECONDS = 0.060
"""So long the loudspeaker plays what it has got."""

STEP_BLOCKS = 7
"""One sample more or less in so many blocks: some 150 ppm. Two sound cards differ by 100 at most, and the echo canceller
follows that."""


class Far:
    """What the loudspeaker plays, for the thread of the microphone; silence while it is closed.

    Both sides count samples, and the n-th that was played belongs to the same moment of the microphone however late either
    thread comes. The count is watched: clocks that drift apart are followed smoothly, and after a stall the next sounds are
    lined up anew. `slips`: how often the latter happened, so that the canceller has to find the delay again.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.slips = 0
        self._clock = clock
        self._lock = threading.Lock()
        self._open = False
        self._taking = False
        self._audible = False
        self._samples = np.zeros(0, np.int16)
        self._lead = 0  # played less taken; negative: silence was taken in place of what is still to come
        self._usual = RESERVE
        self._played_at = 0.0
        self._settled = False  # the delay was one that the canceller may know
        self._step = 0
        self._begin_watch()

    def played(self, samples: Block) -> None:
        """From the loudspeaker's thread, any number of samples."""
        audible = level_dbfs(samples) > AUDIBLE_DBFS
        with self._lock:
            self._open = self._flows = True
            self._audible |= audible
            self._played_at = self._clock()
            late = max(0, -self._lead)
            self._samples = np.concatenate([self._samples, samples[late:]])
            self._lead += len(samples)
            if self._lead > KEPT:
                self._jump(RESERVE - self._lead)

    def take(self) -> Block:
        """From the microphone's thread, for each of its blocks."""
        with self._lock:
            if not self._open:
                return SILENCE
            self._taking = True
            step = self._step if self._flows and len(self._seen) % STEP_BLOCKS == 0 else 0
            count = BLOCK_SAMPLES + step
            lacks = self._lead < count // 2
            block = self._taken(count)
            if self._flows:  # else its thread is late, and nothing can be told
                self._watch(lacks)
            return block[step:] if step >= 0 else np.concatenate([block[:1], block])

    def was_audible(self) -> bool:
        """Whether anything loud enough for an echo was played since the last call, wherever it belongs."""
        with self._lock:
            audible, self._audible = self._audible, False
            return audible

    def skip(self, blocks: int) -> None:
        """So many blocks of the microphone were lost."""
        with self._lock:
            if self._open:
                self._taken(blocks * BLOCK_SAMPLES)

    def align(self) -> None:
        """The microphone was opened: its first block belongs to what is played now."""
        with self._lock:
            if self._open:
                self._taking, self._usual = False, RESERVE
                self._jump(RESERVE + BLOCK_SAMPLES - self._ahead())  # of which that block will be taken

    def clear(self) -> None:
        """The loudspeaker was closed."""
        with self._lock:
            self._open = self._taking = self._audible = False
            self._samples = self._samples[:0]
            self._lead, self._usual = 0, RESERVE
            self._restart()

    def _taken(self, count: int) -> Block:
        found, self._samples = self._samples[:count], self._samples[count:]
        self._lead = max(self._lead - count, -KEPT)
        return np.concatenate([found, np.zeros(count - len(found), np.int16)])

    def _ahead(self) -> int:
        return self._lead + round(min(self._clock() - self._played_at, AFTER_SECONDS) * SOUND_CLOCK_HZ)

    def _watch(self, lacks: bool) -> None:
        self._flows = False
        self._late += lacks
        self._seen.append(self._ahead())
        if self._late == LATE_BLOCKS:
            self._jump(self._usual - round(median(self._seen[-LATE_BLOCKS:])))
        elif len(self._seen) == WATCHED_BLOCKS:
            ahead = round(median(self._seen))
            least, most = (LEAST, MOST) if self._settled else (LOW, HIGH)
            if not least <= ahead <= most:
                self._jump(self._usual - ahead)
            elif self._settled:
                self._usual = min(max(ahead, LOW), HIGH)
            self._settled = True
            self._step = (ahead > HIGH) - (ahead < LOW)
            self._begin_watch()

    def _jump(self, more: int) -> None:
        """So much later the reference comes from now on. After an opening there was no delay that anybody could know."""
        self._lead += more
        silence = np.zeros(min(max(more, 0), max(self._lead, 0)), np.int16)
        self._samples = np.concatenate([silence, self._samples[max(-more, 0) :]])
        self.slips += self._settled
        self._restart()
        self._settled = self._taking

    def _restart(self) -> None:
        self._settled = False
        self._step = 0
        self._begin_watch()

    def _begin_watch(self) -> None:
        self._flows = False
        self._late = 0
        self._seen: list[int] = []
