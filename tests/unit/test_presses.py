"""What a person means by a push button, however its contact bounces and however long somebody leans on it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_cam.control.presses import (
    BOUNCE_SECONDS,
    LET_GO_SECONDS,
    LONG_SECONDS,
    SETTLING_SECONDS,
    SHORT_MOST_SECONDS,
    HeldFromStart,
    Presses,
)

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


@pytest.mark.parametrize(("held", "meant"), [(2.99, None), (LONG_SECONDS, "long"), (0.1, "short")])
@pytest.mark.parametrize("late", [0.0, 0.02, BOUNCE_SECONDS + 0.1])
def test_it_counts_from_edge_to_edge_whenever_somebody_looks(held: float, meant: str | None, late: float) -> None:
    """A thread on a busy machine looks when it can."""
    presses = Presses()
    presses.edge(OPEN, 0.0)
    presses.look(1.0)
    presses.edge(CLOSE, 10.0)
    presses.look(10.05)
    presses.edge(OPEN, 10.0 + held)
    found = [presses.look(10.0 + held + late), presses.look(10.0 + held + 1.0)]
    assert [press for press in found if press] == ([meant] if meant else [])


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


def hold(edges: list[tuple[float, bool]], seconds: float = 10.0) -> tuple[list[str], float]:
    """What came of it, one word after the other, and when it ended; the power comes back at 100."""
    held, words, closed = HeldFromStart(seconds, 100.0), [""], False
    waiting = list(edges)
    for step in range(100 * 60):
        now = 100.0 + step / 100
        while waiting and waiting[0][0] <= now - 100.0:
            closed = waiting.pop(0)[1]
        word = held.look(closed, now)
        if word != words[-1]:
            words.append(word)
        if word in ("meant", "over"):
            return words[1:], now - 100.0
    raise AssertionError(words)


def test_held_from_the_start_and_let_go_when_the_light_flickers() -> None:
    words, at = hold([(0.0, CLOSE), (12.0, OPEN)])
    assert words == ["holding", "flickering", "meant"]
    assert at == pytest.approx(12.0 + BOUNCE_SECONDS, abs=0.02)


def test_let_go_too_early_it_changes_nothing() -> None:
    words, at = hold([(0.0, CLOSE), (9.9, OPEN)])
    assert words[-1] == "over"
    assert at < 10.0
    assert hold([(0.0, CLOSE), (3.0, OPEN), (3.2, CLOSE), (14.0, OPEN)])[0] == ["holding", "over"], "and not again"


def test_nobody_at_the_button_costs_a_moment() -> None:
    words, at = hold([])
    assert words == ["holding", "over"]
    assert at == pytest.approx(SETTLING_SECONDS, abs=0.02)
    assert hold([(SETTLING_SECONDS + 0.1, CLOSE), (30.0, OPEN)])[0] == ["holding", "over"], "pressed after the start"


def test_a_contact_that_stays_closed_is_broken() -> None:
    words, at = hold([(0.0, CLOSE)])
    assert words == ["holding", "flickering", "over"]
    assert at == pytest.approx(10.0 + LET_GO_SECONDS, abs=0.02)


def test_a_bouncing_contact_is_held_all_the_same() -> None:
    bouncing = [(0.05, CLOSE), (0.06, OPEN), (0.08, CLOSE), (5.0, OPEN), (5.02, CLOSE), (10.5, OPEN), (10.52, CLOSE)]
    words, at = hold([*bouncing, (11.0, OPEN), (11.01, CLOSE), (11.02, OPEN)])
    assert words == ["holding", "flickering", "meant"]
    assert at > 11.0


@given(st.lists(st.tuples(st.floats(0.001, 8), st.booleans()), max_size=30), st.floats(1, 20))
def test_nothing_is_forgotten_unless_it_was_held_so_long(steps: list[tuple[float, bool]], seconds: float) -> None:
    now, edges = 0.0, []
    for pause, closed in steps:
        edges.append((now, closed))
        now += pause
    words, at = hold([*edges, (now, OPEN)], seconds)
    if words[-1] == "meant":
        assert "flickering" in words
        assert at >= seconds
