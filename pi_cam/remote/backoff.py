"""How long to wait before the next try: longer each time, and never the same for two devices, so that what was gone and
comes back is not run over."""

from __future__ import annotations

import random
from collections.abc import Callable

DOUBLINGS_MOST = 10


def some() -> float:
    """A factor from 0.5 to 1."""
    return random.uniform(0.5, 1.0)  # noqa: S311 - no secret


def pause(failures: int, first: float, longest: float, jitter: Callable[[], float] = some) -> float:
    """Seconds after so many failures in a row, 1 or more: `first`, doubled each time, up to `longest`, times `jitter()`."""
    return min(longest, first * 2.0 ** min(failures - 1, DOUBLINGS_MOST)) * jitter()
