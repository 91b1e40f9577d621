"""Who loses a right loses what it opened, and nobody else does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from pi_cam.api.present import Present
from pi_cam.loop import Loop
from pi_cam.transport.viewers import Viewers, Visitor
from pi_cam.trust.capabilities import Capability, Person
from pi_cam.trust.rights import Credential
from tests.unit.test_viewers import FakeViewer


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    loop.start()
    yield loop
    loop.stop()


def ended(loop: Loop, had: tuple[Capability, ...], has: tuple[Capability, ...], *, can_talk: bool = True) -> list[str]:
    """Why a viewer, without a page, is closed when its rights change from these to those."""

    def lookup(credentials: Iterable[Credential]) -> dict[Credential, Person | None]:
        person = Person("token kitchen", "kitchen", None, frozenset(), None, {"main": frozenset(has)})
        return dict.fromkeys(credentials, person)

    viewers = Viewers(lambda: 8)
    viewer = FakeViewer(visitor=Visitor("token kitchen", "kitchen", None, had), can_talk=can_talk)
    viewers.add(viewer)
    loop.call(Present(loop, viewers, lookup).check())
    return viewer.reasons


@pytest.mark.parametrize("lost", ["view", "listen", "talk"])
def test_what_goes_over_its_connection_may_be_taken_from_a_viewer(loop: Loop, lost: Capability) -> None:
    had: tuple[Capability, ...] = ("view", "listen", "talk")
    assert ended(loop, had, tuple(one for one in had if one != lost)) == ["not-allowed"]


def test_what_a_viewer_never_had_or_does_not_use_ends_nothing(loop: Loop) -> None:
    assert ended(loop, ("view",), ("view", "talk")) == []
    assert ended(loop, ("view", "control"), ("view",)) == []
    assert ended(loop, ("view", "talk"), ("view",), can_talk=False) == []  # over WHEP
