"""What each viewer holds of a hub: a bounded queue that prefers the present to completeness."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Protocol

from pi_cam.media.units import AccessUnit, AudioPacket

log = logging.getLogger(__name__)


class Origin(Protocol):
    """What a subscription needs of its hub (`pi_cam.hub.Hub`)."""

    drops: int

    def fast_forward(self) -> list[AccessUnit]:
        """The units since the last keyframe, if newcomers get them."""

    def request_keyframe(self) -> None:
        """Asks for one."""

    def forget(self, subscription: Subscription | Tap) -> None:
        """It was closed."""


MayAsk = Callable[[], bool]
"""Whether who comes may have a keyframe made for it; else it waits for the camera's next."""


def always() -> bool:
    """For who is trusted."""
    return True


class SoundOrigin(Protocol):
    """What a listener's subscription needs (`pi_cam.soundtrack.Soundtrack`)."""

    def forget_listener(self, subscription: SoundSubscription | SoundTap) -> None:
        """It was closed."""


class Subscription:
    """A viewer's bounded queue of access units. The first unit after arming, and after a drop, is a keyframe.

    When it is full, all that waits in it is dropped and counted, and nothing comes until the next keyframe: a slow viewer
    jumps to the present instead of lagging. Iterate over it; iteration ends when it is closed from either side.
    """

    def __init__(self, hub: Origin, limit: int, may_ask: MayAsk = always) -> None:
        self.dropped = 0
        self.closed = False
        self._hub = hub
        self._may_ask = may_ask
        self._limit = limit
        self._room = limit
        self._queue: deque[AccessUnit] = deque()
        self._armed = False
        self._waiting = True
        self._news = asyncio.Event()

    def arm(self) -> None:
        """From now on units are wanted; until then the subscription only keeps the camera open."""
        if self._armed or self.closed:
            return
        self._armed = True
        past = self._hub.fast_forward()
        if past:
            self._queue.extend(past)
            self._room = len(past) + self._limit
            self._waiting = False
            self._news.set()
        elif self._may_ask():
            self._hub.request_keyframe()

    def offer(self, unit: AccessUnit) -> None:
        """Takes a unit from the hub, or drops it."""
        if not self._armed or (self._waiting and not unit.keyframe):
            return
        if len(self._queue) >= self._room:
            self._drop(unit)
            return
        self._waiting = False
        self._queue.append(unit)
        self._news.set()

    def close(self) -> None:
        """Ends the iteration at once and forgets what waits. May be called twice."""
        if not self.closed:
            self.closed = True
            self._queue.clear()
            self._news.set()
            self._hub.forget(self)

    def waiting_units(self) -> list[AccessUnit]:
        """Takes all that waits now, oldest first."""
        units = list(self._queue)
        self._queue.clear()
        return units

    async def next(self) -> AccessUnit | None:
        """The next unit, or None once the subscription is closed."""
        while not self._queue:
            if self.closed:
                return None
            self._room = self._limit
            self._news.clear()
            await self._news.wait()
        return self._queue.popleft()

    def __aiter__(self) -> AsyncIterator[AccessUnit]:
        return self._iterate()

    async def _iterate(self) -> AsyncIterator[AccessUnit]:
        while (unit := await self.next()) is not None:
            yield unit

    def _drop(self, unit: AccessUnit) -> None:
        lost = len(self._queue) + (0 if unit.keyframe else 1)
        self.dropped += lost
        self._hub.drops += lost
        self._queue.clear()
        self._room = self._limit
        self._waiting = not unit.keyframe
        if unit.keyframe:
            self._queue.append(unit)
        else:
            self._hub.request_keyframe()


class Tap:
    """A viewer that takes each unit at once, in the hub's own turn, and has no queue. The first unit is a keyframe, and so
    is the first after `hold`."""

    __slots__ = ("_hub", "_may_ask", "_take", "_waiting", "closed", "dropped")

    def __init__(self, hub: Origin, may_ask: MayAsk = always) -> None:
        self.dropped = 0
        self.closed = False
        self._hub = hub
        self._may_ask = may_ask
        self._take: Callable[[AccessUnit], None] | None = None
        self._waiting = True

    def arm(self, take: Callable[[AccessUnit], None], *, live: bool = False) -> None:
        """From now on units are wanted; until then the camera is only kept open. `live`: those to come, and no past ones."""
        if self._take is not None or self.closed:
            return
        self._take = take
        past = [] if live else self._hub.fast_forward()
        self._waiting = not past
        for unit in past:
            if not self._waiting:
                self.offer(unit)
        if not past and self._may_ask():
            self._hub.request_keyframe()

    def offer(self, unit: AccessUnit) -> None:
        """Hands a unit on, or drops it."""
        take = self._take
        if take is None or (self._waiting and not unit.keyframe):
            return
        self._waiting = False
        try:
            take(unit)
        except Exception:  # an edge: whatever is wrong with one viewer, the others must not miss this picture
            log.exception("a viewer's sender failed")
            self.close()

    def hold(self, lost: int = 0) -> None:
        """Nothing before the next keyframe, which is asked for. `lost`: units that were taken, and came to nothing."""
        self._count(lost)
        self._waiting = True
        self._hub.request_keyframe()

    def close(self) -> None:
        """May be called twice."""
        if not self.closed:
            self.closed = True
            self._take = None
            self._hub.forget(self)

    def _count(self, lost: int) -> None:
        self.dropped += lost
        self._hub.drops += lost


class SoundSubscription:
    """A listener's bounded queue of sound. When it is full, the oldest 20 ms go: a click, and no growing delay."""

    def __init__(self, origin: SoundOrigin, limit: int) -> None:
        self.dropped = 0
        self.closed = False
        self._origin = origin
        self._limit = limit
        self._queue: deque[AudioPacket] = deque()
        self._news = asyncio.Event()

    def offer(self, packet: AudioPacket) -> None:
        """Takes a packet from the hub."""
        if len(self._queue) >= self._limit:
            self._queue.popleft()
            self.dropped += 1
        self._queue.append(packet)
        self._news.set()

    def close(self) -> None:
        """Ends it; may be called twice."""
        if not self.closed:
            self.closed = True
            self._queue.clear()
            self._news.set()
            self._origin.forget_listener(self)

    async def next(self) -> AudioPacket | None:
        """The next packet, or None once the subscription is closed."""
        while not self._queue:
            if self.closed:
                return None
            self._news.clear()
            await self._news.wait()
        return self._queue.popleft()


class SoundTap:
    """A listener that takes each packet at once."""

    dropped = 0

    def __init__(self, origin: SoundOrigin, take: Callable[[AudioPacket], None]) -> None:
        self.closed = False
        self._origin, self._take = origin, take

    def offer(self, packet: AudioPacket) -> None:
        """Hands it on."""
        try:
            self._take(packet)
        except Exception:  # an edge: whatever is wrong with one listener, the others hear on
            log.exception("a listener's sender failed")
            self.close()

    def close(self) -> None:
        """May be called twice."""
        if not self.closed:
            self.closed = True
            self._origin.forget_listener(self)
