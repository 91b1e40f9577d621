"""Tickets: once, soon, and not too many."""

from __future__ import annotations

import threading

from pi_cam.trust.tickets import LIFETIME_SECONDS, REMEMBERED, Tickets
from tests.unit.people import Clock


def test_a_ticket_is_good_once() -> None:
    clock = Clock()
    tickets: Tickets[str] = Tickets(clock)
    ticket = tickets.give("Ada")
    assert len(ticket) == 43
    assert tickets.look(ticket) == tickets.look(ticket) == "Ada"
    assert tickets.take(ticket) == ("Ada", clock() + LIFETIME_SECONDS)
    assert tickets.take(ticket) is None
    assert tickets.look(ticket) is None
    assert tickets.take("made up") is None


def test_a_ticket_ends_after_five_minutes_and_earlier_when_that_was_said() -> None:
    clock = Clock()
    tickets: Tickets[str] = Tickets(clock)
    late, early, longer = (
        tickets.give("a"),
        tickets.give("b", until=clock() + 10),
        tickets.give("c", until=clock() + 9999),
    )
    clock.now += 10
    assert tickets.take(early) is None
    clock.now += 289
    assert tickets.look(late) == "a"
    clock.now += 1
    for ticket in (late, longer):
        assert tickets.look(ticket) is None
        assert tickets.take(ticket) is None
    assert LIFETIME_SECONDS == 300


def test_they_are_bounded_and_old_ones_are_not_kept() -> None:
    clock = Clock()
    tickets: Tickets[int] = Tickets(clock)
    given = [tickets.give(number) for number in range(REMEMBERED + 10)]
    assert [tickets.look(ticket) for ticket in given[:11]] == [None] * 10 + [10]
    clock.now += LIFETIME_SECONDS
    tickets.give(-1)
    assert len(tickets._given) == 1


def test_of_many_threads_one_gets_it() -> None:
    tickets: Tickets[str] = Tickets()
    ticket = tickets.give("Ada")
    ready = threading.Barrier(8)
    got: list[object] = []

    def take() -> None:
        ready.wait()
        got.append(tickets.take(ticket))

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one is None for one in got].count(False) == 1
