"""Levels, gains and sums of 20 ms of sound."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_cam.audio.blocks import (
    BLOCK_SAMPLES,
    FULL_SCALE,
    SILENCE,
    SILENT_DBFS,
    Block,
    Meter,
    amplified,
    level_dbfs,
    mixed,
)


def tone(amplitude: float, hertz: float = 500.0) -> Block:
    return np.rint(amplitude * np.sin(2 * np.pi * hertz * np.arange(BLOCK_SAMPLES) / 48_000)).astype(np.int16)


def square(amplitude: int) -> Block:
    return np.resize(np.array([amplitude, -amplitude], np.int16), BLOCK_SAMPLES)


def test_levels_are_root_mean_square_below_full_scale() -> None:
    assert level_dbfs(square(FULL_SCALE)) == pytest.approx(0, abs=0.001)
    assert level_dbfs(tone(FULL_SCALE)) == pytest.approx(-3.01, abs=0.01)
    assert level_dbfs(tone(FULL_SCALE / 10)) == pytest.approx(-23.01, abs=0.01)


@pytest.mark.parametrize("block", [SILENCE, np.empty(0, np.int16)])
def test_silence_has_a_level_too(block: Block) -> None:
    assert level_dbfs(block) == SILENT_DBFS


def test_silence_cannot_be_spoilt_by_whoever_got_it() -> None:
    with pytest.raises(ValueError, match="read-only"):
        SILENCE[0] = 1


def test_gain_is_what_it_says_and_none_changes_nothing() -> None:
    quiet = tone(1_000)
    assert level_dbfs(amplified(quiet, 12)) - level_dbfs(quiet) == pytest.approx(12, abs=0.05)
    assert level_dbfs(amplified(quiet, -12)) - level_dbfs(quiet) == pytest.approx(-12, abs=0.05)
    assert np.array_equal(amplified(quiet, 0), quiet)


@given(st.integers(-32_768, 32_767), st.floats(-60, 60))
def test_a_gain_never_wraps(sample: int, gain_db: float) -> None:
    out = amplified(np.full(BLOCK_SAMPLES, sample, np.int16), gain_db)
    assert out.dtype == np.int16
    assert np.all(out.astype(int) * sample >= 0), "a positive sample became negative"


def test_too_loud_is_pressed_together_and_keeps_its_shape() -> None:
    loud = amplified(tone(20_000), 10)
    rising = loud[: BLOCK_SAMPLES // 40]  # a quarter of a period
    assert np.all(np.diff(rising.astype(int)) >= 0)
    assert 0.9 * FULL_SCALE < loud.max() <= FULL_SCALE


def test_one_talker_alone_stays_bit_exact() -> None:
    assert np.array_equal(mixed([tone(32_000)]), tone(32_000))
    assert np.array_equal(mixed([]), SILENCE)


def test_two_are_added() -> None:
    assert np.array_equal(mixed([tone(4_000), tone(5_000, 900)]), tone(4_000) + tone(5_000, 900))


def test_a_loud_sum_never_wraps() -> None:
    out = mixed([square(FULL_SCALE)] * 3)
    assert np.array_equal(np.sign(out), np.sign(square(1)))
    assert out.max() <= FULL_SCALE


def test_a_meter_rises_at_once_and_falls_by_20_db_in_300_ms() -> None:
    meter = Meter()
    assert meter.level_dbfs == SILENT_DBFS
    meter.add(square(FULL_SCALE))
    assert meter.level_dbfs == pytest.approx(0, abs=0.001)
    for _ in range(15):
        meter.add(SILENCE)
    assert meter.level_dbfs == pytest.approx(-20, abs=0.01)
    for _ in range(500):
        meter.add(SILENCE)
    assert meter.level_dbfs == SILENT_DBFS
