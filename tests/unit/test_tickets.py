"""Tickets: once, soon, and not too many."""

from __future__ import annotations

import threading

from pi_cam.trust.tickets import LIFETIME_SECONDS, REMEMBERED, SignedTickets, Tickets
from tests.unit.clock import Clock


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


def test_a_signed_ticket_is_good_once_for_its_purpose_and_for_five_minutes() -> None:
    clock = Clock()
    tickets = SignedTickets(clock)
    used, left = tickets.give("pi-cam.local"), tickets.give("pi-cam.local")
    assert tickets.is_good(used, "pi-cam.local")
    assert not tickets.is_good(used, "other.local")
    assert not SignedTickets(clock).is_good(used, "pi-cam.local")
    assert (tickets.use(used), tickets.use(used)) == (True, False)
    assert not tickets.is_good(used, "pi-cam.local")
    clock.now += LIFETIME_SECONDS - 1
    assert tickets.is_good(left, "pi-cam.local")
    clock.now += 1
    assert not tickets.is_good(left, "pi-cam.local")
    tickets.use(left)
    assert list(tickets._used) == [left]  # what is over need not be remembered


def test_no_other_spelling_of_a_signed_ticket_is_one() -> None:
    tickets = SignedTickets()
    given = tickets.give("here")
    for spelling in (
        given + "=",
        given + "\n",
        given[:-1],
        given + "AAAA",
        f" {given}",
        "é" + given,
        "",
        "A" * 72,
        "AAAA",
    ):
        assert not tickets.is_good(spelling, "here")
    assert tickets.is_good(given, "here")


def test_asking_for_many_signed_tickets_pushes_out_nobody() -> None:
    tickets = SignedTickets()
    first = tickets.give("here")
    for _ in range(100_000):
        tickets.give("here")
    assert tickets.is_good(first, "here")
    assert not tickets._used
