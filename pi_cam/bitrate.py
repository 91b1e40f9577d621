"""One encoder, many viewers: how much it aims at, and which viewer gets another rendition. Pure; the clock is handed in.

Nobody makes all pay. The encoder follows the weakest of those who get its pictures, but never below a share of what the best
path carries; whoever carries less than that share gets the small rendition, or keyframes only where there is none. The same
holds among those who get the small one. When all paths are weak the best one is, too, and the encoder follows.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pi_cam.path_estimate import PathEstimate, Report

Rendition = Literal["main", "small", "keyframes"]
Why = Literal["fits", "lowered", "weak", "unknown", "off"]
"""`fits`: its path carries what is sent. `lowered`: it gets the main rendition, and that is lowered. `weak`: its path
carries so much less than others' that it gets less. `unknown`: it has reported nothing yet. `off`: nothing adapts."""

SHARE_WITH_SMALL, SHARE_WITHOUT = 0.6, 0.3
"""Of the best path. Keyframes only are a picture in two seconds: for that somebody must be far behind."""

BACK = 0.9
"""Of the best path: what a viewer's must carry before it gets the main rendition again."""

FLOOR_PART, FLOOR_LEAST = 16, 100_000
"""No encoder is lowered below a sixteenth of its rate: below that a smaller picture is the better one."""

STAY_SECONDS = 5.0
"""In a rendition, before a viewer is brought back."""

NOTABLE_LESS, NOTABLE_MORE = 0.95, 1.1
"""Smaller changes are not worth it: where x264 encodes, each costs a keyframe."""


@dataclass(frozen=True, slots=True)
class Encoder:
    """A rendition's. `rate`: bits a second that it was configured for, or sends; `is_steered`: whether it takes another."""

    rate: float
    is_steered: bool

    @property
    def floor(self) -> float:
        """Where lowering ends."""
        return min(self.rate, max(FLOOR_LEAST, self.rate / FLOOR_PART)) if self.is_steered else self.rate


@dataclass(frozen=True, slots=True)
class Gets:
    """What a viewer gets and why. `bitrate`: what its path carries, as far as that is known; `loss`: a fraction."""

    rendition: Rendition = "main"
    why: Why = "unknown"
    bitrate: int | None = None
    loss: float | None = None
    rtt_ms: float | None = None


class _Viewer:
    def __init__(self, clock: Callable[[], float], *, can_switch: bool) -> None:
        self.path = PathEstimate(clock)
        self.can_switch = can_switch
        self.rendition: Rendition = "main"
        self.since = float("-inf")

    def carries(self, most: float) -> float:
        """Bits a second; a viewer of whom nothing is known is no reason for anything."""
        return self._bounded(self.path.ceiling, most)

    def has_carried(self, most: float) -> float:
        """The same without what is only tried."""
        return self._bounded(self.path.proven, most)

    def _bounded(self, limit: float | None, most: float) -> float:
        return most if limit is None or not self.path.is_known else min(most, limit)


class Bitrates:
    """One camera's. `clock`: monotonic seconds. Viewers are told apart by a key, which is any object."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._viewers: dict[object, _Viewer] = {}
        self._targets: dict[Rendition, float] = {}
        self._main = Encoder(0.0, is_steered=False)

    def join(self, key: object, *, can_switch: bool = True) -> None:
        """`can_switch`: whether it can be given another rendition."""
        self._viewers[key] = _Viewer(self._clock, can_switch=can_switch)

    def leave(self, key: object) -> None:
        """One that is gone already is no error."""
        self._viewers.pop(key, None)

    def heard(self, key: object, report: Report, sent_bits: float) -> None:
        """`sent_bits`: in all, to this viewer."""
        viewer = self._viewers.get(key)
        if viewer is not None:
            viewer.path.heard(report, sent_bits)

    def hitch(self) -> None:
        """This machine stood still for a moment, which is nobody's path."""
        for viewer in self._viewers.values():
            viewer.path.hitch()

    def decide(self, main: Encoder, small: Encoder | None) -> dict[Rendition, int]:
        """The rates that the encoders are to aim at from now on, of those that are steered. `small` is None while there is
        no such rendition. To be called every half second or so."""
        self._main = main
        best = max((viewer.carries(main.rate) for viewer in self._viewers.values()), default=main.rate)
        for viewer in self._viewers.values():
            viewer.path.settle(main.rate * (1.0 if main.is_steered else 1.05))
            self._place(viewer, best, small)
        for viewer in self._viewers.values():
            if viewer.rendition != "main":
                viewer.rendition = self._low(viewer, small)
        found: dict[Rendition, int] = {}
        if main.is_steered:
            found["main"] = self._aim("main", main, self._share(small) * best)
        if small is not None and small.is_steered:
            found["small"] = self._aim("small", small, SHARE_WITHOUT * self._best_of_the_weak(small))
        return found

    def rendition(self, key: object) -> Rendition:
        """Which one a viewer is to get; `main` for one that is not known."""
        viewer = self._viewers.get(key)
        return viewer.rendition if viewer is not None else "main"

    def trial(self, key: object) -> int:
        """Bits a second to send to a viewer in all, by repeating itself, so that its path is tried before more pictures
        depend on it; 0 for nothing of the kind."""
        viewer = self._viewers.get(key)
        if viewer is None or viewer.rendition == "main" or not viewer.path.is_known or not viewer.path.is_tried:
            return 0
        return round(viewer.carries(self._main.rate))

    def gets(self, key: object) -> Gets:
        """For people."""
        viewer = self._viewers.get(key)
        if viewer is None:
            return Gets()
        path = viewer.path
        lowered = self._targets.get("main", self._main.rate) < NOTABLE_LESS * self._main.rate
        why: Why = "weak" if viewer.rendition != "main" else "lowered" if lowered else "fits"
        if not path.is_known:
            return Gets(viewer.rendition, why if why != "fits" else "unknown")
        # Not what is only tried at the moment.
        known = path.proven if path.proven is not None else max(filter(None, (path.remb, path.rate())), default=None)
        rtt = None if path.rtt is None else round(path.rtt * 1000, 1)
        # Browsers name whatever number they like; more than this makes no difference to anybody.
        return Gets(viewer.rendition, why, None if known is None else round(min(known, 1e9)), path.loss, rtt)

    def _share(self, small: Encoder | None) -> float:
        return SHARE_WITHOUT if small is None else SHARE_WITH_SMALL

    def _best_of_the_weak(self, small: Encoder) -> float:
        weak = (viewer for viewer in self._viewers.values() if viewer.rendition != "main")
        return max((viewer.carries(small.rate) for viewer in weak), default=small.rate)

    def _low(self, viewer: _Viewer, small: Encoder | None) -> Rendition:
        """What is less than the main rendition: of the weak, too, one alone must not drag down the others."""
        if small is None or viewer.carries(small.rate) < SHARE_WITHOUT * self._best_of_the_weak(small):
            return "keyframes"
        return "small"

    def _place(self, viewer: _Viewer, best: float, small: Encoder | None) -> None:
        """Whether it gets the main rendition; which other one is decided when all have their place."""
        now, main = self._clock(), self._main
        if not viewer.can_switch:
            return
        if viewer.rendition == "main":
            if viewer.carries(main.rate) < max(self._share(small) * best, main.floor):
                viewer.rendition, viewer.since = "small", now
        elif (
            viewer.has_carried(main.rate) >= max(BACK * best, min(main.rate, 1.3 * main.floor))
            and now - viewer.since >= STAY_SECONDS
        ):
            viewer.rendition, viewer.since = "main", now

    def _aim(self, rendition: Rendition, encoder: Encoder, least: float) -> int:
        carried = [one.carries(encoder.rate) for one in self._viewers.values() if one.rendition == rendition]
        wanted = max(min(carried, default=encoder.rate), least, encoder.floor)
        before = self._targets.get(rendition, encoder.rate)
        notable = wanted < NOTABLE_LESS * before or wanted > NOTABLE_MORE * before or wanted >= encoder.rate
        target = min(wanted if notable else before, encoder.rate)
        self._targets[rendition] = target
        return round(target)
