"""A newcomer to a camera that cannot be asked for a keyframe gets the pictures since the last one: hundreds of packets, for
which no socket has room at once. They leave piece by piece, and what comes meanwhile waits behind them.
"""

from __future__ import annotations

from collections import deque

from pi_cam.media.units import AccessUnit
from pi_cam.transport.rtp_packets import Burst, Group

FIRST_NUMBER = 1 << 48
"""Its packets are numbered apart from the group's, which never gets so far."""

WAITING_BYTES = 64 * 1024
"""While so much of it waits in the kernel, no more is handed on."""

PIECE_PACKETS = 32

KEPT_SECONDS = 5.0
"""So long a browser may ask for one of these packets again."""

UNITS_MAX = 1024
"""Of a camera with a keyframe every half a minute. Whoever is further behind waits for the next one."""


class Behind:
    """What one viewer was not sent yet, and what it was: units, and not their packets. Those are a megabyte or more, and
    made once more for the few that are asked for."""

    __slots__ = ("_again", "_next", "_sent", "_units", "_until", "is_used")

    def __init__(self) -> None:
        self.is_used = False
        """Whether there is anything to send or to forget: asked for each picture."""
        self._units: deque[AccessUnit] = deque()
        self._sent: deque[tuple[int, AccessUnit]] = deque()
        """(number of its first packet, the unit)."""
        self._again: Burst | None = None
        self._next = FIRST_NUMBER
        self._until = 0.0

    def __bool__(self) -> bool:
        return bool(self._units)

    def add(self, unit: AccessUnit) -> bool:
        """Whether there is room for it."""
        if len(self._units) >= UNITS_MAX:
            return False
        self._units.append(unit)
        self.is_used = True
        return True

    def next(self) -> AccessUnit:
        """The oldest."""
        return self._units.popleft()

    def burst(self, group: Group, unit: AccessUnit, now: float) -> Burst:
        """Its packets; they can be had again for a while. `now`: monotonic seconds."""
        burst = group.past(unit, self._next)
        self._sent.append((self._next, unit))
        self._next += len(burst.packets)
        self._until = now + KEPT_SECONDS
        return burst

    def packet(self, group: Group, number: int, now: float) -> bytes | None:
        """One that was sent lately."""
        self.forget(now)
        for first, unit in reversed(self._sent):
            if first <= number:
                if self._again is None or self._again.first != first:
                    self._again = group.past(unit, first)
                packets = self._again.packets
                return packets[number - first] if number - first < len(packets) else None
        return None

    def forget(self, now: float) -> None:
        """What nobody asks for any more."""
        if now > self._until:
            self._sent.clear()
            self._again = None
            self.is_used = bool(self._units)

    def clear(self) -> None:
        """All of it."""
        self._units.clear()
        self._sent.clear()
        self._again = None
        self.is_used = False
