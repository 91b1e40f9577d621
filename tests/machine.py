"""How fast this machine is today: bounds on processor time that were set on one machine hold on another, scaled."""

from __future__ import annotations

import time

USUAL_SECONDS = 0.12
"""What `_piece` takes on the machine where the bounds were set."""


def slowness() -> float:
    """How many times longer than there a fixed piece of work takes; 1 if it is faster. The best of five tries."""
    return max(1.0, min(_piece() for _ in range(5)) / USUAL_SECONDS)


def _piece() -> float:
    began, total = time.process_time(), 0
    for number in range(2_000_000):
        total += number * number
    return time.process_time() - began
