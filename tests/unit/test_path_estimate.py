"""What a path carries, by reports as a browser behind a bad radio sends them."""

from __future__ import annotations

import random

import pytest

from pi_cam.path_estimate import PathEstimate, Report
from tests.unit.clock import Clock

PACKET_BITS = 8 * 1200
BETWEEN_REPORTS = 0.1
"""Chromium sends one with each request for a lost packet."""


def reports_of(
    path: PathEstimate, clock: Clock, *, loss: float, packets_per_second: int, seconds: float, seed: int
) -> None:
    """Of packets that are lost whatever their number. Now and then the browser's estimate falls, as on a busy processor."""
    chance = random.Random(seed)
    count = max(1, round(packets_per_second * BETWEEN_REPORTS))
    sent = 0.0
    remb = 1.5 * packets_per_second * PACKET_BITS
    for _ in range(round(seconds / BETWEEN_REPORTS)):
        clock.now += BETWEEN_REPORTS
        sent += count * PACKET_BITS
        lost = sum(chance.random() < loss for _ in range(count)) / count
        path.heard(Report(loss=int(256 * lost) / 256, rtt=0.001, packets=count), sent)
        if chance.random() < 0.02:
            path.heard(Report(remb=0.8 * packets_per_second * PACKET_BITS), sent)
            path.heard(Report(remb=remb), sent)
        path.settle(packets_per_second * PACKET_BITS)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("loss", [0.01, 0.05])
def test_the_weather_of_a_radio_is_no_ceiling(loss: float, seed: int) -> None:
    """Packets that are lost at any rate are not lost less often at a lower one."""
    clock = Clock(1000.0)
    path = PathEstimate(clock)
    reports_of(path, clock, loss=loss, packets_per_second=200, seconds=120.0, seed=seed)
    assert path.ceiling is None
    assert path.loss == pytest.approx(loss, abs=0.06)


@pytest.mark.parametrize("loss", [0.3, 0.5])
def test_what_does_not_get_through_is(loss: float) -> None:
    clock = Clock(1000.0)
    path = PathEstimate(clock)
    reports_of(path, clock, loss=0.0, packets_per_second=200, seconds=20.0, seed=1)
    reports_of(path, clock, loss=loss, packets_per_second=200, seconds=3.0, seed=1)
    assert path.ceiling is not None


def test_two_lost_of_eight_are_no_quarter() -> None:
    clock = Clock(1000.0)
    path = PathEstimate(clock)
    reports_of(path, clock, loss=0.0, packets_per_second=200, seconds=20.0, seed=1)
    for _ in range(3):
        path.heard(Report(loss=0.25, packets=8), path_bits := 20 * 200 * PACKET_BITS)
        clock.now += 0.01
    assert path.ceiling is None, path_bits


def test_who_claims_that_nothing_ever_arrived_says_nothing_of_others() -> None:
    clock = Clock(1000.0)
    path = PathEstimate(clock)
    for _ in range(1000):
        clock.now += 0.01
        path.heard(Report(loss=1.0, rtt=59.0, packets=1 << 32), 0.0)
    assert path.ceiling is None or path.ceiling > 0
