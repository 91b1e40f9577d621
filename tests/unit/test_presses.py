"""What a person means by a push button, however its contact bounces and however long somebody leans on it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_cam.control.presses import BOUNCE_SECONDS, LONG_SECONDS, SHORT_MOST_SECONDS, Presses

CLOSE, OPEN = True, False


def play(edges: list[tuple[float, bool]], until: float = 100.0) -> list[tuple[float, str]]:
    """The presses that came of them, and when; looked at as `wait` says, as the thread does."""
    presses, now = Presses(), 0.0
    found: list[tuple[float, str]] = []
    presses.edge(OPEN, -1.0)
    presses.look(-0.5)
    for at, closed in [*edges, (until, None)]:
        while (wait := presses.wait(now)) is not None and now + wait < at:
            now += wait
            press = presses.look(now)
            if press is not None:
                found.append((now, press))
            now += 1e-6
        now = at
        if closed is not None:
            presses.edge(closed, at)
    return found


def kinds(edges: list[tuple[float, bool]]) -> list[str]:
    return [press for _, press in play(edges)]


def test_a_short_press() -> None:
    ((at, press),) = play([(1.0, CLOSE), (1.2, OPEN)])
    assert press == "short"
    assert at == pytest.approx(1.2 + BOUNCE_SECONDS, abs=0.001)


def test_a_long_press_counts_while_it_is_held_and_once() -> None:
    ((at, press),) = play([(1.0, CLOSE), (30.0, OPEN)])
    assert press == "long"
    assert at == pytest.approx(1.0 + LONG_SECONDS, abs=0.001)


def test_who_hesitates_changes_nothing() -> None:
    assert kinds([(1.0, CLOSE), (1.0 + SHORT_MOST_SECONDS + 0.1, OPEN)]) == []
    assert kinds([(1.0, CLOSE), (1.0 + LONG_SECONDS - 0.1, OPEN)]) == []


def test_a_contact_bounces() -> None:
    bouncing = [(1.000, CLOSE), (1.002, OPEN), (1.004, CLOSE), (1.009, OPEN), (1.012, CLOSE)]
    assert kinds([*bouncing, (1.2, OPEN), (1.203, CLOSE), (1.206, OPEN)]) == ["short"]
    assert kinds([(1.0, CLOSE), (1.01, OPEN)]) == [], "a spark is no press"
    assert kinds([(1.0, CLOSE), (2.0, OPEN), (2.01, CLOSE), (5.0, OPEN)]) == ["long"], "a loose contact is one press"


def test_two_presses_are_two() -> None:
    assert kinds([(1.0, CLOSE), (1.1, OPEN), (1.3, CLOSE), (1.4, OPEN), (2.0, CLOSE), (9.0, OPEN)]) == [
        "short",
        "short",
        "long",
    ]


def test_a_contact_that_is_closed_from_the_start_means_nothing_until_it_opened() -> None:
    presses = Presses()
    presses.edge(CLOSE, 0.0)
    assert [presses.look(now) for now in (0.1, 5.0, 60.0)] == [None] * 3
    assert presses.wait(60.0) is None
    presses.edge(OPEN, 61.0)
    assert presses.look(61.1) is None
    presses.edge(CLOSE, 62.0)
    assert presses.look(62.1) is None
    presses.edge(OPEN, 62.3)
    assert presses.look(62.4) == "short"


@given(st.lists(st.tuples(st.floats(0.0001, 5), st.booleans()), max_size=60))
def test_whatever_a_contact_does(steps: list[tuple[float, bool]]) -> None:
    """No more presses than times it was closed; and between two, it opened."""
    edges, now = [], 0.0
    for pause, closed in steps:
        now += pause
        edges.append((now, closed))
    found = play(edges, until=now + 10)
    assert len(found) <= sum(closed for _, closed in edges)
    assert len({at for at, _ in found}) == len(found)
