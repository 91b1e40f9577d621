"""Who has the floor, who may take it, and what becomes of what others send."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from pi_cam.bitrate import Gets
from pi_cam.errors import FloorTaken, NoLoudspeaker, NotAllowed
from pi_cam.transport.floor import SILENT_SECONDS, TALKERS_MAX, Floor
from pi_cam.transport.viewers import Visitor

EVERYTHING = ("view", "listen", "talk")


@dataclass(eq=False)
class FakeViewer:
    name: str
    can: tuple[str, ...] = EVERYTHING
    owner: bool = False
    camera: str = "main"
    transport: str = "fake"
    started_at: float = 0.0
    delay_ms: int | None = None
    can_talk: bool = True

    def __post_init__(self) -> None:
        self.id, self.public_id = f"id of {self.name}", f"public id of {self.name}"
        self.visitor = Visitor(f"user {self.name}", self.name, None, self.can, "192.168.1.7", self.owner)

    def gets(self) -> Gets:
        return Gets()

    def delay(self) -> dict[str, float | None]:
        return {}

    async def close(self, reason: str) -> None:
        raise AssertionError("the floor ends no viewer")


@dataclass
class World:
    several: bool = False
    now: float = 100.0
    heard: list[tuple[str, int]] = field(default_factory=list)
    talking: set[str] = field(default_factory=set)
    written: list[dict[str, Any]] = field(default_factory=list)
    changes: int = 0

    def __post_init__(self) -> None:
        self.floor = Floor(self, lambda: self.several, self, lambda: self.now)
        self.forget = self.floor.watch(self.changed)

    def changed(self) -> None:
        self.changes += 1

    def join(self, talker: str) -> None:
        assert talker not in self.talking
        self.talking.add(talker)

    def leave(self, talker: str) -> None:
        self.talking.remove(talker)

    def offer(self, talker: str, sequence: int, timestamp: int, payload: bytes) -> None:
        assert talker in self.talking
        self.heard.append((talker, sequence))

    def append(self, action: str, **what: Any) -> None:
        self.written.append({"action": action, **what})

    def names(self) -> list[str]:
        return [one["name"] for one in self.floor.talkers()]


ADA, BOB, CAT = FakeViewer("Ada", owner=True), FakeViewer("Bob"), FakeViewer("Cat")


def test_only_who_has_the_floor_is_heard() -> None:
    world = World()
    world.floor.heard(BOB, 1, 0, b"x")
    world.floor.ask(BOB)
    world.floor.ask(BOB)
    world.floor.heard(BOB, 2, 960, b"x")
    world.floor.heard(CAT, 3, 960, b"x")
    world.floor.give_back(CAT)
    world.floor.give_back(BOB)
    world.floor.give_back(BOB)
    world.floor.heard(BOB, 4, 1920, b"x")
    assert world.heard == [("id of Bob", 2)]
    assert world.talking == set()
    assert world.changes == 2
    assert world.floor.talkers() == []


def test_a_second_one_waits_and_hears_why() -> None:
    world = World()
    world.floor.ask(BOB)
    with pytest.raises(FloorTaken, match=r"^Somebody else is talking\.$"):
        world.floor.ask(CAT)
    assert world.floor.talkers() == [{"viewer": "public id of Bob", "name": "Bob"}]
    assert (world.floor.has(BOB), world.floor.has(CAT)) == (True, False)


def test_the_owner_takes_the_floor_and_nobody_else() -> None:
    world = World()
    world.floor.ask(BOB)
    with pytest.raises(NotAllowed, match=r"^Only the owner can take the floor"):
        world.floor.ask(CAT, take=True)
    with pytest.raises(FloorTaken):
        world.floor.ask(ADA)
    assert world.names() == ["Bob"]
    world.floor.ask(ADA, take=True)
    assert world.names() == ["Ada"]
    assert world.talking == {"id of Ada"}


def test_without_the_right_nobody_talks_not_even_the_owner() -> None:
    world = World()
    for viewer in (FakeViewer("Dan", ("view", "listen")), FakeViewer("Eve", ("view",), owner=True)):
        for take in (False, True):
            with pytest.raises(NotAllowed, match=r"^This needs the right to talk\.$"):
                world.floor.ask(viewer, take=take)
        world.floor.heard(viewer, 1, 0, b"x")
    assert (world.heard, world.talking, world.changes) == ([], set(), 0)


def test_who_sends_nothing_loses_the_floor_to_who_asks() -> None:
    world = World()
    world.floor.ask(BOB)
    world.now += SILENT_SECONDS - 1
    world.floor.heard(BOB, 1, 0, b"x")
    world.now += SILENT_SECONDS - 0.1
    with pytest.raises(FloorTaken):
        world.floor.ask(CAT)
    world.now += 0.1
    world.floor.ask(CAT)
    assert world.names() == ["Cat"]


def test_several_talk_where_the_owner_lets_them_but_not_any_number() -> None:
    world = World(several=True)
    viewers = [FakeViewer(f"Viewer {number}") for number in range(TALKERS_MAX)]
    for viewer in viewers:
        world.floor.ask(viewer)
    with pytest.raises(FloorTaken):
        world.floor.ask(BOB)
    assert world.names() == [viewer.name for viewer in viewers]
    world.floor.ask(ADA, take=True)
    assert world.names() == ["Ada"]


def test_among_several_too_who_sends_nothing_makes_room() -> None:
    world = World(several=True)
    hung = [FakeViewer(f"Viewer {number}") for number in range(TALKERS_MAX)]
    for viewer in hung:
        world.floor.ask(viewer)
    world.now += SILENT_SECONDS - 1
    world.floor.heard(hung[0], 1, 0, b"x")
    world.now += 1
    world.floor.ask(BOB)
    assert world.names() == [hung[0].name, "Bob"]


def test_when_only_one_may_talk_again_the_first_goes_on() -> None:
    world = World(several=True)
    world.floor.ask(BOB)
    world.now += 1
    world.floor.ask(CAT)
    world.floor.narrow()
    assert world.names() == ["Bob", "Cat"]
    world.several = False
    world.floor.narrow()
    assert (world.names(), world.talking) == (["Bob"], {BOB.id})


def test_the_journal_says_who_was_heard_and_how_long() -> None:
    world = World()
    world.floor.ask(BOB)
    world.floor.give_back(BOB)
    assert world.written == []  # nothing was said
    world.floor.ask(BOB)
    for sequence in range(3):
        world.floor.heard(BOB, sequence, 0, b"x")
        world.now += 2.04
    world.floor.clear()
    world.floor.clear()
    who = {"actor": "Bob", "camera": "main", "address": "192.168.1.7"}
    assert world.written == [{"action": "talked", **who}, {"action": "stopped-talking", **who, "seconds": 6.1}]


def test_without_a_loudspeaker_nobody_gets_the_floor() -> None:
    world = World()
    floor = Floor(world, lambda: False, is_open=lambda: False)
    for viewer in (ADA, BOB):
        with pytest.raises(NoLoudspeaker):
            floor.ask(viewer, take=viewer.owner)
    assert world.talking == set()


def test_who_forgets_is_told_nothing_more() -> None:
    world = World()
    world.forget()
    world.forget()
    world.floor.ask(BOB)
    assert world.changes == 0
