"""What may be sent again, on a clock of the test."""

from __future__ import annotations

from pi_cam.transport.allowance import AGAIN_AT_ONCE, AGAIN_PER_SECOND, AGAIN_SHARE, Repeats
from tests.unit.clock import Clock


def test_of_a_good_line_all_that_is_lost_now_and_then_comes_again() -> None:
    clock, sent = Clock(), [0.0]
    repeats = Repeats(lambda: sent[0], clock)
    for _ in range(600):
        clock.now += 0.1
        sent[0] += 45
        assert repeats.take_up_to(9) == 9  # a fifth of it


def test_an_outage_of_a_second_comes_again_at_once() -> None:
    assert Repeats(lambda: 0.0, Clock()).take_up_to(450) == 450


def test_a_line_that_loses_nearly_all_gets_half_as_much_again() -> None:
    clock, sent, again = Clock(), [0.0], 0
    repeats = Repeats(lambda: sent[0], clock)
    for _ in range(600):
        clock.now += 0.1
        sent[0] += 10
        again += repeats.take_up_to(100)
    assert again <= AGAIN_AT_ONCE + AGAIN_SHARE * sent[0] + 60 * AGAIN_PER_SECOND
    assert again > AGAIN_SHARE * sent[0]


def test_what_is_saved_up_has_an_end() -> None:
    clock, sent = Clock(), [0.0]
    repeats = Repeats(lambda: sent[0], clock)
    clock.now += 3600
    sent[0] = 1e6
    assert repeats.take_up_to(100_000) == AGAIN_AT_ONCE
    assert repeats.take_up_to(100_000) == 0
