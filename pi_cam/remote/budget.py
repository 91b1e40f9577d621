"""How much a portal may make this device do: one that is broken into must neither wear out the card nor fill the journal."""

from __future__ import annotations

import time
from collections.abc import Callable

AT_ONCE = 60.0
A_MINUTE = 1.0


class Budget:
    """A token bucket: so many at once, then so many a minute."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._left = AT_ONCE
        self._at = monotonic()

    def take(self) -> bool:
        """Whether one more is left."""
        now = self._monotonic()
        self._left = min(AT_ONCE, self._left + (now - self._at) * A_MINUTE / 60)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
