"""One camera's viewers and its encoders brought together: hears reports, and twice a second does what `bitrate` decides.

Lives in the media loop. Nothing runs while nobody watches.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol
from weakref import WeakValueDictionary

from pi_cam.bitrate import Bitrates, Encoder, Gets, Rendition
from pi_cam.errors import PiCamError
from pi_cam.path_estimate import Report
from pi_cam.subscription import Tap

TURN_SECONDS = 0.5
LATE_SECONDS = 0.15
"""A turn that comes so late says that this machine has too much to do."""

FORGETS = 0.98
"""A camera that cannot be steered is known by what it sends: its rate is the highest of the last minute, fading."""


class Sounding(Protocol):
    """What is needed of a camera's sound."""

    @property
    def needs_pictures(self) -> bool:
        """Whether somebody hears what the camera brings, which ends when nobody takes its pictures."""


class Steered(Protocol):
    """What is needed of a camera's hub."""

    @property
    def encoder(self) -> Encoder:
        """What it sends, and whether that can be changed."""

    @property
    def trouble(self) -> PiCamError | None:
        """Why it delivers nothing, if so."""

    @property
    def sound(self) -> Sounding:
        """Its sound."""

    def set_bitrate(self, bits_per_second: int) -> None:
        """Aims at this rate from now on."""

    def tap(self) -> Tap:
        """Opens it."""


class Adapted(Protocol):
    """One viewer's pictures."""

    can_switch: bool

    def sent_bits(self) -> float:
        """So far."""

    def receive(self, rendition: Rendition) -> None:
        """From its next keyframe on. Said as often as it is decided."""

    def fill(self, bits_per_second: int) -> None:
        """What to send in all, by repetitions; 0: only what there is."""


class Adaptation:
    """`is_on`: the setting. `clock`: monotonic seconds."""

    def __init__(
        self,
        main: Steered,
        small: Steered | None,
        is_on: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._main, self._small, self._is_on, self._clock = main, small, is_on, clock
        self._bitrates = Bitrates(clock)
        self._viewers: set[Adapted] = set()
        self._usual: dict[Rendition, float] = {}
        self._told: dict[Rendition, int] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._kept_open: Tap | None = None

    def join(self, viewer: Adapted) -> None:
        """Its connection is up. May be said again."""
        if viewer in self._viewers:
            return
        self._viewers.add(viewer)
        self._bitrates.join(viewer, can_switch=viewer.can_switch)
        if self._timer is None:
            self._due = self._clock() + TURN_SECONDS
            self._timer = asyncio.get_running_loop().call_later(TURN_SECONDS, self._turn)

    def leave(self, viewer: Adapted) -> None:
        """May be called twice. After the last one all is as it was."""
        self._viewers.discard(viewer)
        self._bitrates.leave(viewer)
        if not self._viewers and self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._restore()

    def heard(self, viewer: Adapted, report: Report) -> None:
        """What it reported."""
        self._bitrates.heard(viewer, report, viewer.sent_bits())

    def gets(self, viewer: Adapted) -> Gets:
        """For people."""
        found = self._bitrates.gets(viewer)
        return found if self._is_on() else Gets("main", "off", found.bitrate, found.loss, found.rtt_ms)

    def _turn(self) -> None:
        now = self._clock()
        if now > self._due + LATE_SECONDS:
            self._bitrates.hitch()
        self._due = now + TURN_SECONDS
        self._timer = asyncio.get_running_loop().call_later(TURN_SECONDS, self._turn)
        if not self._is_on():
            self._restore()
            for viewer in tuple(self._viewers):
                viewer.fill(0)
                viewer.receive("main")
            return
        small = self._small if self._small is not None and self._small.trouble is None else None
        main = self._encoder("main", self._main)
        if main.rate:
            self._steer(self._bitrates.decide(main, self._encoder("small", small) if small is not None else None))
        for viewer in tuple(self._viewers):
            viewer.receive(self._bitrates.rendition(viewer))
            viewer.fill(self._bitrates.trial(viewer))
        self._keep_sound()

    def _encoder(self, rendition: Rendition, hub: Steered) -> Encoder:
        """As it is when nothing is lowered."""
        now = hub.encoder
        if now.is_steered and rendition in self._told:
            return Encoder(self._usual.get(rendition, now.rate), is_steered=True)
        rate = now.rate
        if not now.is_steered:
            self._told.pop(rendition, None)
            usual = self._usual.get(rendition, 0.0)
            rate = max(rate, FORGETS * usual) if rate else usual  # while nobody takes it, it sends nothing
        self._usual[rendition] = rate
        return Encoder(rate, now.is_steered)

    def _steer(self, targets: dict[Rendition, int]) -> None:
        for rendition, target in targets.items():
            hub = self._main if rendition == "main" else self._small
            usual = round(self._usual[rendition])
            if hub is not None and target != self._told.get(rendition, usual):
                hub.set_bitrate(target)
                self._told[rendition] = target
            if target >= usual:
                self._told.pop(rendition, None)

    def _restore(self) -> None:
        for rendition in tuple(self._told):
            self._steer({rendition: round(self._usual[rendition])})
        if self._kept_open is not None:
            self._kept_open.close()
            self._kept_open = None

    def _keep_sound(self) -> None:
        """Sound that comes with the main pictures ends when nobody takes those."""
        wanted = self._main.sound.needs_pictures and any(
            self._bitrates.rendition(one) == "small" for one in self._viewers
        )
        if wanted and (self._kept_open is None or self._kept_open.closed):
            try:
                self._kept_open = self._main.tap()
            except PiCamError:  # stopped just now
                self._kept_open = None
        elif not wanted and self._kept_open is not None:
            self._kept_open.close()
            self._kept_open = None


class Adaptations:
    """Of all cameras that somebody watches."""

    def __init__(self, is_on: Callable[[], bool]) -> None:
        self._is_on = is_on
        self._of: WeakValueDictionary[Steered, Adaptation] = WeakValueDictionary()

    def of(self, main: Steered, small: Steered | None) -> Adaptation:
        """By its main stream."""
        found = self._of.get(main)
        if found is None:
            found = self._of[main] = Adaptation(main, small, self._is_on)
        return found
