"""The loudspeaker's samples, lined up with the microphone's blocks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_cam.audio.blocks import BLOCK_SAMPLES, SILENCE, Block
from pi_cam.audio.far import KEPT, Far
from tests.two_clocks import Stalls, TwoClocks

COUNTED: Block = (np.arange(30_000) + 1).astype(np.int16)
"""Each sample tells its place; none is silence."""

SECOND = 50
"""Blocks."""


def numbered(first: int, count: int = BLOCK_SAMPLES) -> Block:
    return np.arange(first, first + count).astype(np.int16)


def share_played(blocks: list[Block]) -> float:
    return float(np.mean(np.concatenate(blocks) != 0))


def are_in_order(blocks: list[Block]) -> bool:
    """Each sample is followed by a later one: the next, or after what was left out; for clocks that differ by itself.
    (Up to 0.4 s are left out at once, so what looks like more is a step back.)"""
    said = np.concatenate(blocks).astype(int)
    steps = np.diff(said[said != 0]) % len(COUNTED)
    return bool(np.all(steps < 20_000)) and float(np.mean(steps == 1)) > 0.999


def leads_ms(clocks: TwoClocks) -> list[float]:
    """By how much each block that is the loudspeaker's throughout comes before what is in the air at its moment."""
    stream, leads = clocks.stream, []
    for block, at in zip(clocks.reference, clocks.near_at, strict=True):
        if block.min() > 0 and stream[int(at)] > 0:
            ahead = int(block[0]) - int(stream[int(at)]) + len(COUNTED) // 2
            leads.append((ahead % len(COUNTED) - len(COUNTED) // 2) / 48)
    return leads


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


@pytest.mark.parametrize("drift_ppm", [0, 100, -100])
def test_clocks_that_differ_are_followed_without_a_jump(drift_ppm: float) -> None:
    clocks = TwoClocks(COUNTED, drift_ppm=drift_ppm).run(20 * 60)
    assert share_played(clocks.reference) > 0.99
    assert are_in_order(clocks.reference)
    assert clocks.far.slips == 0
    leads = leads_ms(clocks)
    assert min(leads) >= -1, "it comes after its echo"
    assert max(leads) <= 60


STALLS: list[tuple[str, Stalls, int]] = [
    ("alsa", {10.0: 0.06}, 1),
    ("alsa", {10.0: 0.5}, 2),
    ("pulls", {10.0: 0.06}, 0),
    ("pulls", {10.0: 0.5}, 1),
    ("takes", {10.0: 0.06}, 0),
    ("takes", {10.0: 0.5}, 1),
]


@pytest.mark.parametrize("drift_ppm", [0, 100, -100])
@pytest.mark.parametrize(("which", "stall", "slips"), STALLS)
def test_a_second_after_a_stall_it_is_as_before(which: str, stall: Stalls, slips: int, drift_ppm: float) -> None:
    """Alike a pause of the device, and a thread of either side that comes late."""
    clocks = TwoClocks(COUNTED, drift_ppm, {which: stall}).run(10)
    (length,) = stall.values()
    before = len(clocks.reference)
    clocks.run(1 + length)
    assert clocks.far.slips <= slips
    clocks.reference, clocks.near_at = [], []
    clocks.run(20)
    assert before > 9 * SECOND
    assert share_played(clocks.reference) > 0.99
    assert are_in_order(clocks.reference)
    leads = leads_ms(clocks)
    assert min(leads) >= -1, "it comes after its echo"
    assert max(leads) <= 60
    assert clocks.far.slips <= slips


@pytest.mark.parametrize("drift_ppm", [0, 100, -100])
def test_many_stalls_in_twenty_minutes_cost_a_moment_each(drift_ppm: float) -> None:
    stalls: dict[str, Stalls] = {
        "alsa": dict.fromkeys(range(60, 1200, 120), 0.06),
        "pulls": dict.fromkeys(range(90, 1200, 240), 0.5),
        "takes": dict.fromkeys(range(150, 1200, 240), 0.5),
    }
    clocks = TwoClocks(COUNTED, drift_ppm, stalls).run(20 * 60)
    assert share_played(clocks.reference) > 0.985
    assert are_in_order(clocks.reference)
    assert clocks.far.slips <= 20
    late = np.mean([lead < -1 for lead in leads_ms(clocks)])
    assert late < 0.01


def test_a_microphone_that_opens_later_hears_what_is_played_then() -> None:
    now = 0.0
    far = Far(lambda: now)
    heard = []
    for number in range(600):
        now = number / SECOND
        far.played(np.full(BLOCK_SAMPLES, number, np.int16))
        if number == 500:
            far.align()
        if number >= 500:
            heard.append(number - int(far.take()[-1]))
    assert far.slips == 0
    assert set(heard) <= {0, 1, 2}


def test_what_was_played_is_audible_wherever_it_belongs() -> None:
    far = Far()
    assert not far.was_audible()
    for _ in range(10):
        far.played(SILENCE)
        far.take()
    assert not far.was_audible()
    for _ in range(20):  # far behind: nothing of what comes is taken
        far.take()
    far.played(np.full(BLOCK_SAMPLES, 3_000, np.int16))
    assert not far.take().any()
    assert far.was_audible()
    assert not far.was_audible()


@given(st.lists(st.one_of(st.integers(1, 3 * KEPT), st.sampled_from([0, -1, -2, -3])), max_size=60))
def test_it_is_bounded_and_always_gives_a_block(steps: list[int]) -> None:
    far = Far()
    for step in steps:
        if step > 0:
            far.played(np.ones(step, np.int16))
        elif step == -2:
            far.clear()
        elif step == -3:
            far.align()
        elif step == 0:
            far.skip(1)
        assert far.take().shape == (BLOCK_SAMPLES,)
        assert len(far._samples) == max(far._lead, 0)
        assert -KEPT <= far._lead <= KEPT
