"""The light: what it says, and when it is lit for that. Pure; `pins` has the lamp."""

from __future__ import annotations

from typing import Literal

Sign = Literal["off", "ready", "watched", "talking", "privacy", "fault"]

PATTERNS: dict[Sign, tuple[float, ...]] = {
    "off": (0.0, 60.0),
    "ready": (0.05, 3.95),
    "watched": (60.0, 0.0),
    "talking": (0.25, 0.25),
    "privacy": (0.1, 0.2, 0.1, 1.6),
    "fault": (1.0, 1.0),
}
"""Seconds lit and dark in turn, again and again. Whoever sees it lit is seen; two short flashes: nobody is."""


def lit(sign: Sign, seconds: float) -> tuple[bool, float]:
    """Whether it is lit so many seconds after the sign was given, and for how many seconds more that holds."""
    pattern = PATTERNS[sign]
    left = seconds % sum(pattern)
    for place, length in enumerate(pattern):
        if left < length:
            return place % 2 == 0, length - left
        left -= length
    return pattern[0] > 0, pattern[0] or pattern[1]  # a rounding error at the very end
