"""This device's loudspeaker: asks for a block when there is room for one, and says which were played."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pi_cam.audio import troubles
from pi_cam.audio.blocks import Block
from pi_cam.audio.devices import LIBRARY, Library, OpenStream
from pi_cam.audio.rates import Resampler
from pi_cam.audio.upkeep import GLANCE_SECONDS, STARVED_SECONDS, Report, Upkeep, Wait
from pi_cam.media.units import SOUND_CLOCK_HZ

FEWEST_PIECES, MOST_PIECES = 2, 6
"""A block is pulled when fewer pieces of 10 ms wait for PortAudio's callback. Each of them is a delay that a person hears;
too few, and a busy machine is heard. So it begins with few, waits with one more after each gap, and gives it up again
after `CALM_PIECES` (half a minute) without a gap."""

CALM_PIECES = 3_000

PIECE_SAMPLES = SOUND_CLOCK_HZ // 100

START_BLOCKS = 2
"""ALSA's buffer takes so much when it starts."""


@dataclass
class Counts:
    """Since the start of this program: blocks pulled, callbacks that found none, times that ALSA's own buffer ran dry."""

    blocks: int = 0
    underruns: int = 0
    underflows: int = 0


class Outbox:
    """Sound from our thread for PortAudio's, which gets silence when there is none."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._pieces: deque[bytes] = deque()
        self._taken = threading.Event()
        self._enough = FEWEST_PIECES
        self._calm = 0
        self._gaps: deque[None] = deque()

    def callback(self, data: Any, samples: int, moment: Any, status: Any) -> None:
        """PortAudio's: fills `data`, and returns at once."""
        if status.output_underflow:
            self._counts.underflows += 1
        try:
            data[:] = self._pieces.popleft()
        except IndexError:
            data[:] = bytes(len(data))
            self._gap()
        else:
            self._no_gap()
        self._taken.set()

    def put(self, piece: bytes) -> None:
        """Exactly what one callback takes."""
        self._pieces.append(piece)

    def gaps(self) -> int:
        """How many pieces of silence were played since the last call, all of them before what is put next."""
        count = len(self._gaps)
        for _ in range(count):
            self._gaps.popleft()
        return count

    def room(self, seconds: float) -> bool:
        """Whether there is room for a block now, or after the next callback, for which it waits so long."""
        self._taken.clear()
        return self._has_room() or (self._taken.wait(seconds) and self._has_room())

    def _gap(self) -> None:
        self._counts.underruns += 1
        self._gaps.append(None)
        if self._calm:  # one step for each gap, however long
            self._enough = min(self._enough + 1, MOST_PIECES)
        self._calm = 0

    def _no_gap(self) -> None:
        self._calm += 1
        if self._calm > CALM_PIECES:
            self._enough = max(self._enough - 1, FEWEST_PIECES)
            self._calm = 1

    def _has_room(self) -> bool:
        return len(self._pieces) < self._enough


class Speaker:
    """Open from `start` to `stop`; a device that is missing, busy, unplugged or stuck is reported and tried again.

    `device()` as for `Microphone`. In the loudspeaker's own thread, once for each 20 ms that it plays: `pull()` gives a
    block, `played(samples)` hears what comes out next, some 40 to 60 ms later: each block, and the silence (of another
    length) where there was no block in time.
    """

    def __init__(
        self,
        device: Callable[[], str],
        pull: Callable[[], Block],
        played: Callable[[Block], None],
        report: Report,
        clock: Callable[[], float] = time.monotonic,
        library: Library = LIBRARY,
    ) -> None:
        self._device = device
        self._pull = pull
        self._played = played
        self._clock = clock
        self._library = library
        self._upkeep = Upkeep("output", self._session, report)
        self._counts = Counts()
        self._open_name = ""

    def start(self) -> None:
        """Returns at once; whether there is a loudspeaker is reported."""
        self._upkeep.start()

    def stop(self) -> None:
        """Gives the device back, within 2 s, without waiting for what is not played yet; may be called twice."""
        self._upkeep.stop()

    def stats(self) -> dict[str, object]:
        """For the API: which device, whether it is open, how often it had nothing to play, and what is wrong."""
        return {
            "device": self._open_name or self._device(),
            "open": bool(self._open_name),
            "blocks": self._counts.blocks,
            "underruns": self._counts.underruns,
            "underflows": self._counts.underflows,
            "trouble": self._upkeep.trouble,
        }

    def _session(self, ended: Wait) -> None:
        outbox = Outbox(self._counts)
        wanted = self._device()
        lost = True
        stream = self._library.open("output", wanted, outbox.callback)
        self._open_name = stream.name
        try:
            self._feed(outbox, stream, ended, lambda: self._device() != wanted or self._library.is_outdated())
            lost = False
        finally:
            self._open_name = ""
            stream.close(lost)

    def _feed(self, outbox: Outbox, stream: OpenStream, ended: Wait, make_way: Callable[[], bool]) -> None:
        resampler = Resampler(SOUND_CLOCK_HZ, stream.rate, stream.samples)
        for _ in range(START_BLOCKS):
            self._pass_on(resampler, outbox)
        stream.start()
        taken_at = glanced_at = self._clock()
        while not ended(0):
            now = self._clock()
            if now - glanced_at > 1:
                glanced_at = now
                if make_way():
                    return
            if outbox.room(GLANCE_SECONDS):
                taken_at = now
                self._upkeep.flowing()
                self._pass_on(resampler, outbox)
            elif now - taken_at > STARVED_SECONDS:
                raise troubles.silent("output")

    def _pass_on(self, resampler: Resampler, outbox: Outbox) -> None:
        block = self._pull()
        self._counts.blocks += 1
        gaps = outbox.gaps()
        if gaps:
            self._played(np.zeros(gaps * PIECE_SAMPLES, np.int16))
        self._played(block)
        for piece in resampler.convert(block.tobytes()):
            outbox.put(piece)
