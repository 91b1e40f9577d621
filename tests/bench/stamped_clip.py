"""The clip that every peer sends, as a file of access units that any Python can play: needs nothing beyond the standard
library, as it also runs in Pythons that have nothing else.

A stamped one has in each picture an SEI message (user data, H.264 D.1.7) in which the player writes when it let go of it.
"""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

FPS, CLOCK_HZ = 30, 90_000
STAMPED_FPS = 29.5
"""So that pictures come at all moments between two refreshes of a screen of 60 Hz: at 30 all would wait as long for the next
one as the first does, which is chance, and up to 17 ms."""

NAME = b"pi-cam-bench-at:"
"""In the place of the UUID (16 bytes) of the SEI message; 16 decimal digits follow: microseconds since 1970."""

DIGITS = 16
_SEI = b"\x00\x00\x00\x01\x06\x05" + bytes([len(NAME) + DIGITS]) + NAME + b"0" * DIGITS + b"\x80"
_HEAD = struct.Struct("!I?")


@dataclass(frozen=True)
class Picture:
    """`data`: Annex B, with parameter sets before a keyframe. `pts`: in 90 kHz ticks, not wrapped."""

    data: bytes
    keyframe: bool
    pts: int = 0


def write(path: Path, pictures: Iterable[list[bytes]], *, stamped: bool) -> None:
    """`pictures`: each as its NAL units."""
    with path.open("wb") as file:
        for units in pictures:
            data, keyframe = b"", False
            for unit in units:
                kind = unit[0] & 0x1F
                if stamped and kind in (1, 5) and NAME not in data:
                    data += _SEI
                keyframe = keyframe or kind == 5
                data += b"\x00\x00\x00\x01" + unit
            file.write(_HEAD.pack(len(data), keyframe) + data)


def read(path: Path) -> list[Picture]:
    """All of them."""
    content, at = path.read_bytes(), 0
    found: list[Picture] = []
    while at < len(content):
        size, keyframe = _HEAD.unpack_from(content, at)
        at += _HEAD.size
        found.append(Picture(content[at : at + size], keyframe, len(found) * CLOCK_HZ // FPS))
        at += size
    return found


def stamp(data: bytes, now: float) -> bytes:
    """With the moment `now` (seconds since 1970) where there is room for it."""
    head, name, tail = data.partition(NAME)
    return head + name + b"%016d" % int(now * 1e6) + tail[DIGITS:] if name else data


class Player:
    """Plays a file again and again in real time, on a thread of its own, from its beginning."""

    def __init__(self, path: Path, emit: Callable[[Picture], None]) -> None:
        self._pictures, self._emit = read(path), emit
        self._fps = STAMPED_FPS if any(NAME in picture.data for picture in self._pictures) else FPS
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="player", daemon=True)

    def start(self) -> None:
        """Returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Nothing is emitted afterwards."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        began, number = time.monotonic(), 0
        while not self._stopped.wait(max(0.0, began + number / self._fps - time.monotonic())):
            picture = self._pictures[number % len(self._pictures)]
            pts = int(number * CLOCK_HZ / self._fps)
            self._emit(Picture(stamp(picture.data, time.time()), picture.keyframe, pts))
            number += 1
