"""The floor: who may talk through a loudspeaker now. Lives in the media loop."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from pi_cam.errors import FloorTaken, NoLoudspeaker, NotAllowed
from pi_cam.transport.viewers import Diary, Viewer

SILENT_SECONDS = 10.0
"""Who has the floor and sends nothing so long, a page that hangs, loses it to whoever asks next."""

TALKERS_MAX = 4
"""At once, where the owner lets several talk."""


class Voices(Protocol):
    """What a loudspeaker takes (`pi_cam.intercom.Mouth`)."""

    def join(self, talker: str) -> None:
        """Somebody begins to talk: the loudspeaker opens."""

    def leave(self, talker: str) -> None:
        """Somebody ends; after the last one the loudspeaker closes."""

    def offer(self, talker: str, sequence: int, timestamp: int, payload: bytes) -> None:
        """An Opus packet of theirs, with its RTP sequence number and timestamp."""


@dataclass(slots=True)
class Talker:
    """Somebody who has the floor; times in monotonic seconds."""

    viewer: Viewer
    since: float
    last_heard: float
    heard: bool = False


class Floor:
    """One at a time, unless `several` says otherwise. What others send is dropped as it comes, undecoded. `is_open`: whether
    there is a loudspeaker that people may use."""

    def __init__(
        self,
        voices: Voices,
        several: Callable[[], bool],
        diary: Diary | None = None,
        clock: Callable[[], float] = time.monotonic,
        is_open: Callable[[], bool] = lambda: True,
    ) -> None:
        self._is_open = is_open
        self._voices = voices
        self._several = several
        self._diary = diary
        self._clock = clock
        self._talkers: dict[str, Talker] = {}
        self._watchers: list[Callable[[], None]] = []

    def ask(self, viewer: Viewer, *, take: bool = False) -> None:
        """Gives the floor to a viewer. `take`: from whoever has it, which the owner may. Raises `NotAllowed` without the
        right, `NoLoudspeaker`, and `FloorTaken` while somebody else talks."""
        if "talk" not in viewer.visitor.can:
            raise NotAllowed("This needs the right to talk.")
        if not self._is_open():
            raise NoLoudspeaker("This camera has no loudspeaker to talk through.")
        if viewer.id in self._talkers:
            return
        others = list(self._talkers.values())
        speaking = [one for one in others if self._clock() - one.last_heard < SILENT_SECONDS]
        if take:
            if not viewer.visitor.owner:
                raise NotAllowed("Only the owner can take the floor from somebody who talks.")
            self._end(others)
        elif self._several():
            if len(speaking) >= TALKERS_MAX:
                raise FloorTaken("As many people talk as this camera allows.")
            self._end([one for one in others if one not in speaking] if len(others) >= TALKERS_MAX else [])
        else:
            if speaking:
                raise FloorTaken("Somebody else is talking.")
            self._end(others)
        now = self._clock()
        self._voices.join(viewer.id)
        self._talkers[viewer.id] = Talker(viewer, now, now)
        self.tell()

    def give_back(self, viewer: Viewer) -> None:
        """Whoever has not got it has nothing to give back."""
        talker = self._talkers.get(viewer.id)
        if talker is not None:
            self._end([talker])
            self.tell()

    def heard(self, viewer: Viewer, sequence: int, timestamp: int, payload: bytes) -> None:
        """A packet that a viewer sent; it goes no further unless that viewer has the floor."""
        talker = self._talkers.get(viewer.id)
        if talker is None:
            return
        talker.last_heard = self._clock()
        if not talker.heard:
            talker.heard = True
            self._note("talked", talker)
        self._voices.offer(viewer.id, sequence, timestamp, payload)

    def has(self, viewer: Viewer) -> bool:
        """Whether this viewer has the floor."""
        return viewer.id in self._talkers

    def talkers(self) -> list[dict[str, str]]:
        """Who talks: `viewer`, the id that others see, and `name`."""
        return [{"viewer": one.viewer.public_id, "name": one.viewer.visitor.name} for one in self._talkers.values()]

    def clear(self) -> None:
        """Ends everybody's talk: the loudspeaker is switched off."""
        self._end(list(self._talkers.values()))
        self.tell()

    def narrow(self) -> None:
        """The owner no longer lets several talk: whoever began first goes on."""
        if not self._several():
            self._end(sorted(self._talkers.values(), key=lambda one: one.since)[1:])
        self.tell()

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Calls `changed` whenever somebody else has the floor; the answer ends that."""
        self._watchers.append(changed)

        def forget() -> None:
            if changed in self._watchers:
                self._watchers.remove(changed)

        return forget

    def _end(self, talkers: list[Talker]) -> None:
        for talker in talkers:
            del self._talkers[talker.viewer.id]
            self._voices.leave(talker.viewer.id)
            if talker.heard:
                self._note("stopped-talking", talker, seconds=round(self._clock() - talker.since, 1))

    def _note(self, action: str, talker: Talker, **detail: object) -> None:
        viewer = talker.viewer
        if self._diary is not None:
            self._diary.append(
                action, actor=viewer.visitor.name, camera=viewer.camera, address=viewer.visitor.address, **detail
            )

    def tell(self) -> None:
        """Calls all who watch: also when something else than the talkers changed."""
        for watcher in tuple(self._watchers):
            watcher()
