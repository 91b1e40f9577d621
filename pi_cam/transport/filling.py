"""Tries what a viewer's path carries, before more pictures depend on it: repeats packets that it has (RFC 4588), which its
browser counts, and throws away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from pi_cam.transport.rtp_packets import Run

TICK_SECONDS = 0.02
RUN_MAX = 20
"""Packets in one piece: at 10 Mbit/s."""

Send = Callable[[int], int]
"""Sends so many packets, as far as there are any; how many bits that was."""


class Filling:
    """`sent_bits`: of pictures, so far. Lives in the media loop; costs nothing while it is not wanted."""

    def __init__(
        self,
        send: Send,
        sent_bits: Callable[[], float],
        packet_bits: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._send, self._sent_bits, self._packet_bits, self._clock = send, sent_bits, packet_bits, clock
        self._wanted = 0
        self._owed = self._before = self._at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def want(self, bits_per_second: int) -> None:
        """Of pictures and repetitions together; 0 ends it."""
        self._wanted = bits_per_second
        if not bits_per_second:
            self.close()
        elif self._timer is None:
            self._owed, self._before, self._at = 0.0, self._sent_bits(), self._clock()
            self._timer = asyncio.get_running_loop().call_later(TICK_SECONDS, self._tick)

    def close(self) -> None:
        """May be called twice."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        self._timer = None  # where sending fails, the next wish begins anew
        now, sent = self._clock(), self._sent_bits()
        self._owed += self._wanted * (now - self._at) - (sent - self._before)
        # After a keyframe it pauses, but owes nothing for a pause of this process.
        self._owed = min(max(self._owed, -0.5 * self._wanted), RUN_MAX * self._packet_bits)
        self._before, self._at = sent, now
        count = int(self._owed // self._packet_bits)
        if count > 0:
            self._owed -= self._send(min(count, RUN_MAX))
        self._timer = asyncio.get_running_loop().call_later(TICK_SECONDS, self._tick)


def repeated(packet: bytes, count: int, tag: int) -> Run:
    """`count` times the same; numbers are written where it is sent."""
    return Run((packet + bytes(tag)) * count, (len(packet),) * count, len(packet) + tag)
