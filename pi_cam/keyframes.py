"""When to ask an encoder for a keyframe: all viewers' requests become one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

MIN_INTERVAL_SECONDS = 0.3
"""A 1080p keyframe is ten times a common picture: one viewer that asks all the time must not make everybody pay."""

PATIENCE_SECONDS = 1.0
"""A request that no keyframe answered by then is taken as lost, and made again: nobody else would ask for a subscription
that waits after an overflow."""


class KeyframeRequests:
    """One outstanding request, `MIN_INTERVAL_SECONDS` apart; any keyframe satisfies it. Lives in the media loop."""

    def __init__(self, ask: Callable[[], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._ask = ask
        self._clock = clock
        self._asked_at = float("-inf")
        self._next: asyncio.TimerHandle | None = None

    def request(self) -> None:
        """Asks now, or as soon as the interval allows, or not at all when a request is out already."""
        if self._next is not None:
            return
        wait = self._asked_at + MIN_INTERVAL_SECONDS - self._clock()
        if wait <= 0:
            self._send()
        else:
            self._next = asyncio.get_running_loop().call_later(wait, self._send)

    def satisfied(self) -> None:
        """A keyframe came, or none is wanted any more."""
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _send(self) -> None:
        self._asked_at = self._clock()
        self._next = asyncio.get_running_loop().call_later(PATIENCE_SECONDS, self._send)
        self._ask()
