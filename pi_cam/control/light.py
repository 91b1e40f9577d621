"""The light: what it says, and when it is lit for that. Pure; `pins` has the lamp."""

from __future__ import annotations

from typing import Literal

Sign = Literal["off", "ready", "watched", "talking", "privacy", "fault", "reset"]

PATTERNS: dict[Sign, tuple[int, ...]] = {
    "off": (0, 60_000),
    "ready": (50, 3_950),
    "watched": (60_000, 0),
    "talking": (250, 250),
    "privacy": (100, 200, 100, 1_600),
    "fault": (1_000, 1_000),
    "reset": (50, 50),
}
"""Milliseconds lit and dark in turn, again and again. Whoever sees it lit is seen; two short flashes: nobody is."""


def lit(sign: Sign, seconds: float) -> tuple[bool, float]:
    """Whether it is lit so many seconds after the sign was given, and for how many seconds more that holds."""
    pattern = PATTERNS[sign]
    passed = round(seconds * 1_000) % sum(pattern)
    for place, length in enumerate(pattern):
        if passed < length:
            return place % 2 == 0, (length - passed) / 1_000
        passed -= length
    raise AssertionError("what is left of a division is less than the divisor")
