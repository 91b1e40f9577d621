"""One camera's fan-out: one source in, any number of bounded subscriptions out.

Everything here runs in the media loop, so nothing needs a lock. A source emits from its own threads; the hub takes that
through `Bridge.post`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pi_cam.bitrate import Encoder
from pi_cam.errors import CameraPrivate, CameraStopped, PiCamError
from pi_cam.keyframes import KeyframeRequests
from pi_cam.media.units import AccessUnit, AudioPacket
from pi_cam.meter import StreamMeter
from pi_cam.opening import Bridge, BringsSound, Device, Opening, Source
from pi_cam.recent import RecentUnits
from pi_cam.soundtrack import Soundtrack
from pi_cam.subscription import MayAsk, SoundSubscription, SoundTap, Subscription, Tap, always

log = logging.getLogger(__name__)

CameraState = Literal["stopped", "idle", "starting", "live", "unreachable", "privacy"]


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
    sends: str | None
    sound: str | None


class Hub:
    """Opens its source for the first subscriber, closes it `grace` seconds after the last, and fans out in between.

    `stop` (a person's wish) is stronger than any subscriber, and `hide` (privacy) than any wish. `changed` callbacks are
    told after each change of state. `microphone`: heard instead of the sound that the source brings; while `muted()` that
    is not heard either.
    """

    def __init__(
        self,
        source: Source,
        bridge: Bridge,
        *,
        microphone: Device | None = None,
        muted: Callable[[], bool] = lambda: False,
        grace: float = 5.0,
        stopped: bool = False,
        hidden: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.source = source
        self.drops = 0
        self.published = 0
        self._grace = grace
        self._subscriptions: set[Subscription | Tap] = set()
        brings_sound = source if isinstance(source, BringsSound) else None
        self.sound = Soundtrack(bridge, self._changed, microphone, brings_sound, muted)
        self._watchers: list[Callable[[], None]] = []
        self._stopped = stopped
        self._hidden = hidden
        self.trouble: PiCamError | None = None
        self._live = False
        self._meter = StreamMeter(clock)
        self._recent = RecentUnits()
        self._keyframes = KeyframeRequests(source.request_keyframe, clock)
        self._opening = Opening(source, bridge, self)

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
            self._end()

    async def hide(self) -> None:
        """As `stop`, until `show`, whatever is started or stopped meanwhile."""
        if not self._hidden:
            self._hidden = True
            self._end()

    async def show(self) -> None:
        """Ends what `hide` began. A stopped camera is still stopped."""
        if self._hidden:
            self._hidden = False
            self._changed()

    @property
    def stopped(self) -> bool:
        """Whether a person stopped it; also while it is hidden."""
        return self._stopped

    async def close(self) -> None:
        """Ends everything and waits until the source is closed."""
        self._watchers.clear()
        await self.stop()
        await asyncio.gather(self._opening.settled(), self.sound.settled())

    def subscribe(self, limit: int = 60, *, armed: bool = True, may_ask: MayAsk = always) -> Subscription:
        """Opens the source if need be. `limit`: units that may wait; `may_ask`: whether a keyframe may be made when it is
        armed. Raises `CameraStopped`, `CameraPrivate`."""
        self._refuse_while_off()
        subscription = Subscription(self, limit, may_ask)
        self._subscriptions.add(subscription)
        self._want(True)
        if armed:
            subscription.arm()
        return subscription

    def tap(self, may_ask: MayAsk = always) -> Tap:
        """For a viewer that takes units as they come. Opens the source if need be; as `subscribe`."""
        self._refuse_while_off()
        tap = Tap(self, may_ask)
        self._subscriptions.add(tap)
        self._want(True)
        return tap

    def listen(self, limit: int = 10) -> SoundSubscription:
        """Sound, where there is any; it does not open the camera by itself. `limit`: packets of 20 ms. Raises
        `CameraStopped`, `CameraPrivate`."""
        self._refuse_while_off()
        return self.sound.listen(limit)

    def tap_sound(self, take: Callable[[AudioPacket], None]) -> SoundTap:
        """As `listen`, for a listener that takes packets as they come."""
        self._refuse_while_off()
        return self.sound.tap(take)

    def request_keyframe(self) -> None:
        """Asks the source for a keyframe, coalesced with the requests of others."""
        if self._opening.open and self.source.capabilities.askable:
            self._keyframes.request()

    @property
    def encoder(self) -> Encoder:
        """What the source was set up for, else what it sends now; 0 while neither is known."""
        able = self.source.capabilities
        return Encoder(able.bitrate or self._meter.bitrate() or 0, able.adjustable)

    def set_bitrate(self, bits_per_second: int) -> None:
        """Aims the encoder, where it can be steered."""
        if self.source.capabilities.adjustable:
            self.source.set_bitrate(bits_per_second)

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
        if self._hidden:
            return "privacy"
        if self._stopped:
            return "stopped"
        if not self._opening.wanted:
            return "idle"
        if self.trouble:
            return "unreachable"
        return "live" if self._live else "starting"

    def stats(self) -> HubStats:
        """What flows now."""
        known = self._meter.parameters
        return HubStats(
            state=self.state,
            trouble=str(self.trouble) if self.trouble else None,
            codec="h264" if known else None,
            profile_level_id=known.profile_level_id if known else None,
            width=known.width if known else None,
            height=known.height if known else None,
            fps=self._meter.fps() if self._live else None,
            bitrate=self._meter.bitrate() if self._live else None,
            subscribers=len(self._subscriptions),
            drops=self.drops,
            transcoded=self.source.capabilities.transcoded,
            sends=self.source.capabilities.sends,
            sound=self.source.capabilities.sound,
        )

    # What the source brings

    def publish(self, unit: AccessUnit | AudioPacket) -> None:
        """Hands a unit to every subscription, or sound to every listener."""
        if isinstance(unit, AudioPacket):
            self.sound.from_camera(unit)
            return
        self.published += 1
        self._meter.count(unit)
        self._recent.add(unit)
        if unit.keyframe:
            self._keyframes.satisfied()
        for subscription in tuple(self._subscriptions):
            subscription.offer(unit)
        if not self._live:
            self._live = True
            self.trouble = None
            self._changed()

    def fast_forward(self) -> list[AccessUnit]:
        """For a source that cannot be asked: the units since the last keyframe, timed to be decoded at once."""
        return [] if self.source.capabilities.askable else self._recent.fast_forward()

    def forget(self, subscription: Subscription | Tap) -> None:
        """A subscription was closed."""
        self._subscriptions.discard(subscription)
        if not self._subscriptions:
            self._opening.let_go(self._grace, self._unwatched)

    def troubled(self, trouble: PiCamError | None) -> None:
        """The source says what is wrong, or that nothing is any more."""
        if str(trouble) == str(self.trouble):
            return
        self.trouble = trouble
        if trouble:
            self._live = False
            self._recent.clear()
            log.warning("camera in trouble", extra={"trouble": str(trouble)})
        self._changed()

    def closed(self) -> None:
        """The source is closed; the next opening, which may be wanted already, begins without the past."""
        self._recent.clear()
        self._meter.reset()
        self._keyframes.satisfied()
        if self.trouble:
            self.trouble = None
            self._changed()

    def _refuse_while_off(self) -> None:
        if self._hidden:
            raise CameraPrivate
        if self._stopped:
            raise CameraStopped("This camera is stopped.")

    def _end(self) -> None:
        self._live = False
        self._want(False)
        for subscription in tuple(self._subscriptions):
            subscription.close()
        self.sound.silence()
        self._changed()

    def _want(self, wanted: bool) -> None:
        was_wanted = self._opening.wanted
        self._opening.want(wanted)
        if wanted != was_wanted:
            self._changed()

    def _unwatched(self) -> None:
        self._live = False
        self._changed()

    def _changed(self) -> None:
        for watcher in tuple(self._watchers):
            watcher()
