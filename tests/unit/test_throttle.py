"""Guessing gets slower, nobody is locked out."""

from __future__ import annotations

import threading

import pytest

from pi_cam.errors import TooManyTries
from pi_cam.trust.throttle import FREE_TRIES, LONGEST_SECONDS, REMEMBERED, Throttle
from tests.unit.clock import Clock


def fail(throttle: Throttle, key: str = "Ada", times: int = FREE_TRIES) -> None:
    for _ in range(times):
        throttle.failed(key)


def pause(throttle: Throttle, key: str = "Ada") -> float:
    try:
        throttle.check(key)
    except TooManyTries as error:
        return error.retry_after_seconds
    return 0.0


def test_five_tries_are_free_then_each_doubles_the_pause_up_to_a_minute() -> None:
    clock = Clock(0.0)
    throttle = Throttle(clock)
    fail(throttle, times=FREE_TRIES - 1)
    pauses = []
    for _ in range(9):
        assert pause(throttle) == 0
        throttle.failed("Ada")
        pauses.append(pause(throttle))
        clock.now += pauses[-1] + 0.001
    assert pauses == pytest.approx([1, 2, 4, 8, 16, 32, 60, 60, 60])


def test_many_failures_do_not_overflow() -> None:
    throttle = Throttle(Clock(0.0))
    fail(throttle, times=5_000)
    assert pause(throttle) == LONGEST_SECONDS


def test_success_forgets_and_others_are_not_touched() -> None:
    throttle = Throttle(Clock(0.0))
    fail(throttle)
    assert pause(throttle) > 0
    assert pause(throttle, "Grace") == 0
    throttle.succeeded("Ada")
    throttle.succeeded("nobody")
    assert pause(throttle) == 0


def test_what_is_remembered_is_bounded_and_the_oldest_goes_first() -> None:
    throttle = Throttle(Clock(0.0))
    fail(throttle, "first")
    for number in range(REMEMBERED - 1):
        throttle.failed(str(number))
    assert pause(throttle, "first") > 0
    throttle.failed("one more")
    assert pause(throttle, "first") == 0


def test_of_many_at_the_same_time_five_are_free() -> None:
    throttle = Throttle()
    together = threading.Barrier(20)
    refused: list[TooManyTries] = []

    def attempt() -> None:
        together.wait()
        try:
            throttle.attempt("Ada")
        except TooManyTries as error:
            refused.append(error)

    threads = [threading.Thread(target=attempt) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 20 - FREE_TRIES


def test_success_makes_an_attempt_undone() -> None:
    throttle = Throttle()
    for _ in range(20):
        throttle.attempt("Ada")
        throttle.succeeded("Ada")
