"""How often something may happen: so much at once, and so much a second on the long run (a token bucket)."""

from __future__ import annotations

from collections.abc import Callable


class Allowance:
    """`clock` in seconds."""

    def __init__(self, per_second: float, at_once: float, clock: Callable[[], float]) -> None:
        self._per_second, self._at_once, self._clock = per_second, at_once, clock
        self._left, self._at = at_once, clock()

    def take(self) -> bool:
        """Whether it may happen now; then it counts."""
        now = self._clock()
        self._left = min(self._at_once, self._left + (now - self._at) * self._per_second)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
