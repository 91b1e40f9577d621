"""How often something may happen: so much at once, and so much a second on the long run (a token bucket)."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

AGAIN_SHARE, AGAIN_PER_SECOND, AGAIN_AT_ONCE = 0.5, 50.0, 512.0
"""Packets that one viewer may get once more: of what it was sent meanwhile this part, and a few; after an outage more than
a second of 1080p at 4 Mbit/s."""

KEYFRAMES_PER_SECOND, KEYFRAMES_AT_ONCE = 0.5, 4.0
"""What one viewer may ask for; everybody pays for each."""

ARRIVALS_PER_SECOND, ARRIVALS_AT_ONCE = 0.5, 8.0
"""Of one person, or one program: viewers that come with a keyframe at once. More of them wait for the camera's next."""

PEOPLE = 256
"""Of so many it is known how often they came."""


class Allowance:
    """`clock` in seconds."""

    def __init__(self, per_second: float, at_once: float, clock: Callable[[], float]) -> None:
        self._per_second, self._at_once, self._clock = per_second, at_once, clock
        self._left, self._at = at_once, clock()

    def take(self, count: float = 1) -> bool:
        """Whether so much may happen now; then it counts."""
        self._gain()
        if self._left < count:
            return False
        self._left -= count
        return True

    def take_up_to(self, count: int) -> int:
        """How many of `count` may happen now; those count."""
        self._gain()
        granted = min(count, int(self._left))
        self._left -= granted
        return granted

    def give(self, more: float) -> None:
        """So much more may happen, but never more at once than ever."""
        self._left = min(self._at_once, self._left + more)

    def _gain(self) -> None:
        now = self._clock()
        self._left = min(self._at_once, self._left + (now - self._at) * self._per_second)
        self._at = now


class Repeats:
    """For one viewer's lost packets. A line that cannot carry its pictures loses most of them, and would get several times
    as much again, if all were sent again. `sent`: packets so far."""

    def __init__(self, sent: Callable[[], float], clock: Callable[[], float] = time.monotonic) -> None:
        self._sent, self._before = sent, sent()
        self._allowance = Allowance(AGAIN_PER_SECOND, AGAIN_AT_ONCE, clock)

    def take_up_to(self, count: int) -> int:
        """As `Allowance.take_up_to`."""
        sent = self._sent()
        self._allowance.give(AGAIN_SHARE * (sent - self._before))
        self._before = sent
        return self._allowance.take_up_to(count)


def keyframes(clock: Callable[[], float] = time.monotonic) -> Allowance:
    """For what one viewer asks of the camera."""
    return Allowance(KEYFRAMES_PER_SECOND, KEYFRAMES_AT_ONCE, clock)


class Arrivals:
    """Keyframes for those who come, by who they are."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._of: OrderedDict[str, Allowance] = OrderedDict()

    def of(self, key: str) -> Allowance:
        """`key`: as `Visitor.key`."""
        found = self._of.pop(key, None) or Allowance(ARRIVALS_PER_SECOND, ARRIVALS_AT_ONCE, self._clock)
        self._of[key] = found
        if len(self._of) > PEOPLE:
            self._of.popitem(last=False)
        return found
