"""One camera's fan-out: one source in, any number of bounded subscriptions out.

Everything here runs in the media loop, so nothing needs a lock. A source emits from its own threads; the hub takes that
through `Bridge.post`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from pi_cam.errors import CameraStopped, PiCamError, SourceError
from pi_cam.keyframes import KeyframeRequests
from pi_cam.media.units import AccessUnit, AudioPacket
from pi_cam.meter import StreamMeter
from pi_cam.recent import RecentUnits
from pi_cam.subscription import SoundSubscription, Subscription

log = logging.getLogger(__name__)

CameraState = Literal["stopped", "idle", "starting", "live", "unreachable", "privacy"]


class Bridge(Protocol):
    """What the hub needs of the media loop (`pi_cam.loop.Loop`)."""

    def post(self, function: Callable[..., object], *args: Any) -> None:
        """Runs a function in the loop, from any thread."""

    def run_blocking(self, function: Callable[..., Any], *args: Any) -> Coroutine[object, object, Any]:
        """Runs a blocking function in another thread, from inside the loop."""


class Asked(Protocol):
    """What the hub needs to know of a source's capabilities."""

    @property
    def askable(self) -> bool:
        """A keyframe request is honoured."""

    @property
    def transcoded(self) -> bool:
        """It is encoded here from something else."""


class Source(Protocol):
    """What the hub needs of a camera (`pi_cam.capture.source.VideoSource`)."""

    @property
    def capabilities(self) -> Asked:
        """What it can do now."""

    def start(
        self, emit: Callable[[AccessUnit | AudioPacket], None], report: Callable[[SourceError | None], None]
    ) -> None:
        """Begins to deliver."""

    def stop(self) -> None:
        """Closes the device or connection."""

    def request_keyframe(self) -> None:
        """Makes one of the next pictures a keyframe."""


@dataclass(frozen=True, slots=True)
class HubStats:
    """`state`; what flows (None when unknown; rates over the last two seconds); subscribers; units dropped in all."""

    state: CameraState
    trouble: str | None
    codec: str | None
    profile_level_id: str | None
    width: int | None
    height: int | None
    fps: float | None
    bitrate: int | None
    subscribers: int
    drops: int
    transcoded: bool


class Hub:
    """Opens its source for the first subscriber, closes it `grace` seconds after the last, and fans out in between.

    `stop` (a person's wish) is stronger than any subscriber. `changed` callbacks are told after each change of state.
    """

    def __init__(
        self,
        source: Source,
        bridge: Bridge,
        *,
        grace: float = 5.0,
        stopped: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.source = source
        self.drops = 0
        self._bridge = bridge
        self._grace = grace
        self._clock = clock
        self._subscriptions: set[Subscription] = set()
        self._listeners: set[SoundSubscription] = set()
        self._watchers: list[Callable[[], None]] = []
        self._stopped = stopped
        self._trouble: str | None = None
        self._round = 0  # units of an earlier opening are told from those of the present one by this number
        self._open = False
        self._wanted = False
        self._live = False
        self._meter = StreamMeter(clock)
        self._recent = RecentUnits()
        self._keyframes = KeyframeRequests(source.request_keyframe, clock)
        self._driver: asyncio.Task[None] | None = None
        self._closing: asyncio.TimerHandle | None = None

    # What people and the API ask for

    async def start(self) -> None:
        """Lets viewers in again after `stop`."""
        if self._stopped:
            self._stopped = False
            self._changed()

    async def stop(self) -> None:
        """Ends every subscription now; the source is closed within two seconds; no viewer can open it until `start`."""
        if not self._stopped:
            self._stopped = True
            self._live = False
            self._want(False)
            for subscription in tuple(self._subscriptions):
                subscription.close()
            for listener in tuple(self._listeners):
                listener.close()
            self._changed()

    async def close(self) -> None:
        """Ends everything and waits until the source is closed."""
        self._watchers.clear()
        await self.stop()
        if self._driver is not None:
            await self._driver

    def subscribe(self, limit: int = 60, *, armed: bool = True) -> Subscription:
        """Opens the source if need be. `limit`: units that may wait. Raises `CameraStopped`."""
        if self._stopped:
            raise CameraStopped("This camera is stopped.")
        subscription = Subscription(self, limit)
        self._subscriptions.add(subscription)
        self._want(True)
        if armed:
            subscription.arm()
        return subscription

    def listen(self, limit: int = 10) -> SoundSubscription:
        """Sound, where the camera has any; it does not open the camera by itself. `limit`: packets of 20 ms."""
        listener = SoundSubscription(self, limit)
        self._listeners.add(listener)
        return listener

    def request_keyframe(self) -> None:
        """Asks the source for a keyframe, coalesced with the requests of others."""
        if self._open and self.source.capabilities.askable:
            self._keyframes.request()

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Calls `changed` after each change of state, in the loop; the answer ends that."""
        self._watchers.append(changed)

        def forget() -> None:
            if changed in self._watchers:
                self._watchers.remove(changed)

        return forget

    @property
    def state(self) -> CameraState:
        """In one word."""
        if self._stopped:
            return "stopped"
        if not self._wanted:
            return "idle"
        if self._trouble:
            return "unreachable"
        return "live" if self._live else "starting"

    def stats(self) -> HubStats:
        """What flows now."""
        known = self._meter.parameters
        return HubStats(
            state=self.state,
            trouble=self._trouble,
            codec="h264" if known else None,
            profile_level_id=known.profile_level_id if known else None,
            width=known.width if known else None,
            height=known.height if known else None,
            fps=self._meter.fps() if self._live else None,
            bitrate=self._meter.bitrate() if self._live else None,
            subscribers=len(self._subscriptions),
            drops=self.drops,
            transcoded=self.source.capabilities.transcoded,
        )

    # What the source brings

    def publish(self, unit: AccessUnit | AudioPacket) -> None:
        """Hands a unit to every subscription, or sound to every listener."""
        if isinstance(unit, AudioPacket):
            for listener in tuple(self._listeners):
                listener.offer(unit)
            return
        self._meter.count(unit)
        self._recent.add(unit)
        if unit.keyframe:
            self._keyframes.satisfied()
        for subscription in tuple(self._subscriptions):
            subscription.offer(unit)
        if not self._live:
            self._live = True
            self._trouble = None
            self._changed()

    def fast_forward(self) -> list[AccessUnit]:
        """For a source that cannot be asked: the units since the last keyframe, timed to be decoded at once."""
        return [] if self.source.capabilities.askable else self._recent.fast_forward()

    def forget(self, subscription: Subscription) -> None:
        """A subscription was closed."""
        self._subscriptions.discard(subscription)
        if not self._subscriptions and self._wanted and self._closing is None:
            self._closing = asyncio.get_running_loop().call_later(self._grace, self._close_if_unwatched)

    def forget_listener(self, subscription: SoundSubscription) -> None:
        """A listener left."""
        self._listeners.discard(subscription)

    def _report(self, trouble: SourceError | None) -> None:
        sentence = str(trouble) if trouble else None
        if sentence == self._trouble:
            return
        self._trouble = sentence
        if trouble:
            self._live = False
            self._recent.clear()
            log.warning("camera in trouble", extra={"trouble": sentence})
        self._changed()

    # Opening and closing, one after the other

    def _want(self, wanted: bool) -> None:
        if self._closing is not None:
            self._closing.cancel()
            self._closing = None
        if wanted != self._wanted:
            self._wanted = wanted
            if self._driver is None or self._driver.done():
                self._driver = asyncio.get_running_loop().create_task(self._drive())
            self._changed()

    def _close_if_unwatched(self) -> None:
        self._closing = None
        if not self._subscriptions:
            self._live = False
            self._want(False)

    async def _drive(self) -> None:
        """Brings the source to where it is wanted, until it is there."""
        while self._open != self._wanted:
            if self._wanted:
                await self._open_source()
            else:
                await self._close_source()

    async def _open_source(self) -> None:
        self._round += 1
        self._open = True
        this_round = self._round

        def current(function: Callable[..., object], value: object) -> None:
            if this_round == self._round and self._wanted:
                function(value)

        def emit(unit: AccessUnit | AudioPacket) -> None:
            self._bridge.post(current, self.publish, unit)

        def report(trouble: SourceError | None) -> None:
            self._bridge.post(current, self._report, trouble)

        try:
            await self._bridge.run_blocking(self.source.start, emit, report)
        except PiCamError as error:
            self._trouble = str(error)
            log.warning("camera cannot be opened", extra={"trouble": self._trouble})
            self._changed()
        except Exception:  # an edge: a driver may fail in any way, and the hub must outlive it
            self._trouble = "This camera failed in a way that was not foreseen; the log says more."
            log.exception("camera cannot be opened")
            self._changed()

    async def _close_source(self) -> None:
        self._round += 1
        self._recent.clear()
        self._meter.reset()
        try:
            await self._bridge.run_blocking(self.source.stop)
        except PiCamError as error:
            log.warning("camera did not close cleanly", extra={"trouble": str(error)})
        except Exception:  # an edge, as above
            log.exception("camera did not close cleanly")
        self._open = False
        self._keyframes.satisfied()
        if self._trouble:  # of this opening; the next one, which may be wanted already, begins without
            self._trouble = None
            self._changed()

    def _changed(self) -> None:
        for watcher in tuple(self._watchers):
            watcher()
