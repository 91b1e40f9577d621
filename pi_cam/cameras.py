"""The cameras of this device: each a hub or two with a name, a state that survives a restart, and a still picture."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any, Protocol

from pi_cam.camera_book import MAIN, CameraBook, CameraRow
from pi_cam.capture.source import is_local
from pi_cam.errors import CameraPrivate, Conflict, NotFound
from pi_cam.hub import Hub
from pi_cam.privacy import Privacy
from pi_cam.stills import Glances, RunBlocking, take_still


class Watching(Protocol):
    """What is shown of a viewer."""

    @property
    def delay_ms(self) -> int | None:
        """As its page measured it."""


@dataclass(frozen=True, slots=True)
class Renditions:
    """One camera's streams: the main one, and a small one where there is one. `address` is shown, without a password."""

    main: Hub
    small: Hub | None
    address: str

    @property
    def all(self) -> list[Hub]:
        """Both, or the one."""
        return [self.main] if self.small is None else [self.main, self.small]

    @property
    def flowing(self) -> Hub:
        """The one that is shown: the main one, but while only the small one is taken, that."""
        if self.small is not None and self.main.state == "idle" and self.small.state == "live":
            return self.small
        return self.main


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera that is written down, and its streams."""

    row: CameraRow
    streams: Renditions

    @property
    def id(self) -> str:
        """Its id."""
        return self.row.id

    @property
    def hub(self) -> Hub:
        """The main stream's."""
        return self.streams.main

    @property
    def is_here(self) -> bool:
        """Whether it films where this machine is; the operator's camera counts as such wherever it stands."""
        return self.id == MAIN or is_local(self.row.address or "")

    @property
    def gives_pictures(self) -> bool:
        """Now, or as soon as somebody wants them: it is neither off nor in trouble."""
        return any(hub.state in ("idle", "starting", "live") for hub in self.streams.all)


MakeStreams = Callable[[CameraRow], Renditions]
"""Makes (does not start) what a row describes; never raises: a camera that cannot be says so in its state."""


class Cameras:
    """All cameras. Lives in the media loop; one that fails touches no other. `choosable`: the owner may say which camera
    `main` is."""

    def __init__(
        self,
        book: CameraBook,
        make: MakeStreams,
        viewers_of: Callable[[str], Sequence[Watching]],
        run_blocking: RunBlocking,
        privacy: Privacy,
        *,
        choosable: bool = False,
    ) -> None:
        self.glances = Glances()
        self._choosable = choosable
        self._book = book
        self._make = make
        self._viewers_of = viewers_of
        self._run_blocking = run_blocking
        self._privacy = privacy
        self._cameras: dict[str, Camera] = {row.id: Camera(row, make(row)) for row in book.open()}
        self._stills: dict[str, asyncio.Task[bytes]] = {}
        self._turn = asyncio.Lock()

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
        stats = camera.streams.flowing.stats()
        viewers = self._viewers_of(camera.id)
        delays = [viewer.delay_ms for viewer in viewers if viewer.delay_ms is not None]
        return {
            "id": camera.id,
            "name": camera.row.name,
            "state": stats.state,
            "trouble": stats.trouble,
            "source": camera.streams.address,
            "codec": stats.codec,
            "width": stats.width,
            "height": stats.height,
            "fps": stats.fps,
            "bitrate": stats.bitrate,
            "viewers": len(viewers),
            "drops": sum(hub.drops for hub in camera.streams.all),
            "delay_ms": round(median(delays)) if delays else None,
            "transcoded": stats.transcoded,
            "small": camera.streams.small is not None,
            "allow_lan": camera.row.allow_lan,
            "choosable": camera.id != MAIN or self._choosable,
        }

    @property
    def is_private(self) -> bool:
        """Whether all are hidden. From any thread."""
        return self._privacy.is_on

    def turn_private(self) -> None:
        """No camera opens any more, from now; `hide` closes those that are open. From any thread."""
        self._privacy.turn_on()

    def published(self) -> dict[str, int]:
        """How many access units came since the start, of all streams of each camera."""
        return {camera.id: sum(hub.published for hub in camera.streams.all) for camera in self.all()}

    async def start(self, camera_id: str) -> None:
        """Lets viewers in again. Raises `CameraPrivate`."""
        camera = self.get(camera_id)
        if self._privacy.is_on:
            raise CameraPrivate
        await self._run_blocking(self._book.set_stopped, camera_id, False)
        for hub in camera.streams.all:
            await hub.start()

    async def stop(self, camera_id: str) -> None:
        """Ends every viewer's pictures before it returns; survives a restart."""
        camera = self.get(camera_id)
        for hub in camera.streams.all:
            await hub.stop()
        await self._run_blocking(self._book.set_stopped, camera_id, True)

    async def hide(self) -> None:
        """Privacy: closes every camera, at once, and for those that are added meanwhile. Raises `StoreError` when that would
        not survive a restart; they are closed all the same."""
        async with self._turn:
            self._privacy.turn_on()
            await asyncio.gather(*(hub.hide() for camera in self.all() for hub in camera.streams.all))
            await self._run_blocking(self._privacy.keep)

    async def show(self) -> None:
        """Ends privacy; whoever stopped a camera before finds it stopped. Raises `StoreError`, and then it is still on."""
        async with self._turn:
            await self._run_blocking(self._privacy.turn_off)
            await asyncio.gather(*(hub.show() for camera in self.all() for hub in camera.streams.all))

    async def still(self, camera_id: str) -> bytes:
        """A JPEG of now. Raises as `stills.take_still`.

        All who ask at the same time get the same one: decoding is dear.
        """
        camera = self.get(camera_id)
        task = self._stills.get(camera_id)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._glance(camera))
            self._stills[camera_id] = task
            task.add_done_callback(lambda _: self._stills.pop(camera_id, None))
        return await asyncio.shield(task)

    async def _glance(self, camera: Camera) -> bytes:
        with self.glances.of(camera.id):
            return await take_still(camera.hub, self._run_blocking)

    async def add(self, row: CameraRow) -> Camera:
        """A camera whose address was checked. Raises as `CameraBook.add`."""
        async with self._turn:
            written = await self._run_blocking(self._book.add, row)
            camera = self._cameras[written.id] = Camera(written, self._make(written))
        return camera

    async def change(
        self, camera_id: str, fields: Mapping[str, Any], check: Callable[[CameraRow], None] = lambda row: None
    ) -> Camera:
        """`fields`: those of `CameraRow` that change, merged with what is written down by then. Another name leaves the
        pictures alone; another address ends them. `check` may refuse by raising, while nobody else changes it. Raises that,
        as `CameraBook.change`, and `Conflict` for the address of the operator's camera."""
        async with self._turn:
            before = self.get(camera_id)
            check(before.row)
            if camera_id == MAIN and set(fields) - {"name"} and not self._choosable:
                raise Conflict("This camera's address is named where pi-cam is started, and can only be changed there.")
            if set(fields) <= {"name"}:
                written = await self._run_blocking(self._book.rename, before.row, fields.get("name", before.row.name))
            else:
                written = await self._run_blocking(self._book.change, replace(before.row, **fields))
            written = replace(written, stopped=before.hub.stopped)
            same = _place(before.row) == _place(written)
            camera = Camera(written, before.streams if same else self._make(written))
            self._cameras[camera_id] = camera
        if not same:
            await self._close(before)
        return camera

    async def remove(self, camera_id: str) -> None:
        """Ends its pictures. Raises as `CameraBook.remove`."""
        async with self._turn:
            await self._run_blocking(self._book.remove, camera_id)
            camera = self._cameras.pop(camera_id)
        await self._close(camera)

    async def order(self, cameras: list[str]) -> None:
        """Raises as `CameraBook.order`."""
        async with self._turn:
            await self._run_blocking(self._book.order, cameras)
            self._cameras = {camera: self._cameras[camera] for camera in cameras}

    async def close(self) -> None:
        """Closes every source."""
        await asyncio.gather(*(self._close(camera) for camera in self._cameras.values()))

    @staticmethod
    async def _close(camera: Camera) -> None:
        await asyncio.gather(*(hub.close() for hub in camera.streams.all))


def _place(row: CameraRow) -> tuple[str | None, str | None, bool, bool]:
    return row.address, row.small_address, row.allow_lan, row.unreadable
