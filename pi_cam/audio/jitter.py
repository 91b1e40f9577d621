"""One talker's packets, as the network brings them, to one packet each 20 ms."""

from __future__ import annotations

import math
import statistics
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from pi_cam.audio.blocks import BLOCK_SAMPLES, BLOCK_SECONDS
from pi_cam.media.opus import LARGEST_PACKET
from pi_cam.media.units import SOUND_CLOCK_HZ

START_DEPTH, LEAST_DEPTH, MOST_DEPTH = 2, 1, 10
"""Blocks that are held back: before anything was measured, and the ends between which the measured depth stays."""

MOST_HELD = 2 * MOST_DEPTH
"""Whatever is sent, not more than this waits: 400 ms. Then the oldest go."""

MOST_GAP = 50
"""Blocks, 1 s. A timestamp further ahead is no pause in speech: the talker's clock was set anew."""

MOST_JUMP = 100
"""Sequence numbers. One further away than this belongs to another stream (as MAX_MISORDER in RFC 3550, A.1)."""

CONCEALED, GONE = 5, 10
"""Blocks without a packet after which nothing is made up any more, and after which the talker has stopped."""

MEASURED = 150
"""Arrivals that the depth is taken from: 3 s."""

COMMON_SHARE = 0.97
"""Share of the packets that the depth is to suffice for; who waits for the last few per cent is always late."""

SLACK_SECONDS = 0.005
"""Unevenness that costs no block: where in the 20 ms a packet comes is chance anyway."""

TOO_DEEP = round(1 / BLOCK_SECONDS)
"""Blocks times excess depth after which one is left out: 1 s when there is one too many, 0.2 s when there are five."""

AFTER_STARVING, MOST_CAREFUL = 4 * TOO_DEEP, 60 * TOO_DEEP
"""Blocks, 4 s to 1 min, for which a buffer that ran empty is not made shallower again: twice as long each time, or on a
network that is just too uneven it would run empty every few seconds."""

FAR_TOO_DEEP = 5
"""Excess depth that is taken down even then: the network stood still, and gave all at once."""


@dataclass(frozen=True, slots=True)
class Playable:
    """What is due. `data`: an Opus packet; None when it is lost and must be concealed. `left_out`: the packet before it,
    that has no time of its own, so that a buffer too deep becomes shallower: its sound fades into that of `data`."""

    data: bytes | None
    left_out: bytes | None = None


class ArrivalSpread:
    """How unevenly packets arrive, and how many blocks must be held back for that."""

    def __init__(self) -> None:
        self.depth = START_DEPTH
        self._transits: deque[float] = deque(maxlen=MEASURED)

    def note(self, arrived_at: float, timestamp: int) -> None:
        """A packet of `timestamp` (48 kHz, not wrapped) arrived, in seconds of any clock."""
        self._transits.append(arrived_at - timestamp / SOUND_CLOCK_HZ)
        if len(self._transits) >= 10:
            ordered = sorted(self._transits)
            spread = ordered[int(COMMON_SHARE * (len(ordered) - 1))] - ordered[0]
            blocks = math.ceil((spread - SLACK_SECONDS) / BLOCK_SECONDS)
            self.depth = min(MOST_DEPTH, max(LEAST_DEPTH, 1 + blocks))

    def clear(self) -> None:
        """The next packet's clock may stand elsewhere. What is known of the network stays."""
        self._transits.clear()


class Unwrapper:
    """Numbers of few bits that begin again at zero, to numbers that do not (RFC 3550, A.1): each the nearest to the last."""

    def __init__(self, bits: int) -> None:
        self._range = 1 << bits
        self._last: int | None = None

    def distance(self, number: int) -> int:
        """From the last one to this."""
        if self._last is None:
            return 0
        half = self._range // 2
        return (number - self._last + half) % self._range - half

    def unwrap(self, number: int) -> int:
        """`number` without its wrap; the next is measured from here."""
        self._last = number if self._last is None else self._last + self.distance(number)
        return self._last


class JitterBuffer:
    """Puts packets in order and gives one for each 20 ms of the loudspeaker's clock.

    The delay is as small as the network allows: it grows by a block when the next packet is not there in time, and shrinks
    by one when for a while more was held than needed. That also absorbs a talker's clock that runs faster or slower.
    Not thread-safe: `Mixer` holds a lock. `clock`: seconds, for the arrivals.

    Every received packet is counted once: `received == played + late + dropped + held`.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._received = self._played = self._lost = self._late = self._dropped = 0
        self._spread = ArrivalSpread()
        self._restart()

    def add(self, sequence: int, timestamp: int, payload: bytes) -> None:
        """An RTP packet came: `sequence` of 16 bits, `timestamp` of 32 bits in 48 kHz."""
        self._received += 1
        if not 0 < len(payload) <= LARGEST_PACKET:
            self._dropped += 1
            return
        if abs(self._sequences.distance(sequence)) > MOST_JUMP:
            self._dropped += len(self._held)
            self._restart()
        number = self._sequences.unwrap(sequence)
        if self._due is not None and number < self._due:
            self._late += 1
        elif number in self._held:
            self._dropped += 1
        else:
            self._hold(number, self._timestamps.unwrap(timestamp), payload)

    def next(self) -> Playable | None:
        """What is due now; called once each 20 ms. None: nothing is said."""
        if not self._playing and not self._begun():
            return None
        return self._take() if self._held else self._starved()

    def stats(self) -> dict[str, int]:
        """Counts since the beginning; `depth_ms`: what is held back by intention; `held_ms`: what is held now."""
        return {
            "received": self._received,
            "played": self._played,
            "lost": self._lost,
            "late": self._late,
            "dropped": self._dropped,
            "depth_ms": round(self._spread.depth * BLOCK_SECONDS * 1000),
            "held_ms": round(len(self._held) * BLOCK_SECONDS * 1000),
        }

    def _restart(self) -> None:
        """Another stream: nothing that was known of the last one counts."""
        self._sequences, self._timestamps = Unwrapper(16), Unwrapper(32)
        self._held: dict[int, tuple[int, bytes]] = {}
        self._due: int | None = None  # lowest sequence number that is not too late
        self._due_timestamp = 0
        self._mean_size = 0.0
        self._stop()

    def _stop(self) -> None:
        self._playing = False
        self._waited = 0
        self._depths: deque[int] = deque(maxlen=TOO_DEEP)
        self._careful_for = 0
        self._caution = AFTER_STARVING
        self._spread.clear()

    def _hold(self, number: int, timestamp: int, payload: bytes) -> None:
        self._held[number] = (timestamp, payload)
        self._spread.note(self._clock(), timestamp)
        if len(self._held) > MOST_HELD:
            del self._held[min(self._held)]
            self._dropped += 1
            self._aim(min(self._held))

    def _aim(self, number: int) -> None:
        """This one is played next, without a gap before it."""
        self._due, self._due_timestamp = number, self._held[number][0]

    def _begun(self) -> bool:
        """Whether enough waits, or the first waited long enough."""
        if not self._held:
            return False
        self._waited += 1
        if max(len(self._held), self._waited) >= self._spread.depth:
            self._playing, self._waited = True, 0
            self._aim(min(self._held))
        return self._playing

    def _starved(self) -> Playable | None:
        """Late, lost, or no longer talking: time will tell. What comes late is still played, a block later than before."""
        if not self._waited:
            self._depths.clear()
            self._careful_for = self._caution
            self._caution = min(MOST_CAREFUL, 2 * self._caution)
        self._waited += 1
        if self._waited >= GONE:
            self._stop()
        return Playable(None) if self._playing and self._waited <= CONCEALED else None

    def _take(self) -> Playable | None:
        number = min(self._held)
        assert self._due is not None  # noqa: S101 - set when playing began
        gap, missing = self._gap(number), number - self._due
        already = min(gap, self._waited)  # while we waited, what was lost had its time
        self._waited = 0
        self._pass_over(already, missing)
        if gap > already:
            self._pass_over(1, missing - already)
            return Playable(None) if missing > already else None
        return self._play(number)

    def _gap(self, number: int) -> int:
        """Blocks of the talker's clock between what was played and this packet."""
        gap = round((self._held[number][0] - self._due_timestamp) / BLOCK_SAMPLES)
        return gap if 0 <= gap <= MOST_GAP else 0

    def _pass_over(self, blocks: int, missing: int) -> None:
        """So many blocks have gone by, as many of them as are `missing` lost, the others a pause in speech."""
        assert self._due is not None  # noqa: S101 - set when playing began
        lost = max(0, min(blocks, missing))
        self._lost += lost
        self._due += lost
        self._due_timestamp += blocks * BLOCK_SAMPLES

    def _play(self, number: int) -> Playable:
        self._lost += number - (self._due or 0)
        shrink = self._too_deep(number)
        payload = self._pop(number)
        if not shrink:
            self._played += 1
            return Playable(payload)
        self._depths.clear()
        self._dropped += 1
        self._played += 1
        return Playable(self._pop(number + 1), left_out=payload)

    def _pop(self, number: int) -> bytes:
        timestamp, payload = self._held.pop(number)
        self._due, self._due_timestamp = number + 1, timestamp + BLOCK_SAMPLES
        self._mean_size += (len(payload) - self._mean_size) / TOO_DEEP
        return payload

    def _too_deep(self, number: int) -> bool:
        """Whether this packet may be left out: too many were held for long enough, sooner when it is a quiet one."""
        self._depths.append(len(self._held))
        self._careful_for = max(0, self._careful_for - 1)
        # A depth that was never used up is not needed; neither is one beyond what the arrivals ask for.
        excess = min(min(self._depths) - 1, statistics.median_low(self._depths) - self._spread.depth)
        if excess < (FAR_TOO_DEEP if self._careful_for else 1):
            return False
        following = self._held.get(number + 1)
        if following is None or following[0] - self._held[number][0] != BLOCK_SAMPLES:
            return False
        quiet = len(self._held[number][1]) < self._mean_size / 2
        return len(self._depths) * excess >= (TOO_DEEP // 2 if quiet else TOO_DEEP)
