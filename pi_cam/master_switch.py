"""What is done to the whole camera by a page, the portal or the button: it is started, stopped, hidden, shown; and noted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from pi_cam.camera_book import MAIN
from pi_cam.cameras import Cameras
from pi_cam.control.light import Sign
from pi_cam.control.presses import Press
from pi_cam.errors import CameraPrivate
from pi_cam.hub import CameraState
from pi_cam.journal import Journal
from pi_cam.loop import Loop
from pi_cam.stills import TRIED
from pi_cam.transport.floor import Floor
from pi_cam.transport.viewers import Viewers


@dataclass(frozen=True, slots=True)
class By:
    """Who does it, as the journal shows it: a name (or `button`), and the address they come from."""

    name: str
    address: str = ""


BUTTON = By("button")


class MasterSwitch:
    """Its methods come from any thread but the media loop's, and return when no more pictures leave. `changed`: told after
    each."""

    def __init__(
        self, loop: Loop, cameras: Cameras, viewers: Viewers, journal: Journal, changed: Callable[[], None]
    ) -> None:
        self._loop = loop
        self._cameras = cameras
        self._viewers = viewers
        self._journal = journal
        self._changed = changed
        self._hiding: asyncio.Task[None] | None = None

    @property
    def is_private(self) -> bool:
        """Whether privacy is on."""
        return self._cameras.is_private

    def start(self, camera: str, by: By) -> None:
        """Lets viewers in again. Raises `NotFound`, `CameraPrivate`."""
        self._loop.call(self._cameras.start(camera))
        self._note("started", by, camera)

    def stop(self, camera: str, by: By) -> None:
        """For everybody, and after a restart, too. Raises `NotFound`."""
        self._loop.call(self._stop(camera))
        self._note("stopped", by, camera)

    def toggle(self, camera: str, by: By) -> None:
        """Stops what is not stopped, starts what is. Raises as both; `CameraPrivate` for either: nobody would see it."""
        if self.is_private:
            raise CameraPrivate
        stopped = self._cameras.get(camera).hub.stopped
        (self.start if stopped else self.stop)(camera, by)

    def hide(self, by: By) -> None:
        """Privacy on, at once, and noted. Raises `StoreError` when it is on, but would not survive a restart, and
        `NotReady` when the media loop is too busy to say that all is closed: it closes it all the same."""
        was_private = self.is_private
        self._cameras.turn_private()
        self._loop.post(self._begin_hiding)  # and not by a call, which is given up when it takes too long
        try:
            self._loop.call(self._hidden())
        finally:
            if not was_private:
                self._note("privacy-on", by)

    def show(self, by: By) -> None:
        """Privacy off. Raises `StoreError`, and then it is still on."""
        if self.is_private:
            self._loop.call(self._cameras.show())
            self._note("privacy-off", by)

    def press(self, press: Press) -> None:
        """What the button does: a short press stops or starts the machine's own camera, a long one turns privacy on or ends
        it. Raises as those."""
        if press == "short":
            self.toggle(MAIN, BUTTON)
        elif self.is_private:
            self.show(BUTTON)
        else:
            self.hide(BUTTON)

    async def _stop(self, camera: str) -> None:
        await self._cameras.stop(camera)
        await self._viewers.close_all("stopped", camera)

    def _begin_hiding(self) -> None:
        self._hiding = asyncio.get_running_loop().create_task(self._hide())

    async def _hidden(self) -> None:
        if self._hiding is not None:
            await asyncio.shield(self._hiding)

    async def _hide(self) -> None:
        try:
            await self._cameras.hide()
        finally:
            await self._viewers.close_all("privacy")

    def _note(self, action: str, by: By, camera: str = "") -> None:
        self._journal.append(action, actor=by.name, camera=camera, address=by.address)
        self._changed()


RESTING: dict[CameraState, Sign] = {"stopped": "off", "unreachable": "fault"}


async def sign(cameras: Cameras, viewers: Viewers, floor: Floor) -> Sign:
    """What the light says of the machine's own camera, and of who sees by whatever camera of this machine: that goes before
    all but privacy. In the media loop."""
    state = cameras.get(MAIN).hub.state
    if state == "privacy":
        return "privacy"
    seen = is_seen(cameras, viewers)
    if not seen and state in RESTING:
        return RESTING[state]
    if floor.talkers():
        return "talking"
    return "watched" if seen else "ready"


def is_seen(cameras: Cameras, viewers: Viewers) -> bool:
    """Whether somebody gets pictures of where this machine is: a viewer, or who takes single ones."""
    return cameras.glances.lately(TRIED) or any(
        viewers.of(camera.id) or cameras.glances.lately(camera.id)
        for camera in cameras.all()
        if camera.is_here and camera.gives_pictures
    )
