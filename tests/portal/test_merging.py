"""Edits at home and at the portal are merged: in any order, whatever gets lost, and none vanishes unseen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import example, given, note, settings
from hypothesis import strategies as st

from pi_cam.remote import merging
from tests.portal.two_sides import AT_HOME, MOST, OWNER, World

NAMES = ("echo", "gain")

names = st.sampled_from(NAMES)
numbers = st.integers(0, MOST + 1)
fates = st.lists(st.sampled_from(["ok", "lost", "deaf", *NAMES]), max_size=5)
steps = st.one_of(
    st.tuples(st.just("home"), names, st.integers(0, MOST)),
    st.tuples(st.just("portal"), names, numbers),
    st.tuples(st.just("look")),
    st.tuples(st.just("wait"), st.integers(1, 100_000)),
    st.tuples(st.just("exchange"), fates),
    st.tuples(st.just("boot"), st.booleans()),
    st.tuples(st.just("off"), names, st.integers(0, MOST)),
)


@pytest.fixture
def world() -> Iterator[World]:
    world = World(*NAMES)
    world.exchange()
    world.look_at_the_page()
    yield world
    world.store.close()


def do(world: World, step: tuple[Any, ...]) -> None:
    word, *rest = step
    world.elapsed += 1
    if word == "home":
        world.edit_at_home(*rest)
    elif word == "off":
        world.edit_while_off(*rest)
    elif word == "portal":
        world.edit_at_the_portal(*rest)
    elif word == "look":
        world.look_at_the_page()
    elif word == "wait":
        world.elapsed += rest[0]
    elif word == "exchange":
        world.exchange(*rest[0])
    else:
        world.boot(*rest)


def until_nothing_waits(world: World) -> None:
    for _ in range(100):
        world.elapsed += 60
        if world.exchange() and not world.portal.waiting():
            return
    raise AssertionError("they never agree")


def check_both_agree(world: World) -> None:
    assert {name: json.loads(row.value) for name, row in world.portal.rows.items()} == world.board.values
    assert world.portal.digest() == world.known.digest()


def check_every_edit_has_an_end_that_both_sides_know(world: World) -> None:
    edits = {edit.key: edit for edit in world.portal.edits if edit.origin == "portal"}
    assert {edit.state for edit in edits.values()} <= {"applied", "refused", "overtaken", "replaced"}
    for settled in world.known.settled.values():
        edit = edits[settled.key]
        assert edit.state == settled.result
        assert json.loads(edit.other_value or "null") == (settled.other and settled.other.value)


def check_the_newer_one_holds(world: World) -> None:
    edits = {edit.key: edit for edit in world.portal.edits}
    for settled in world.known.settled.values():
        edit = edits[settled.key]
        assert edit.made_at is not None
        made = (edit.made_at - world.now()).total_seconds() + world.elapsed
        met = [one for one in world.home if one.name == edit.name and one.version > edit.base]
        if edit.state == "overtaken":
            assert settled.other is not None
            winners = [one for one in met if one.value == settled.other.value]
            assert winners
            assert any(one.at >= made for one in winners) or not world.everything_is_dated
        elif settled.other is not None:
            assert all(one.at < made for one in met if one.version < settled.version)


def check_no_edit_at_home_vanished(world: World) -> None:
    """Whatever came after it from the portal was made by who had seen it, or says what it replaced."""
    edits = {edit.key: edit for edit in world.portal.edits}
    made_at_home = {(home.name, home.version) for home in world.home}
    changes = [one for one in world.known.settled.values() if (one.name, one.version) not in made_at_home]
    for home in world.home:
        for settled in changes:
            if (settled.name, settled.version, settled.result) == (home.name, home.version + 1, "applied"):
                shown = settled.other is not None and settled.other.value == home.value
                assert shown or edits[settled.key].base >= home.version


@given(st.lists(steps, max_size=30))
@settings(max_examples=300, deadline=None)
@example([("portal", "echo", 3), ("home", "echo", 2), ("exchange", ["deaf"]), ("boot", False), ("exchange", [])])
@example([("home", "echo", 2), ("wait", 9), ("portal", "echo", 3), ("exchange", ["ok", "deaf"]), ("portal", "echo", 1)])
@example([("portal", "echo", 3), ("exchange", ["echo", "lost"]), ("look",), ("portal", "echo", 4), ("home", "echo", 0)])
@example([("home", "gain", 1), ("boot", False), ("portal", "gain", 2), ("boot", True), ("exchange", ["deaf", "deaf"])])
def test_both_sides_agree_and_no_edit_vanishes_unseen(done: list[tuple[Any, ...]]) -> None:
    note(str(done))
    world = World(*NAMES)
    try:
        world.exchange()
        world.look_at_the_page()
        for step in done:
            do(world, step)
        until_nothing_waits(world)
        check_both_agree(world)
        check_every_edit_has_an_end_that_both_sides_know(world)
        check_the_newer_one_holds(world)
        check_no_edit_at_home_vanished(world)
    finally:
        world.store.close()


def last(world: World) -> Any:
    return world.portal.edits[-1]


def test_an_edit_from_the_portal_is_done_once_and_noted(world: World) -> None:
    world.edit_at_the_portal("echo", 3)
    world.exchange("ok", "deaf")
    world.exchange("deaf")
    world.exchange()
    assert world.board.values["echo"] == 3
    assert (last(world).state, last(world).version) == ("applied", 2)
    assert world.notes == [
        {"actor": OWNER, "camera": "", "result": "ok", "name": "echo", "before": 0, "after": 3},
    ]
    assert world.portal.rows["echo"].edited_by == OWNER


def test_edits_of_different_rows_are_both_kept(world: World) -> None:
    world.edit_at_home("gain", 2)
    world.edit_at_the_portal("echo", 3)
    world.exchange()
    assert world.board.values == {"echo": 3, "gain": 2}
    assert {(edit.name, edit.origin, edit.state) for edit in world.portal.edits} == {
        ("gain", "home", "applied"),
        ("echo", "portal", "applied"),
    }
    assert all(edit.other_value is None for edit in world.portal.edits)


def test_the_newer_edit_at_home_holds_and_the_portal_shows_it(world: World) -> None:
    world.edit_at_the_portal("echo", 3)
    world.elapsed += 100
    world.edit_at_home("echo", 2)
    world.elapsed += 50
    world.exchange()
    assert world.board.values["echo"] == 2
    lost = next(edit for edit in world.portal.edits if edit.origin == "portal")
    assert (lost.state, lost.other_value, lost.other_by) == ("overtaken", "2", AT_HOME)
    assert lost.why == "It was changed at home after that."
    assert lost.other_at == world.now() - timedelta(seconds=50)
    assert world.notes[0]["result"] == "refused"


def test_the_newer_edit_from_the_portal_holds_and_both_show_what_it_replaced(world: World) -> None:
    world.edit_at_home("echo", 2)
    world.elapsed += 100
    world.edit_at_the_portal("echo", 3)
    world.exchange()
    assert world.board.values["echo"] == 3
    won = next(edit for edit in world.portal.edits if edit.origin == "portal")
    assert (won.state, won.other_value, won.other_by) == ("applied", "2", AT_HOME)
    (shown,) = world.device.recent()
    assert shown.other is not None
    assert (shown.other.value, shown.other.by) == (2, AT_HOME)
    assert world.now().timestamp() - (shown.other.at or 0) == 100


def test_a_clock_of_1970_tells_how_long_ago_all_the_same(world: World) -> None:
    world.boot(clock_is_set=False)
    world.exchange()
    world.elapsed += 1000
    world.edit_at_home("echo", 2)
    world.elapsed += 100
    world.edit_at_the_portal("echo", 3)
    world.exchange()
    assert world.board.values["echo"] == 3, "newer by a hundred seconds, whatever year it is there"


def test_when_nobody_knows_when_it_was_the_edit_at_home_holds(world: World) -> None:
    world.boot(clock_is_set=False)
    world.exchange()
    world.edit_at_home("echo", 2)
    world.boot(clock_is_set=True)
    world.elapsed += 100
    world.edit_at_the_portal("echo", 3)
    world.exchange()
    assert world.board.values["echo"] == 2
    assert last(world).other_at is None


def test_a_refusal_has_the_sentence_of_the_device(world: World) -> None:
    world.edit_at_the_portal("echo", MOST + 1)
    world.exchange()
    assert (last(world).state, last(world).why) == ("refused", f"echo must be at most {MOST}.")
    assert world.board.values["echo"] == 0


def test_a_second_edit_takes_the_place_of_the_first(world: World) -> None:
    world.edit_at_the_portal("echo", 3)
    world.edit_at_the_portal("echo", 4)
    world.exchange()
    assert [edit.state for edit in world.portal.edits] == ["replaced", "applied"]
    assert len(world.notes) == 1


def test_who_edits_again_before_the_answer_met_nobody(world: World) -> None:
    world.edit_at_the_portal("echo", 3)
    world.exchange("ok", "lost")
    world.edit_at_the_portal("echo", 4)
    world.exchange()
    assert [edit.state for edit in world.portal.edits] == ["applied", "applied"]
    assert [edit.other_value for edit in world.portal.edits] == [None, None]
    assert world.board.values["echo"] == 4


def test_a_row_that_is_not_there_any_more_is_refused_and_goes(world: World) -> None:
    world.edit_at_the_portal("echo", 3)
    del world.board.values["echo"]
    world.exchange()
    assert (last(world).state, last(world).why) == ("refused", "This cannot be changed from the portal.")
    assert set(world.portal.rows) == {"gain"}


def test_a_portal_that_lost_its_rows_is_told_them_again(world: World) -> None:
    world.edit_at_home("echo", 2)
    world.exchange()
    world.portal = type(world.portal)("device")
    world.exchange()
    check_both_agree(world)


def test_what_a_restored_portal_asks_for_again_is_not_done_again(world: World) -> None:
    edit = world.edit_at_the_portal("echo", 3)
    assert edit is not None
    world.exchange()
    world.edit_at_home("echo", 1)
    world.exchange()
    edit.state, edit.version, edit.settled_at = "waiting", None, None  # as in yesterday's backup
    world.exchange()
    assert (edit.state, world.board.values["echo"], len(world.notes)) == ("applied", 1, 1)
    check_both_agree(world)


def test_a_device_that_lost_its_changes_goes_on_above_what_the_portal_saw(world: World) -> None:
    for value in (1, 2, 3):
        world.edit_at_home("echo", value)
        world.exchange()
    world.store.close()
    world.store = type(world.store)()
    world.board.values["echo"] = 1
    world.boot()
    world.exchange()
    check_both_agree(world)
    assert world.portal.rows["echo"].version > 4


def test_what_changed_while_the_device_was_off_is_found(world: World) -> None:
    world.board.values["echo"] = 4
    world.boot()
    world.exchange()
    check_both_agree(world)
    assert world.portal.rows["echo"].edited_at is None, "nobody knows when"


def test_who_was_told_everything_is_left_in_peace(world: World) -> None:
    world.exchange("lost", "lost")
    assert world.fates == ["lost", "lost"], "nothing was said"


def test_what_is_known_has_the_same_name_on_both_sides(world: World) -> None:
    assert merging.digest({"gain": 1, "echo": 1}) == world.portal.digest() == world.known.digest()
