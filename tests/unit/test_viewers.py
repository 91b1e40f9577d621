"""The registry of viewers: cap, lookup, end."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from pi_cam.bitrate import Gets
from pi_cam.errors import TooManyConnections, TooManyViewers
from pi_cam.transport.viewers import Viewers, Visitor, new_viewer_id

ADA = Visitor("user 1", "Ada", None)


@dataclass(eq=False)
class FakeViewer:
    camera: str = "main"
    visitor: Visitor = ADA
    id: str = field(default_factory=new_viewer_id)
    public_id: str = field(default_factory=new_viewer_id)
    transport: str = "fake"
    started_at: float = 0.0
    delay_ms: int | None = None
    can_talk: bool = True
    reasons: list[str] = field(default_factory=list)

    def gets(self) -> Gets:
        return Gets()

    def delay(self) -> dict[str, float | None]:
        return {}

    async def close(self, reason: str) -> None:
        self.reasons.append(reason)


def test_the_cap_holds_and_may_change_while_people_watch() -> None:
    limit = 2
    viewers = Viewers(lambda: limit)
    one, two = FakeViewer(), FakeViewer()
    for viewer in (one, two):
        viewers.add(viewer)
        viewers.connected(viewer)
    with pytest.raises(TooManyViewers):
        viewers.check_room(ADA)
    with pytest.raises(TooManyViewers):
        viewers.add(FakeViewer())
    viewers.remove(one)
    viewers.remove(one)
    viewers.add(FakeViewer())
    limit = 3
    viewers.add(FakeViewer())


def test_who_is_about_to_connect_takes_another_place_than_who_is_connected() -> None:
    viewers = Viewers(lambda: 8)
    some = [FakeViewer() for _ in range(4)]
    for viewer in some:
        viewers.add(viewer)
    with pytest.raises(TooManyConnections):
        viewers.check_room(ADA)
    viewers.connected(some[0])
    viewers.check_room(ADA)
    viewers.add(FakeViewer())
    with pytest.raises(TooManyConnections):
        viewers.check_room(ADA)
    viewers.remove(some[1], "never-connected")
    viewers.check_room(ADA)
    viewers.connected(some[1])  # too late, and no matter
    assert len(viewers.all()) == 4


def test_viewers_are_found_by_id_and_by_camera() -> None:
    viewers = Viewers(lambda: 8)
    main, garden = FakeViewer("main"), FakeViewer("garden")
    viewers.add(main)
    viewers.add(garden)
    assert viewers.get(main.id) is main
    assert viewers.get("") is None
    assert viewers.of("garden") == [garden]
    assert viewers.of("nowhere") == []
    assert viewers.all() == [main, garden]


def test_all_or_those_of_one_camera_are_ended() -> None:
    viewers = Viewers(lambda: 8)
    main, garden = FakeViewer("main"), FakeViewer("garden")
    viewers.add(main)
    viewers.add(garden)
    asyncio.run(viewers.close_all("stopped", "garden"))
    assert (main.reasons, garden.reasons) == ([], ["stopped"])
    asyncio.run(viewers.close_all("restarting"))
    assert (main.reasons, garden.reasons) == (["restarting"], ["stopped", "restarting"])


def test_ids_cannot_be_guessed() -> None:
    ids = {new_viewer_id() for _ in range(1_000)}
    assert len(ids) == 1_000
    assert min(map(len, ids)) >= 20


class FakeDiary:
    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []

    def append(self, action: str, **what: Any) -> None:
        self.entries.append({"action": action, **what})


def test_who_watched_and_how_long_is_written_down() -> None:
    now, diary = [100.0], FakeDiary()
    viewers = Viewers(lambda: 8, diary, lambda: now[0])
    one, refused = FakeViewer(), FakeViewer()
    viewers.add(refused)
    viewers.remove(refused, "refused")
    viewers.began(refused, "192.168.1.9")
    viewers.add(one)
    viewers.hears(one)
    viewers.began(one, "192.168.1.7")
    viewers.hears(one)
    viewers.hears(one)
    now[0] += 61.26
    viewers.remove(one, "goodbye")
    viewers.remove(one)
    who = {"actor": "Ada", "camera": "main", "address": "192.168.1.7", "transport": "fake"}
    assert diary.entries == [
        {"action": "watched", **who},
        {"action": "listened", **who},
        {"action": "stopped-watching", **who, "seconds": 61.3, "why": "goodbye"},
    ]
