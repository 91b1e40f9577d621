"""When to ask an encoder for a keyframe: all viewers' requests become one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

MIN_INTERVAL_SECONDS = 0.3
"""A 1080p keyframe is ten times a common picture: one viewer that asks all the time must not make everybody pay."""

PATIENCE_SECONDS = 1.0
"""A request that no keyframe answered by then is taken as lost."""


class KeyframeRequests:
    """One outstanding request, `MIN_INTERVAL_SECONDS` apart; any keyframe satisfies it. Lives in the media loop."""

    def __init__(self, ask: Callable[[], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._ask = ask
        self._clock = clock
        self._asked_at = -PATIENCE_SECONDS
        self._outstanding = False
        self._later: asyncio.TimerHandle | None = None

    def request(self) -> None:
        """Asks now, or as soon as the interval allows, or not at all when a request is out already."""
        since = self._clock() - self._asked_at
        if self._later is not None or (self._outstanding and since < PATIENCE_SECONDS):
            return
        if since >= MIN_INTERVAL_SECONDS:
            self._send()
        else:
            self._later = asyncio.get_running_loop().call_later(MIN_INTERVAL_SECONDS - since, self._send)

    def satisfied(self) -> None:
        """A keyframe came."""
        self._outstanding = False
        if self._later is not None:
            self._later.cancel()
            self._later = None

    def _send(self) -> None:
        self._later = None
        self._outstanding = True
        self._asked_at = self._clock()
        self._ask()
