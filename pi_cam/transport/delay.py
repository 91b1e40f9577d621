"""Where the delay between the lens and a viewer's screen comes about: what is measured here, and what its page tells.

Nothing is put into the stream for it. The camera knows when a picture was captured, made, taken and sent; the page, when the
one with this RTP timestamp was received and shown; the `clock` message (docs/protocol.md) brings the two clocks together.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import TypeGuard

from pi_cam.media.units import AccessUnit

LONGEST_MS = 600_000
SAMPLES = 30
SAMPLE_SECONDS = 2.0
"""Of pictures that are older nothing is said."""

STAGES = ("encode", "hub", "send", "network", "display")
"""`encode`: from capture until the picture is encoded, where this device does that. `hub`: until this viewer's sender takes
it. `send`: until the kernel has its last packet. `network`: until it is there. `display`: until it is on the screen."""


@dataclass(frozen=True, slots=True)
class Spent:
    """Medians in milliseconds of what one viewer's pictures spent on this side; None where unknown. `camera`: from capture
    until they have left, which is more than the sum where a camera's own network makes pictures wait."""

    encode: float | None = None
    hub: float | None = None
    send: float | None = None
    camera: float | None = None

    def described(self) -> dict[str, float | None]:
        """As in the `clock` message."""
        return {"encode": self.encode, "hub": self.hub, "send": self.send, "camera": self.camera}


class SendingMeter:
    """The last pictures of one viewer. All times are monotonic seconds."""

    def __init__(self) -> None:
        self._recent: deque[tuple[float, float, float, float, bool]] = deque(maxlen=SAMPLES)

    def count(self, unit: AccessUnit, taken: float, sent: float) -> None:
        """One picture, which has left."""
        self._recent.append((unit.captured_at, unit.ready_at, taken, sent, unit.encoded_here))

    def read(self, now: float) -> Spent:
        """Of the last two seconds."""
        recent = [one for one in self._recent if now - one[3] < SAMPLE_SECONDS]
        if not recent:
            return Spent()
        return Spent(
            _middle([ready - captured for captured, ready, _, _, here in recent if here]),
            _middle([taken - ready for _, ready, taken, _, _ in recent]),
            _middle([sent - taken for _, _, taken, sent, _ in recent]),
            _middle([sent - captured for captured, _, _, sent, _ in recent]),
        )


@dataclass(frozen=True, slots=True)
class Shown:
    """What a viewer's page tells, in milliseconds; None where its browser does not say. `delay`: in all."""

    delay: int | None = None
    network: float | None = None
    display: float | None = None

    def told(self, delay: object, stages: object) -> Shown:
        """After the page said so. What makes no sense is not believed, and what was known stays."""
        known = stages if isinstance(stages, Mapping) else {}
        return Shown(
            self.delay if not _is_delay(delay) else None if delay is None else round(delay),
            *(
                getattr(self, name) if not _is_delay(said) else None if said is None else round(said, 1)
                for name, said in ((name, known.get(name)) for name in ("network", "display"))
            ),
        )


def by_stage(spent: Spent, shown: Shown) -> dict[str, float | None]:
    """Milliseconds by each of `STAGES`."""
    return {
        "encode": spent.encode,
        "hub": spent.hub,
        "send": spent.send,
        "network": shown.network,
        "display": shown.display,
    }


def is_number(value: object) -> TypeGuard[float]:
    """Whether JSON can carry it back: a whole number of any size, but neither NaN nor infinity."""
    return isinstance(value, int | float) and -math.inf < value < math.inf


def _is_delay(value: object) -> TypeGuard[float | None]:
    return value is None or (is_number(value) and 0 <= value < LONGEST_MS)


def _middle(seconds: list[float]) -> float | None:
    """In milliseconds. Below nothing is where a source says that it captured later than it gave."""
    return round(max(0.0, median(seconds)) * 1000, 1) if seconds else None
