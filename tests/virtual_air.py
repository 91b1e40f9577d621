"""What happens between the air and the virtual devices: what a microphone hears, what a loudspeaker has played, and when."""

from __future__ import annotations

import os
import threading
import time
from bisect import bisect_right
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]
Sound = npt.NDArray[np.float64]

RATE = 48_000
BLOCK = 960

PAUSE_BLOCKS, PAUSE_SAMPLES = 15, 480
"""How long the growth of the loudspeaker's file is looked at, and how much less of it is a pause."""


@dataclass(frozen=True)
class Room:
    """What lies between the loudspeaker and the microphone.

    A sample that the loudspeaker has written is heard by the microphone `delay_seconds` later, distorted by
    `loudspeaker` (floats of full scale 1 in, the same out), then convolved with `response` (float, at 48 kHz). `drift`
    is how much faster the microphone's clock runs: 1e-4 for 100 ppm.
    """

    delay_seconds: float
    response: Sound
    loudspeaker: Callable[[Sound], Sound] = np.tanh
    drift: float = 0.0


class Moments:
    """When each sample of a growing stream was written: `(monotonic second, samples so far)`."""

    def __init__(self) -> None:
        self._known: list[tuple[float, int]] = []

    def note(self, samples: int, at: float) -> None:
        """All `samples` so far were written by now."""
        self._known.append((at, samples))

    def forget(self) -> None:
        """The stream begins again."""
        self._known = []

    def of(self, sample: int) -> float:
        """The monotonic second at which this sample (from 0) was there. Raises `LookupError` while it is not."""
        known = self._known
        place = bisect_right(known, sample, key=lambda one: one[1])
        if place == len(known):
            raise LookupError(f"sample {sample} was not written")
        return known[place][0]


class Loudspeaker:
    """What was played since some program opened the loudspeaker; a thread watches the file grow.

    ALSA's file plugin holds back as much as the program's own ALSA buffer takes (it may still be rewound), so a sample is
    in the file when a sound card would make it heard, and the last of it never is.
    """

    LOOK_SECONDS = 0.004

    def __init__(self, file: Path) -> None:
        self.moments = Moments()
        self._file = file
        self._length = 0
        self._ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="virtual-loudspeaker", daemon=True)
        self._watcher.start()

    def __call__(self, begin: int = 0) -> Samples:
        """Everything, from sample `begin` on."""
        with suppress(FileNotFoundError):
            data = self._file.read_bytes()[2 * begin :]
            return np.frombuffer(data[: len(data) // 2 * 2], np.int16)
        return np.zeros(0, np.int16)

    def slice(self, begin: int, samples: int) -> Samples:
        """Some of them."""
        with suppress(FileNotFoundError), self._file.open("rb") as file:
            file.seek(2 * begin)
            return np.frombuffer(file.read(2 * samples), np.int16)
        return np.zeros(0, np.int16)

    def samples(self) -> int:
        """How many there are."""
        with suppress(FileNotFoundError):
            return self._file.stat().st_size // 2
        return 0

    def since(self, samples: int) -> Samples:
        """What was played since there were so many; all of it, where the program has opened the loudspeaker anew."""
        return self(samples if samples <= self.samples() else 0)

    def stop(self) -> None:
        """Ends the watching."""
        self._ended.set()
        self._watcher.join(5)

    def _watch(self) -> None:
        while not self._ended.wait(self.LOOK_SECONDS):
            length, now = self.samples(), time.monotonic()
            if length < self._length:  # opened again
                self.moments.forget()
            if length != self._length:
                self.moments.note(length, now)
            self._length = length


class Microphone:
    """Feeds the virtual microphone 20 ms every 20 ms: what is to be heard, or silence; the room's echo on top of it."""

    def __init__(self, fifo: Path, loudspeaker: Loudspeaker) -> None:
        self.moments = Moments()
        self.written = 0
        self._loudspeaker = loudspeaker
        self._fifo = fifo
        self._pipe: int | None = None
        self._waiting: deque[Samples] = deque()
        self._history: list[Samples] = []
        self._lock = threading.Lock()
        self._echo: _Echo | None = None
        self._flows = threading.Event()
        self._flows.set()
        self._ended = threading.Event()
        self._feeder = threading.Thread(target=self._feed, name="virtual-microphone", daemon=True)
        self._feeder.start()

    def play(self, samples: Samples) -> int:
        """Lets it hear these after what waits already; gives the number of their first sample, for `moments.of`."""
        with self._lock:
            begin = self.written + sum(len(one) for one in self._waiting)
            padded = np.concatenate([samples, np.zeros(-len(samples) % BLOCK, np.int16)])
            self._waiting.extend(padded.reshape(-1, BLOCK))
            return begin

    def room(self, room: Room | None) -> None:
        """From now on it hears the loudspeaker, too; None: no more."""
        self._echo = None if room is None else _Echo(room, self._loudspeaker)

    @property
    def slips(self) -> int:
        """How often the room's echo began anew, because the loudspeaker was silent, reopened or late."""
        return 0 if self._echo is None else self._echo.slips

    def history(self, begin: int, end: int) -> Samples:
        """What was written, echo and all, from one sample to another."""
        return np.concatenate(self._history[begin // BLOCK : end // BLOCK])

    def stall(self) -> None:
        """Nothing comes any more, not even silence: a microphone that hangs."""
        self._flows.clear()

    def resume(self) -> None:
        """Sound flows again."""
        self._flows.set()

    def stop(self) -> None:
        """Ends the feeding."""
        self._ended.set()
        self._flows.set()
        self._feeder.join(5)

    def _feed(self) -> None:
        due = time.monotonic()
        while not self._ended.is_set():
            if not self._flows.is_set():
                self._flows.wait()
                due = time.monotonic()
            block = self._next()
            self._history.append(block)
            self._write(block)
            due = max(due + BLOCK / RATE, time.monotonic() - 0.2)
            self._ended.wait(max(0.0, due - time.monotonic()))
        self.connect(plugged=False)

    def connect(self, plugged: bool) -> None:
        """The sound server has made its pipe, or is about to remove it; what is not plugged in hears in vain."""
        with self._lock:
            if self._pipe is not None:
                os.close(self._pipe)
            self._pipe = os.open(self._fifo, os.O_WRONLY | os.O_NONBLOCK) if plugged else None

    def _write(self, block: Samples) -> None:
        with self._lock, suppress(BrokenPipeError, BlockingIOError):  # a server that is gone, or does not read
            if self._pipe is not None:
                os.write(self._pipe, block.tobytes())
        self.moments.note(self.written, time.monotonic())

    def _next(self) -> Samples:
        with self._lock:
            block = self._waiting.popleft() if self._waiting else np.zeros(BLOCK, np.int16)
            self.written += BLOCK
        echo = self._echo
        if echo is None:
            return block
        return np.clip(np.rint(block + echo.next()), -32768, 32767).astype(np.int16)


class _Echo:
    """The loudspeaker's samples as they arrive at the microphone, block by block."""

    def __init__(self, room: Room, loudspeaker: Loudspeaker) -> None:
        self._room = room
        self._loudspeaker = loudspeaker
        self._past = np.zeros(len(room.response) - 1)
        self._position = -1.0
        self._begin_watch()
        self.slips = 0

    def next(self) -> Sound:
        heard = np.concatenate([self._past, self._room.loudspeaker(self._played() / 32768)])
        self._past = heard[len(heard) - len(self._past) :]
        return _convolved(heard, self._room.response) * 32768

    def _played(self) -> Sound:
        """The next block at the microphone's rate; silence, and the delay anew, where the loudspeaker has none yet."""
        places = self._position + np.arange(BLOCK) * (1 - self._room.drift)
        end = self._loudspeaker.samples()
        self._follow_pauses(end)
        if self._position < 0 or places[-1] + 1 >= end:
            self.slips += 1
            self._position = end - self._room.delay_seconds * RATE
            self._begin_watch()
            return np.zeros(BLOCK)
        begin = int(self._position)
        self._position += BLOCK * (1 - self._room.drift)
        played = self._loudspeaker.slice(begin, BLOCK + 2)
        if begin < 0:
            return np.zeros(BLOCK)
        at_our_rate: Sound = np.interp(places - begin, np.arange(len(played)), played)
        return at_our_rate

    def _begin_watch(self) -> None:
        self._most = 0.0
        self._ages: list[float] = []

    def _follow_pauses(self, end: int) -> None:
        """What comes out of a loudspeaker that paused is heard later by as much. The file grows in steps: just after one it
        tells how far the loudspeaker is."""
        self._ages.append(end - self._position)
        if len(self._ages) < PAUSE_BLOCKS:
            return
        most, self._ages = max(self._ages), []
        if self._most - most > PAUSE_SAMPLES:
            self._position -= self._most - most
        else:
            self._most = most


def _convolved(sound: Sound, response: Sound) -> Sound:
    """`np.convolve(sound, response, "valid")` by FFT."""
    size = 1 << (len(sound) + len(response) - 2).bit_length()
    product = np.fft.rfft(sound, size) * np.fft.rfft(response, size)
    valid: Sound = np.fft.irfft(product, size)[len(response) - 1 : len(sound)]
    return valid
