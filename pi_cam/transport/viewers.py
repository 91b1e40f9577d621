"""Everybody who watches now, whatever the transport: the cap, and how a viewer is ended."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from pi_cam.bitrate import Gets
from pi_cam.transport import room


class Diary(Protocol):
    """Where it is written down who watched; `pi_cam.journal` is one."""

    def append(self, action: str, *, actor: str = "", camera: str = "", address: str = "", **detail: Any) -> None:
        """Returns at once and never raises."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who knocks: a key and a name (as `trust.capabilities.Person` has them), the session that it came with (None for a
    token), what it may do to the camera that it knocks for, from where it comes, whether it is the owner, and its role here
    or at the portal ("" for a token)."""

    key: str
    name: str
    session: str | None
    can: tuple[str, ...] = ("view",)
    address: str = ""
    owner: bool = False
    role: str = ""


class Viewer(Protocol):
    """One person's media session. `id` is the address of a WHEP session and stays between the two; others see
    `public_id`."""

    id: str
    public_id: str
    camera: str
    visitor: Visitor
    transport: str
    started_at: float

    @property
    def delay_ms(self) -> int | None:
        """As its page measured it."""

    def delay(self) -> dict[str, float | None]:
        """The same by stage, in milliseconds (`transport.delay.STAGES`); None where unknown."""

    @property
    def can_talk(self) -> bool:
        """Whether what it says could be heard: over WHEP it never is."""

    def gets(self) -> Gets:
        """What it gets of the camera, and why."""

    async def close(self, reason: str) -> None:
        """Ends it. `reason` is a word for the other side."""


def new_viewer_id() -> str:
    """Not to be guessed: it is the address of a WHEP session."""
    return secrets.token_urlsafe(16)


class Viewers:
    """The registry. Lives in the media loop."""

    def __init__(
        self, limit: Callable[[], int], diary: Diary | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit = limit
        self._diary = diary
        self._clock = clock
        self._viewers: dict[str, Viewer] = {}
        self._began: dict[str, tuple[float, str]] = {}
        self._listening: set[str] = set()
        self._connecting: set[str] = set()

    def check_room(self, visitor: Visitor) -> None:
        """Raises `TooManyViewers`, `TooManyConnections` at the caps (`transport.room`)."""
        watching = [viewer.visitor for viewer in self._viewers.values()]
        connecting = [self._viewers[viewer].visitor for viewer in self._connecting]
        room.check(visitor, watching, connecting, self._limit())

    def add(self, viewer: Viewer) -> None:
        """It is about to connect, until `connected`. Raises as `check_room`."""
        self.check_room(viewer.visitor)
        self._viewers[viewer.id] = viewer
        self._connecting.add(viewer.id)

    def connected(self, viewer: Viewer) -> None:
        """Pictures can get there."""
        self._connecting.discard(viewer.id)

    def began(self, viewer: Viewer, address: str) -> None:
        """It may see pictures from now on; `address`: where it is. Whatever lets a viewer in says so."""
        if viewer.id in self._viewers:
            self._began[viewer.id] = (self._clock(), address)
            self._note("watched", viewer, address)

    def hears(self, viewer: Viewer) -> None:
        """Sound is on its way to it. Said as often as it happens; it is written down once."""
        if viewer.id in self._began and viewer.id not in self._listening:
            self._listening.add(viewer.id)
            self._note("listened", viewer, self._began[viewer.id][1])

    def remove(self, viewer: Viewer, reason: str = "") -> None:
        """One that is gone already is no error."""
        self._viewers.pop(viewer.id, None)
        self._connecting.discard(viewer.id)
        self._listening.discard(viewer.id)
        if viewer.id in self._began:
            since, address = self._began.pop(viewer.id)
            self._note("stopped-watching", viewer, address, seconds=round(self._clock() - since, 1), why=reason)

    def _note(self, action: str, viewer: Viewer, address: str, **detail: Any) -> None:
        if self._diary is not None:
            self._diary.append(
                action,
                actor=viewer.visitor.name,
                camera=viewer.camera,
                address=address,
                transport=viewer.transport,
                **detail,
            )

    def get(self, viewer_id: str) -> Viewer | None:
        """By id."""
        return self._viewers.get(viewer_id)

    def all(self) -> list[Viewer]:
        """Everybody."""
        return list(self._viewers.values())

    def of(self, camera: str) -> list[Viewer]:
        """All of one camera."""
        return [viewer for viewer in self._viewers.values() if viewer.camera == camera]

    async def close_all(self, reason: str, camera: str | None = None) -> None:
        """Ends all viewers, or those of one camera."""
        wanted = [viewer for viewer in self._viewers.values() if camera is None or viewer.camera == camera]
        await asyncio.gather(*(viewer.close(reason) for viewer in wanted))
