"""This device's microphone: 20 ms blocks, each with the moment at which it began."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pi_cam.audio import troubles
from pi_cam.audio.blocks import Block
from pi_cam.audio.devices import LIBRARY, Library
from pi_cam.audio.rates import Resampler
from pi_cam.audio.upkeep import GLANCE_SECONDS, STARVED_SECONDS, Report, Upkeep, Wait
from pi_cam.media.opus import BLOCK_SAMPLES
from pi_cam.media.units import SOUND_CLOCK_HZ

QUEUE_BLOCKS = 10
"""What may wait for the thread that takes blocks: 200 ms, then the oldest go."""

BLOCK_SECONDS = BLOCK_SAMPLES / SOUND_CLOCK_HZ

LONGEST_AGE_SECONDS = 1.0
"""Of a block when PortAudio brings it; what claims to be older has a clock that is wrong."""


@dataclass
class Counts:
    """Since the start of this program: blocks given on, dropped here, and times that ALSA's own buffer ran over."""

    blocks: int = 0
    dropped: int = 0
    overflows: int = 0


class Inbox:
    """Blocks from PortAudio's thread for ours: bounded, the oldest go first, every loss is counted."""

    def __init__(self, counts: Counts, clock: Callable[[], float]) -> None:
        self._counts = counts
        self._clock = clock
        self._blocks: queue.Queue[tuple[bytes, float]] = queue.Queue(QUEUE_BLOCKS)

    def callback(self, data: Any, samples: int, moment: Any, status: Any) -> None:
        """PortAudio's: copies, and returns at once."""
        if status.input_overflow:
            self._counts.overflows += 1
        block = bytes(data), self._clock() - _age(moment)
        try:
            self._blocks.put_nowait(block)
        except queue.Full:
            self._drop_oldest()
            self._blocks.put_nowait(block)  # nobody else puts

    def next(self, seconds: float) -> tuple[bytes, float] | None:
        """The oldest block and when its first sample was in the air; None when none came within `seconds`."""
        try:
            return self._blocks.get(timeout=seconds)
        except queue.Empty:
            return None

    def _drop_oldest(self) -> None:
        try:
            self._blocks.get_nowait()
        except queue.Empty:  # taken since the look
            return
        self._counts.dropped += 1


def _age(moment: Any) -> float:
    """Seconds since the block's first sample, as ALSA reports its delay: at least the block's own length."""
    age = float(moment.currentTime - moment.inputBufferAdcTime)
    return age if BLOCK_SECONDS <= age <= LONGEST_AGE_SECONDS else BLOCK_SECONDS


class Microphone:
    """Open from `start` to `stop`; a device that is missing, busy, unplugged or silent is reported and tried again.

    `device()` names it, "" or "auto" for the system's own choice; another answer while it is open changes over within a
    second. `take(block, captured_at)` runs in the microphone's own thread and may take its time: what waits is bounded.
    `captured_at` is the monotonic second of the block's first sample.
    """

    def __init__(
        self,
        device: Callable[[], str],
        take: Callable[[Block, float], None],
        report: Report,
        clock: Callable[[], float] = time.monotonic,
        library: Library = LIBRARY,
    ) -> None:
        self._device = device
        self._take = take
        self._clock = clock
        self._library = library
        self._upkeep = Upkeep("input", self._session, report)
        self._counts = Counts()
        self._open_name = ""

    def start(self) -> None:
        """Returns at once; whether there is sound is reported."""
        self._upkeep.start()

    def stop(self) -> None:
        """Gives the device back, within 2 s; may be called twice."""
        self._upkeep.stop()

    def stats(self) -> dict[str, object]:
        """For the API: which device, whether it is open, what was lost, and what is wrong."""
        return {
            "device": self._open_name or self._device(),
            "open": bool(self._open_name),
            "blocks": self._counts.blocks,
            "dropped": self._counts.dropped,
            "overflows": self._counts.overflows,
            "trouble": self._upkeep.trouble,
        }

    def _session(self, ended: Wait) -> None:
        inbox = Inbox(self._counts, self._clock)
        wanted = self._device()
        lost = True
        stream = self._library.open("input", wanted, inbox.callback)
        self._open_name = stream.name
        try:
            stream.start()
            self._deliver(inbox, stream.rate, ended, lambda: self._device() != wanted or self._library.is_outdated())
            lost = False
        finally:
            self._open_name = ""
            stream.close(lost)

    def _deliver(self, inbox: Inbox, rate: int, ended: Wait, make_way: Callable[[], bool]) -> None:
        resampler = Resampler(rate, SOUND_CLOCK_HZ, BLOCK_SAMPLES)
        heard_at = glanced_at = self._clock()
        while not ended(0):
            now = self._clock()
            if now - glanced_at > 1:
                glanced_at = now
                if make_way():
                    return
            heard = inbox.next(GLANCE_SECONDS)
            if heard is not None:
                heard_at = now
                self._give(resampler, *heard)
            elif now - heard_at > STARVED_SECONDS:
                raise troubles.silent("input")

    def _give(self, resampler: Resampler, sound: bytes, began_at: float) -> None:
        self._upkeep.flowing()
        began_at -= resampler.held_samples / SOUND_CLOCK_HZ
        for place, piece in enumerate(resampler.convert(sound)):
            self._counts.blocks += 1
            self._take(np.frombuffer(piece, np.int16), began_at + place * BLOCK_SECONDS)
