"""A still picture of a camera: opens an idle one, and says at once what is wrong with one in trouble."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from math import inf
from typing import Any

from pi_cam.errors import AddressRefused, CameraPrivate, CameraStopped, PiCamError, PictureTimeout, SourceUnreachable
from pi_cam.hub import Hub
from pi_cam.media.still import jpeg_of
from pi_cam.media.units import AccessUnit
from pi_cam.subscription import Subscription

STILL_SECONDS = 5.0
WAITING_UNITS = 300

GLANCE_SECONDS = 5.0
"""Whoever takes one picture after the other is seen as somebody who watches: a light that is asked now and then, and an
update that waits, would find none of these moments."""

TRIED, TRIED_ELSEWHERE = ":tried", ":tried elsewhere"
"""No camera's ids: what an address shows, of this machine or of another one, before it is written down."""

RunBlocking = Callable[..., Coroutine[object, object, Any]]
"""`pi_cam.loop.Loop.run_blocking`."""


class Glances:
    """Who gets a single picture, and is no viewer. Asked from any thread; noted in the media loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._present: Counter[str] = Counter()
        self._last: dict[str, float] = {}

    @contextmanager
    def of(self, camera: str) -> Iterator[None]:
        """While a picture is taken for somebody; one that fails was seen by nobody."""
        self._present[camera] += 1
        try:
            yield
            self._last[camera] = self._clock()
        finally:
            self._present[camera] -= 1

    def lately(self, camera: str) -> bool:
        """Whether somebody gets a picture of this camera, or got one a moment ago."""
        return self._present[camera] > 0 or self._clock() - self._last.get(camera, -inf) < GLANCE_SECONDS

    def any_lately(self) -> bool:
        """The same, of whatever camera."""
        return any(self.lately(camera) for camera in tuple(self._present))


async def take_still(hub: Hub, run_blocking: RunBlocking) -> bytes:
    """A JPEG of now. Raises `CameraStopped`, `PictureTimeout` after five seconds, and what is wrong with the camera."""
    units = await first_units(hub, STILL_SECONDS)
    jpeg: bytes = await run_blocking(jpeg_of, units, lane="stills")
    return jpeg


async def first_units(hub: Hub, seconds: float) -> list[AccessUnit]:
    """A keyframe and what follows it already. Raises as `take_still`."""
    subscription = hub.subscribe(WAITING_UNITS)
    try:
        async with asyncio.timeout(seconds):
            first = await _first_unit(hub, subscription)
    except TimeoutError:
        raise PictureTimeout("The camera gave no picture in time.") from None
    finally:
        units = subscription.waiting_units()
        subscription.close()
    if first is None:
        raise CameraPrivate if hub.state == "privacy" else CameraStopped("This camera is stopped.")
    return [first, *_until_keyframe(units)]


async def _first_unit(hub: Hub, subscription: Subscription) -> AccessUnit | None:
    """Raises what is wrong with the camera as soon as it says so."""
    waiting = asyncio.ensure_future(subscription.next())
    trouble = asyncio.Event()
    forget = hub.watch(lambda: trouble.set() if hub.trouble else None)
    if hub.trouble:
        trouble.set()
    told = asyncio.ensure_future(trouble.wait())
    try:
        await asyncio.wait([waiting, told], return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            raise _as_of_a_camera(hub.trouble)
        return waiting.result()
    finally:
        forget()
        waiting.cancel()
        told.cancel()


def _as_of_a_camera(trouble: PiCamError | None) -> PiCamError:
    """An address that is refused was bad input once; to whoever wants a picture it is a camera that is not there."""
    if isinstance(trouble, AddressRefused):
        return SourceUnreachable(str(trouble))
    return trouble or PictureTimeout("The camera gave no picture in time.")


def _until_keyframe(units: list[AccessUnit]) -> list[AccessUnit]:
    """What belongs to the first picture's group."""
    for index, unit in enumerate(units):
        if unit.keyframe:
            return units[:index]
    return units
