"""The cameras of this device: each a hub with a name, a state that survives a restart, and a still picture."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Protocol

from pi_cam.errors import CameraStopped, NotFound, PictureTimeout, SourceUnreachable
from pi_cam.hub import Hub
from pi_cam.media.still import jpeg_of
from pi_cam.media.units import AccessUnit
from pi_cam.store import Store
from pi_cam.subscription import Subscription

STILL_SECONDS = 5.0


class Watching(Protocol):
    """What is shown of a viewer."""

    @property
    def delay_ms(self) -> int | None:
        """As its page measured it."""


@dataclass(frozen=True, slots=True)
class Camera:
    """`address`: where its pictures come from, without a password."""

    id: str
    name: str
    address: str
    hub: Hub


class Cameras:
    """All cameras. Lives in the media loop, but for `stopped_before`."""

    def __init__(
        self,
        store: Store,
        viewers_of: Callable[[str], Sequence[Watching]],
        run_blocking: Callable[..., Coroutine[object, object, Any]],
    ) -> None:
        self._store = store
        self._viewers_of = viewers_of
        self._run_blocking = run_blocking
        self._cameras: dict[str, Camera] = {}
        self._stills: dict[str, asyncio.Task[bytes]] = {}

    def add(self, camera: Camera) -> None:
        """One more."""
        self._cameras[camera.id] = camera

    def get(self, camera_id: str) -> Camera:
        """Raises `NotFound`."""
        camera = self._cameras.get(camera_id)
        if camera is None:
            raise NotFound("There is no such camera.")
        return camera

    def all(self) -> list[Camera]:
        """In order."""
        return list(self._cameras.values())

    def describe(self, camera: Camera) -> dict[str, Any]:
        """The row of the API; null where unknown."""
        stats = camera.hub.stats()
        viewers = self._viewers_of(camera.id)
        delays = [viewer.delay_ms for viewer in viewers if viewer.delay_ms is not None]
        return {
            "id": camera.id,
            "name": camera.name,
            "state": stats.state,
            "trouble": stats.trouble,
            "source": camera.address,
            "codec": stats.codec,
            "width": stats.width,
            "height": stats.height,
            "fps": stats.fps,
            "bitrate": stats.bitrate,
            "viewers": len(viewers),
            "drops": stats.drops,
            "delay_ms": round(median(delays)) if delays else None,
            "transcoded": stats.transcoded,
        }

    async def start(self, camera_id: str) -> None:
        """Lets viewers in again."""
        camera = self.get(camera_id)
        await self._remember(camera_id, False)
        await camera.hub.start()

    async def stop(self, camera_id: str) -> None:
        """Ends every viewer's pictures before it returns; survives a restart."""
        camera = self.get(camera_id)
        await camera.hub.stop()
        await self._remember(camera_id, True)

    async def still(self, camera_id: str) -> bytes:
        """A JPEG of now. Opens an idle camera. Raises `CameraStopped`, `PictureTimeout` after five seconds.

        All who ask at the same time get the same one: decoding is dear.
        """
        camera = self.get(camera_id)
        task = self._stills.get(camera_id)
        if task is None:
            task = self._stills[camera_id] = asyncio.get_running_loop().create_task(self._take_still(camera))
            task.add_done_callback(lambda _: self._stills.pop(camera_id, None))
        return await asyncio.shield(task)

    async def _take_still(self, camera: Camera) -> bytes:
        subscription = camera.hub.subscribe(300)
        try:
            async with asyncio.timeout(STILL_SECONDS):
                first = await _first_unit(camera.hub, subscription)
        except TimeoutError:
            raise PictureTimeout("The camera gave no picture in time.") from None
        finally:
            units = subscription.waiting_units()
            subscription.close()
        if first is None:
            raise CameraStopped("This camera is stopped.")
        jpeg: bytes = await self._run_blocking(jpeg_of, [first, *_until_keyframe(units)], lane="stills")
        return jpeg

    async def close(self) -> None:
        """Closes every source."""
        await asyncio.gather(*(camera.hub.close() for camera in self._cameras.values()))

    async def _remember(self, camera_id: str, stopped: bool) -> None:
        await self._run_blocking(remember_stopped, self._store, camera_id, stopped)


def remember_stopped(store: Store, camera_id: str, stopped: bool) -> None:
    """Writes a person's wish down."""
    with store.transaction() as database:
        database.execute(
            "INSERT INTO cameras (id, stopped) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET stopped = excluded.stopped",
            (camera_id, int(stopped)),
        )


def stopped_before(store: Store, camera_id: str) -> bool:
    """Whether a person stopped this camera before the last restart."""
    with store.transaction() as database:
        row = database.execute("SELECT stopped FROM cameras WHERE id = ?", (camera_id,)).fetchone()
    return bool(row and row["stopped"])


async def _first_unit(hub: Hub, subscription: Subscription) -> AccessUnit | None:
    """Raises `SourceUnreachable` as soon as the camera says what is wrong with it."""
    waiting = asyncio.ensure_future(subscription.next())
    trouble = asyncio.Event()
    forget = hub.watch(lambda: trouble.set() if hub.stats().trouble else None)
    if hub.stats().trouble:
        trouble.set()
    told = asyncio.ensure_future(trouble.wait())
    try:
        await asyncio.wait([waiting, told], return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            raise SourceUnreachable(hub.stats().trouble or "The camera gave no picture in time.")
        return waiting.result()
    finally:
        forget()
        waiting.cancel()
        told.cancel()


def _until_keyframe(units: list[AccessUnit]) -> list[AccessUnit]:
    """What belongs to the first picture's group."""
    for index, unit in enumerate(units):
        if unit.keyframe:
            return units[:index]
    return units
