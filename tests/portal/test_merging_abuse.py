"""What a portal may not do to a device by way of its configuration."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pi_cam.errors import PortalRefused, PortalUnreachable
from pi_cam.remote.budget import AT_ONCE, Budget
from tests.portal.test_merging import NAMES, check_both_agree, last
from tests.portal.two_sides import OWNER, World


@pytest.fixture
def world() -> Iterator[World]:
    world = World(*NAMES)
    world.exchange()
    world.look_at_the_page()
    yield world
    world.store.close()


@pytest.mark.parametrize("name", ["tunnel", "portal_lock", "microphone_muted", "camera.main.address", "", "echo\n"])
def test_what_is_not_on_the_list_is_not_changed(world: World, name: str) -> None:
    world.edit_at_the_portal("echo", 3)
    last(world).name = name
    world.exchange()
    assert world.board.values == {"echo": 0, "gain": 0}


def test_a_portal_that_keeps_no_configuration_hears_none(world: World) -> None:
    world.boot()
    for answer in ({}, {"configuration": None}, {"configuration": 7}):
        world.device.exchange(world, answer)  # type: ignore[arg-type]
    assert world.known.rows == {}


def test_a_refusal_does_not_stop_the_link_unless_it_is_the_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for code in ("", "unpaired"):
        world.boot()
        refusal = PortalRefused("no", code)
        monkeypatch.setattr(world, "say", lambda *_, error=refusal: (_ for _ in ()).throw(error))
        if code:
            with pytest.raises(PortalRefused):
                world.exchange()
        else:
            world.exchange()


GOOD = {"key": "k", "name": "echo", "value": 1, "base": 1, "seconds_ago": 1, "by": OWNER}


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"digest": 7, "behind": {}, "edits": []},
        {"digest": "", "behind": [], "edits": []},
        {"digest": "", "behind": {"echo": "7"}, "edits": []},
        {"digest": "", "behind": {"echo": 2**60}, "edits": []},
        {"digest": "", "behind": {"echo": -1}, "edits": []},
        {"digest": "", "behind": {"echo": True}, "edits": []},
        {"digest": "", "behind": {}, "edits": [7]},
        {"digest": "", "behind": {}, "edits": [GOOD] * 51},
        *(
            {"digest": "", "behind": {}, "edits": [{**GOOD, **changed}]}
            for changed in (
                {"key": ""},
                {"key": "k" * 65},
                {"key": 7},
                {"name": None},
                {"name": "a\nb"},
                {"value": None},
                {"value": [1]},
                {"value": float("nan")},
                {"value": 10**400},
                {"value": "x" * 1001},
                {"base": 1.0},
                {"base": True},
                {"seconds_ago": -1},
                {"seconds_ago": float("inf")},
                {"seconds_ago": None},
                {"by": "x" * 255},
                {"by": ""},
            )
        ),
    ],
    ids=lambda answer: str(answer)[:80],
)
def test_answers_that_make_no_sense_change_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any]
) -> None:
    world.edit_at_home("gain", 1)
    monkeypatch.setattr(world, "say", lambda *_: answer)
    with pytest.raises(PortalUnreachable):
        world.device.exchange(world, {"configuration": ""})  # type: ignore[arg-type]
    assert world.board.values == {"echo": 0, "gain": 1}
    assert world.known.settled == {}


def test_a_hostile_portal_neither_keeps_the_device_busy_nor_fills_its_journal(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 0

    def say(_noun: str, _body: dict[str, Any]) -> dict[str, Any]:
        nonlocal count
        count += 1
        edits = [{**GOOD, "key": f"{count}-{one}", "value": one % 2, "base": 10**6} for one in range(50)]
        return {"digest": "x", "behind": {"gain": world.known.rows["gain"].version}, "edits": edits}

    monkeypatch.setattr(world, "say", say)
    for _ in range(20):
        world.device.exchange(world, {"configuration": "edits"})  # type: ignore[arg-type]
    assert count < 100
    assert len(world.notes) <= AT_ONCE
    assert len(world.known.settled) <= 50


def test_a_budget_comes_back_slowly() -> None:
    now = 0.0
    budget = Budget(lambda: now)
    assert [budget.take() for _ in range(61)] == [True] * 60 + [False]
    now = 120.0
    assert [budget.take() for _ in range(3)] == [True, True, False]


def test_another_owner_hears_nothing_of_what_the_last_one_changed(world: World) -> None:
    world.edit_at_the_portal("echo", 3)
    world.exchange("ok", "lost")
    with world.store.transaction() as database:
        database.execute("DELETE FROM portal_edits")  # as `Pairing.forget` does
    world.boot()
    world.portal = type(world.portal)("device")
    world.exchange()
    check_both_agree(world)
    assert world.device.recent() == []


def test_the_portal_forgets_old_edits_but_none_that_waits(world: World) -> None:
    world.edit_at_the_portal("gain", 1)
    for number in range(500):
        world.edit_at_the_portal("echo", number % 3)
    assert len(world.portal.edits) == 202
    assert set(world.portal.waiting()) == {"echo", "gain"}
