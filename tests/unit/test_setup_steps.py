"""The steps of setting up, in whatever order people take them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from pi_cam.errors import Conflict, NotFound
from pi_cam.setup_wizard.steps import BEFORE_OWNER, MARKS, STEPS, Mark, Progress, Step

OPTIONAL = [step for step in STEPS if step not in ("owner", "done")]
steps = some.sampled_from(STEPS)
progresses = some.builds(
    Progress,
    some.booleans(),
    some.dictionaries(some.sampled_from(OPTIONAL), some.sampled_from(MARKS)),
    some.frozensets(steps),
)


@given(progresses)
def test_where_it_goes_on_is_always_open(at: Progress) -> None:
    assert at.is_open(at.current)
    assert at.is_complete == (at.current == "done")
    assert at.current not in at.left_out or at.current in ("owner", "done")


@given(progresses, steps)
def test_nothing_but_language_and_owner_answers_before_there_is_an_owner(at: Progress, step: Step) -> None:
    if at.has_owner:
        assert at.is_open(step) == (step in at.steps and step != "owner")
    elif at.is_open(step):
        assert step in BEFORE_OWNER
        assert at.after(step) in BEFORE_OWNER
        assert at.place(step) == step


@given(progresses, some.text() | steps)
def test_whatever_is_asked_for_something_open_is_shown(at: Progress, asked: str) -> None:
    shown = at.place(asked)
    assert at.is_open(shown)
    assert shown in (asked, at.current)


@given(progresses, steps, some.sampled_from(MARKS))
def test_a_mark_is_taken_exactly_where_the_step_is_open(at: Progress, step: Step, mark: Mark) -> None:
    if at.is_open(step) and step not in ("owner", "done"):
        after = at.marked(step, mark)
        assert after.mark(step) == mark
        assert after.marked(step, mark) == after  # twice is no error
        assert {one: after.mark(one) for one in STEPS if one != step} == {
            one: at.mark(one) for one in STEPS if one != step
        }
        assert after.current != step
    else:
        with pytest.raises((Conflict, NotFound)):
            at.marked(step, mark)


@given(progresses, some.lists(some.tuples(steps, some.sampled_from(MARKS))), some.integers(0, 20))
def test_every_way_ends_and_nothing_is_lost_on_it(
    at: Progress, answers: list[tuple[Step, Mark]], owner_after: int
) -> None:
    for number, (step, mark) in enumerate(answers):
        if number == owner_after:
            at = Progress(True, at.marks, at.left_out)
        before = {one: one_mark for one in STEPS if (one_mark := at.mark(one))}
        try:
            at = at.marked(step, mark)
        except (Conflict, NotFound):
            continue
        assert before.keys() <= {one for one in STEPS if at.mark(one)}
    at = Progress(True, at.marks, at.left_out)
    for _ in STEPS:  # whoever always does what is offered comes to the end
        if at.current == "done":
            break
        at = at.marked(at.current, "done")
    assert at.is_complete


@given(progresses, steps)
def test_the_next_is_a_later_one_while_there_is_any(at: Progress, step: Step) -> None:
    following = at.after(step)
    assert following == "done" or at.mark(following) is None
    assert at.is_open(following)
    if at.has_owner:
        undone = [one for one in at.steps if one != "done" and at.mark(one) is None]
        later = [one for one in undone if STEPS.index(one) > STEPS.index(step)]
        assert following == next(iter(later or undone), "done")


def test_who_comes_by_the_code_is_asked_for_the_name_of_the_camera_at_the_end() -> None:
    at = Progress(True, left_out=frozenset({"wifi"}))
    here: Step = "owner"
    walk: list[Step] = []
    while here != "done":
        walk.append(here)
        at = at.marked(here, "done") if here != "owner" else at
        here = at.after(here)
    assert walk == ["owner", "camera", "time", "remote", "updates", "language"]


def test_a_step_that_comes_back_is_offered_again() -> None:
    marks: dict[Step, Mark] = {step: "done" for step in OPTIONAL if step != "wifi"}
    without = Progress(True, marks, frozenset({"wifi"}))
    assert without.current == "done"
    assert "wifi" not in without.steps
    with pytest.raises(NotFound):
        without.require("wifi")
    assert Progress(True, marks).current == "wifi"


def test_the_owner_is_made_and_not_skipped() -> None:
    new = Progress(False)
    with pytest.raises(Conflict, match="First this camera needs an owner"):
        new.marked("owner", "skipped")
    with pytest.raises(Conflict, match="First this camera needs an owner"):
        new.marked("camera", "skipped")
    with pytest.raises(Conflict, match="has an owner already"):
        Progress(True).marked("owner", "done")
