"""The loudspeaker's samples, lined up with the microphone's blocks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_cam.audio.blocks import BLOCK_SAMPLES, SILENCE, Block
from pi_cam.audio.far import FAR_MOST, Far


def numbered(first: int, count: int = BLOCK_SAMPLES) -> Block:
    return np.arange(first, first + count).astype(np.int16)


def test_closed_it_is_silence_and_owes_nothing() -> None:
    far = Far()
    for _ in range(100):
        assert far.take() is SILENCE
    far.played(numbered(1))
    assert far.take()[0] == 1
    far.clear()
    assert far.take() is SILENCE
    far.played(numbered(7))
    assert (far.take()[0], far.slips) == (7, 0)


def test_who_comes_too_early_gets_silence_and_later_what_belongs_to_that_moment() -> None:
    far = Far()
    far.played(numbered(0, 480))
    block = far.take()
    assert block.tolist() == [*range(480), *[0] * 480]
    far.played(numbered(480))  # its first half was due already
    far.played(numbered(1440))
    assert far.take().tolist() == list(range(960, 1920))
    assert far.slips == 0


def test_what_the_microphone_lost_is_passed_over() -> None:
    far = Far()
    far.skip(3)
    for number in range(4):
        far.played(numbered(960 * number))
    assert far.take()[0] == 0
    far.skip(2)
    assert far.take()[0] == 2880


@pytest.mark.parametrize("fast", ["loudspeaker", "microphone"])
def test_clocks_that_drift_apart_are_a_slip_once_in_a_while(fast: str) -> None:
    far = Far()
    rounds = 50 * 60 * 60  # an hour
    sample = 0
    for _ in range(0, rounds, 100):  # 100 blocks at a time would differ by 9.6 samples at 100 ppm
        more = 10 if fast == "loudspeaker" else -10
        far.played(numbered(sample, BLOCK_SAMPLES + more))
        sample += BLOCK_SAMPLES + more
        far.take()
    assert 1 <= far.slips <= 4


@given(st.lists(st.one_of(st.integers(1, 3 * FAR_MOST), st.just(-1), st.just(-2), st.just(0)), max_size=60))
def test_it_is_bounded_and_always_gives_a_block(steps: list[int]) -> None:
    far = Far()
    for step in steps:
        if step > 0:
            far.played(np.ones(step, np.int16))
        elif step == -2:
            far.clear()
        elif step == 0:
            far.skip(1)
        assert far.take().shape == (BLOCK_SAMPLES,)
        assert len(far._samples) <= FAR_MOST
        assert far._owed <= FAR_MOST
