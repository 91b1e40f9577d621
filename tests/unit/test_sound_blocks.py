"""Sound of any length to blocks: each in its place, the clock never goes back, what was lost leaves a gap."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pi_cam.capture.sound_blocks import TOLERANCE, Blocks, Placed, SoundClock
from pi_cam.media.opus import BLOCK_SAMPLES, Block
from pi_cam.media.units import SOUND_CLOCK_HZ


def ramp(first: int, count: int) -> Block:
    """Samples that say which they are."""
    return (np.arange(first, first + count) % 30_000 + 1).astype(np.int16)


def cut(sizes: list[int], *, start: float = 100.0) -> list[Placed]:
    blocks, done = Blocks(SoundClock()), 0
    placed: list[Placed] = []
    for size in sizes:
        placed += blocks.add(ramp(done, size), start + done / SOUND_CLOCK_HZ)
        done += size
    return placed


@given(st.lists(st.integers(1, 3_000), max_size=60))
def test_no_sample_is_lost_or_moved_whatever_the_pieces(sizes: list[int]) -> None:
    placed = cut(sizes)
    whole = sum(sizes) // BLOCK_SAMPLES
    assert [each.pts for each in placed] == [100 * SOUND_CLOCK_HZ + BLOCK_SAMPLES * index for index in range(whole)]
    for index, each in enumerate(placed):
        assert np.array_equal(each.block, ramp(index * BLOCK_SAMPLES, BLOCK_SAMPLES))
        assert abs(each.at - each.pts / SOUND_CLOCK_HZ) < 1e-4


def test_lost_sound_makes_the_pts_jump_and_what_follows_is_in_its_place() -> None:
    blocks = Blocks(SoundClock())
    placed = list(blocks.add(ramp(0, 1_024), 10.0))
    gap = 0.5
    placed += blocks.add(ramp(5_000, 4_096), 10.0 + 1_024 / SOUND_CLOCK_HZ + gap)
    steps = [later.pts - earlier.pts for earlier, later in pairwise(placed)]
    assert sum(step > BLOCK_SAMPLES for step in steps) == 1
    assert not any(step % BLOCK_SAMPLES for step in steps)
    after = placed[2]
    silent = int(np.argmax(after.block > 0))
    assert after.pts + silent == round(10.0 * SOUND_CLOCK_HZ) + 1_024 + round(gap * SOUND_CLOCK_HZ)


def test_what_was_there_already_is_dropped() -> None:
    blocks = Blocks(SoundClock())
    placed = list(blocks.add(ramp(0, 9_600), 10.0))
    placed += blocks.add(ramp(0, 9_600), 10.0)
    assert len(placed) == 10
    placed += blocks.add(ramp(4_800, 9_600), 10.1)
    assert [each.pts for each in placed] == [480_000 + 960 * index for index in range(15)]
    assert np.array_equal(np.concatenate([each.block for each in placed]), ramp(0, 14_400))


def test_small_errors_of_timestamps_are_ignored_but_drift_shows_in_the_place() -> None:
    blocks = Blocks(SoundClock())
    placed: list[Placed] = []
    for index in range(200):
        placed += blocks.add(ramp(0, 960), 10 + index * 0.02 + 0.01 * (index >= 50))
    assert {later.pts - earlier.pts for earlier, later in pairwise(placed)} == {960}
    assert abs(placed[-1].at - placed[-1].pts / SOUND_CLOCK_HZ - 0.01) < 0.001


def test_whole_blocks_step_over_what_was_lost() -> None:
    blocks = Blocks(SoundClock())
    steps = [blocks.step(10 + index * 0.02) for index in (0, 1, 2, 2, 1, 10, 11)]
    pts = [step[0] - 480_000 if step else None for step in steps]
    assert pts == [0, 960, 1_920, 2_880, 3_840, 9_600, 10_560]
    assert steps[-1] is not None
    assert abs(steps[-1][1] - 10.22) < 0.001
    assert [blocks.step(10.0) for _ in range(3)] == [None] * 3


def test_a_new_connection_goes_on_where_the_clock_is() -> None:
    clock = SoundClock()
    before = list(Blocks(clock).add(ramp(0, 9_600), 10.0))
    again = list(Blocks(clock).add(ramp(0, 9_600), 10.1))
    assert again[0].pts == before[-1].pts + BLOCK_SAMPLES
    later = list(Blocks(clock).add(ramp(0, 9_600), 20.0))
    assert (later[0].pts - before[0].pts) % BLOCK_SAMPLES == 0
    assert later[0].pts + int(np.argmax(later[0].block > 0)) == 20 * SOUND_CLOCK_HZ


@given(st.lists(st.tuples(st.integers(0, 5_000), st.floats(90, 110), st.integers(0, 9)), max_size=60))
def test_whatever_comes_the_clock_never_goes_back(pieces: list[tuple[int, float, int]]) -> None:
    clock = SoundClock()
    blocks = Blocks(clock)
    pts: list[int] = []
    for size, at, kind in pieces:
        if kind == 0:
            blocks.pause()
        elif kind == 1:
            blocks = Blocks(clock)
        if kind == 2:
            step = blocks.step(at)
            pts += [step[0]] if step else []
        else:
            brought = list(blocks.add(ramp(0, size), at))
            pts += [each.pts for each in brought]
            assert all(each.block.shape == (BLOCK_SAMPLES,) for each in brought)
            assert len(brought) * BLOCK_SAMPLES <= size + 3 * BLOCK_SAMPLES
            assert all(abs(each.at - each.pts / SOUND_CLOCK_HZ) <= TOLERANCE / SOUND_CLOCK_HZ for each in brought)
    assert all(later > earlier and (later - earlier) % BLOCK_SAMPLES == 0 for earlier, later in pairwise(pts))
