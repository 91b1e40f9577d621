"""The microphone's samples, counted, beside the clock of this computer."""

from __future__ import annotations

import numpy as np
import pytest

from pi_cam.audio.blocks import BLOCK_SAMPLES
from pi_cam.audio.pace import Pace

SECOND = 50
"""Blocks."""


def steps(pts: list[int]) -> set[int]:
    return set(np.diff(pts).tolist())


@pytest.mark.parametrize("drift_ppm", [0, 100, -100, 500, -500])
def test_a_clock_that_differs_changes_no_step_in_an_hour(drift_ppm: float) -> None:
    pace, chance = Pace(), np.random.default_rng(2)
    late = chance.uniform(0, 1, 3600 * SECOND) ** 4 * 0.03  # the thread comes late now and then
    moments = 1000 + np.arange(3600 * SECOND) * 0.02 * (1 - drift_ppm / 1e6) + late
    placed = [pace.place(float(at)) for at in moments]
    assert steps([pts for pts, _ in placed]) == {BLOCK_SAMPLES}
    assert not any(lost for _, lost in placed)


@pytest.mark.parametrize("drift_ppm", [100, -100])
@pytest.mark.parametrize("missing", [1, 3, 20, 500])
def test_blocks_that_are_missing_are_a_step_forward_within_half_a_second(missing: int, drift_ppm: float) -> None:
    pace = Pace()
    numbers = [*range(60 * SECOND), *range(60 * SECOND + missing, 120 * SECOND)]
    placed = [pace.place(1000 + number * 0.02 * (1 - drift_ppm / 1e6)) for number in numbers]
    found = [place for place, (_, lost) in enumerate(placed) if lost]
    assert sum(lost for _, lost in placed) == missing
    assert len(found) == 1
    assert 0 <= found[0] - 60 * SECOND < 20
    pts = [one for one, _ in placed]
    assert steps(pts) == {BLOCK_SAMPLES, (1 + missing) * BLOCK_SAMPLES}


def test_it_goes_on_where_the_clock_is_when_the_microphone_is_opened_again_and_never_back() -> None:
    pace = Pace()
    last = [pace.place(1000 + number * 0.02 * (1 - 1e-4))[0] for number in range(3600 * SECOND)][-1]
    pace.restart()
    early, lost = pace.place(1000 + 3600 * (1 - 1e-4))
    assert (early, lost) == (last + BLOCK_SAMPLES, 0)
    assert pace.place(1000.02 + 3600 * (1 - 1e-4)) == (early + BLOCK_SAMPLES, 0)
    pace.restart()
    assert pace.place(9000.0) == (9000 * 48_000, 0)
