"""Everybody who is here now, open pages and viewers; who lost a right loses what it opened."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Protocol

from pi_cam.errors import NotReady, StoreError
from pi_cam.loop import Loop
from pi_cam.transport import websocket as protocol
from pi_cam.transport.viewers import Viewer, Viewers, Visitor
from pi_cam.trust.capabilities import Person, rights
from pi_cam.trust.rights import Credential

log = logging.getLogger(__name__)

CHECK_SECONDS = 1.0
"""How late a right may end that another process took (`pi-cam token revoke`), or the clock (a guest's last day)."""

CLOSE_SECONDS = 0.5
CLOSE_RIGHTS_CHANGED = 1001

Lookup = Callable[[Iterable[Credential]], dict[Credential, Person | None]]
"""`trust.rights.Rights.now`."""


class Page(Protocol):
    """An open page (`api.sockets.SockConnection`)."""

    visitor: Visitor
    camera: str

    def close(self, code: int, reason: str) -> None:
        """Closes after what is queued."""

    async def sent(self) -> None:
        """Waits until all that is queued has left."""


class Present:
    """A `Subsystem`. Its methods but `start`, `stop`, `state` and `check_now` are called in the media loop."""

    def __init__(self, loop: Loop, viewers: Viewers, lookup: Lookup) -> None:
        self.viewers = viewers
        self._loop = loop
        self._lookup = lookup
        self._pages: set[Page] = set()
        self._checking: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to look everybody up again, once a second."""
        self._loop.call(self._begin())

    def stop(self) -> None:
        """Ends that."""
        with contextlib.suppress(NotReady):
            self._loop.call(self._end())

    def state(self) -> dict[str, object]:
        """How many are here."""
        return {"pages": self.pages(), "viewers": len(self.viewers.all())}

    def pages(self) -> int:
        """How many are open; from any thread."""
        return len(self._pages)

    def check_now(self) -> None:
        """From a Flask thread, after rights were changed here: takes effect before it returns."""
        self._loop.call(self.check())

    def add(self, page: Page) -> None:
        """A page was opened."""
        self._pages.add(page)

    def discard(self, page: Page) -> None:
        """A page is gone."""
        self._pages.discard(page)

    async def close_pages(self, code: int, reason: str) -> None:
        """Tells every open page, as the camera goes down."""
        await self._close(list(self._pages), code, reason)

    async def end_camera(self, camera: str, code: int, reason: str) -> None:
        """Ends the pages and the viewers of one camera."""
        await self._close([page for page in self._pages if page.camera == camera], code, reason)
        await self.viewers.close_all(reason, camera)

    async def check(self) -> None:
        """Looks everybody up again, and ends what is not allowed any more."""
        visitors = [page.visitor for page in self._pages] + [viewer.visitor for viewer in self.viewers.all()]
        credentials = {_credential(visitor) for visitor in visitors}
        if not credentials:
            return
        people = await self._loop.run_blocking(self._lookup, credentials, lane="rights")
        await self._end_pages(people)
        await self._end_viewers(people)

    async def _begin(self) -> None:
        self._checking = asyncio.get_running_loop().create_task(self._check_forever())

    async def _end(self) -> None:
        if self._checking is not None:
            self._checking.cancel()

    async def _check_forever(self) -> None:
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            try:
                await self.check()
            except (StoreError, NotReady) as error:  # the disk: pictures go on, and the next look may succeed
                log.warning("rights could not be looked up", extra={"trouble": str(error)})

    async def _end_pages(self, people: dict[Credential, Person | None]) -> None:
        ended: list[Coroutine[Any, Any, None]] = []
        for page in tuple(self._pages):
            credential = _credential(page.visitor)
            if credential in people:  # a page opened meanwhile was looked up just now
                code, reason = _verdict(people[credential], page)
                if code:
                    ended.append(self._close([page], code, reason))
        await asyncio.gather(*ended)

    async def _end_viewers(self, people: dict[Credential, Person | None]) -> None:
        ended = []
        for viewer in self.viewers.all():
            credential = _credential(viewer.visitor)
            if credential in people and not _goes_on(people[credential], viewer):
                ended.append(viewer.close("not-allowed"))
        await asyncio.gather(*ended)  # each takes its own time

    @staticmethod
    async def _close(pages: list[Page], code: int, reason: str) -> None:
        for page in pages:
            page.close(code, reason)
        if pages:
            await asyncio.wait([asyncio.ensure_future(page.sent()) for page in pages], timeout=CLOSE_SECONDS)


def _credential(visitor: Visitor) -> Credential:
    return visitor.key, visitor.session


def _verdict(person: Person | None, page: Page) -> tuple[int, str]:
    """The close code for a page, or 0."""
    if person is None:
        return protocol.CLOSE_NOT_SIGNED_IN, "signed out"
    can = tuple(rights(person, page.camera))
    if "view" not in can:
        return protocol.CLOSE_NOT_ALLOWED, "not allowed"
    return (0, "") if can == page.visitor.can else (CLOSE_RIGHTS_CHANGED, "rights changed")


def _goes_on(person: Person | None, viewer: Viewer) -> bool:
    """Whether nothing that a viewer receives or may send was taken from it."""
    can = rights(person, viewer.camera) if person else []
    uses = ("view", "listen", "talk") if viewer.can_talk else ("view", "listen")
    return all(capability in can for capability in uses if capability in viewer.visitor.can)
