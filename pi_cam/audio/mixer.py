"""All talkers to one block each 20 ms, for the loudspeaker."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from pi_cam.audio.blocks import SILENCE, Block, crossfaded, level_dbfs, mixed
from pi_cam.audio.concealment import Concealer
from pi_cam.audio.jitter import JitterBuffer, Playable
from pi_cam.media.opus import OpusDecoder

AUDIBLE_DBFS = -60.0
"""Louder than this somebody is heard; softer is the noise of a quiet room."""

AUDIBLE_SECONDS = 0.3
"""Pauses between words are shorter than this, most of the time."""


class Mixer:
    """Who has joined is heard; packets of anybody else are dropped before anything looks into them.

    `offer`, `join` and `leave` come from the media loop, `next_block` from the loudspeaker's thread: the one waits for the
    other only while packets are moved, never while they are decoded.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._talkers: dict[str, _Talker] = {}
        self._leaving: list[_Talker] = []
        self._unknown = 0
        self._audible_at = float("-inf")

    def join(self, talker: str) -> None:
        """From now on `talker` is heard. Raises `MissingPart` without libopus."""
        newcomer = _Talker(self._clock)
        with self._lock:
            self._talkers.setdefault(talker, newcomer)

    def leave(self, talker: str) -> None:
        """No packet of `talker` is heard any more; what was being said fades within 80 ms."""
        with self._lock:
            gone = self._talkers.pop(talker, None)
            if gone is not None and gone.sounded:  # else nothing is to fade, and perhaps no loudspeaker is there
                self._leaving.append(gone)

    def cut(self) -> None:
        """The loudspeaker was closed: nobody hears who left fade."""
        with self._lock:
            self._leaving.clear()

    def offer(self, talker: str, sequence: int, timestamp: int, payload: bytes) -> None:
        """An RTP packet of `talker` came."""
        with self._lock:
            known = self._talkers.get(talker)
            if known is None:
                self._unknown += 1
            else:
                known.jitter.add(sequence, timestamp, payload)

    def next_block(self) -> Block:
        """What the loudspeaker plays next; `SILENCE` when nobody speaks. Called once each 20 ms, by one thread."""
        with self._lock:
            due = [(talker, talker.jitter.next()) for talker in self._talkers.values()]
            leaving = list(self._leaving)
        heard = [talker.sound(playable) for talker, playable in due]
        fading = [(talker, talker.sound(None)) for talker in leaving]
        with self._lock:
            faded = [talker for talker, block in fading if block is SILENCE]
            self._leaving = [talker for talker in self._leaving if talker not in faded]
        block = mixed([block for block in [*heard, *(block for _, block in fading)] if block is not SILENCE])
        if block is not SILENCE and level_dbfs(block) > AUDIBLE_DBFS:
            self._audible_at = self._clock()
        return block

    def speaking(self) -> bool:
        """Whether somebody was audible in the last `AUDIBLE_SECONDS`."""
        return self._clock() - self._audible_at < AUDIBLE_SECONDS

    def stats(self) -> dict[str, object]:
        """`talkers`: the counts of each one's jitter buffer, and packets that were no sound; `unknown`: dropped packets."""
        with self._lock:
            return {
                "talkers": {name: talker.stats() for name, talker in self._talkers.items()},
                "unknown": self._unknown,
                "speaking": self.speaking(),
            }


class _Talker:
    """One talker's way from packets to blocks. `jitter` is under the mixer's lock, the rest is the loudspeaker thread's."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.jitter = JitterBuffer(clock)
        self.sounded = False
        self._decoder = OpusDecoder()
        self._concealer = Concealer()
        self._unplayable = 0

    def sound(self, playable: Playable | None) -> Block:
        """The block that is due. A pause in speech begins like a loss: what was heard fades."""
        block = self._decoded(playable) if playable is not None and playable.data is not None else None
        if block is None:
            return self._concealer.lost()
        self.sounded = True
        return self._concealer.good(block)

    def stats(self) -> dict[str, int]:
        return {**self.jitter.stats(), "unplayable": self._unplayable}

    def _decoded(self, playable: Playable) -> Block | None:
        before = self._decode(playable.left_out)
        block = self._decode(playable.data)
        return block if before is None or block is None else crossfaded(before, block)

    def _decode(self, data: bytes | None) -> Block | None:
        if data is None:
            return None
        block = self._decoder.decode(data)
        self._unplayable += block is None
        return block
