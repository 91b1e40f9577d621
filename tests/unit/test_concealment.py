"""Lost blocks: what is heard in their place."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi_cam.audio.blocks import BLOCK_SAMPLES, SILENCE, Block, level_dbfs
from pi_cam.audio.concealment import FADED, FULL, JOIN_SAMPLES, LONGEST_PERIOD, Concealer
from pi_cam.media.opus import OpusDecoder, OpusEncoder
from tests.speech import blocks, speech


def voice(count: int, hertz: float) -> list[Block]:
    """A steady vowel: ten harmonics."""
    phase = 2 * np.pi * hertz * np.arange(count * BLOCK_SAMPLES) / 48_000
    wave = sum(np.sin(k * phase + k * k) / k for k in range(1, 11))
    return list(np.rint(4_000 * np.asarray(wave)).astype(np.int16).reshape(count, BLOCK_SAMPLES))


def through(heard: list[Block], lost: set[int]) -> list[Block]:
    concealer = Concealer()
    return [concealer.lost() if index in lost else concealer.good(block) for index, block in enumerate(heard)]


def test_without_loss_nothing_is_changed() -> None:
    heard = blocks(speech(2.0))
    assert all(np.array_equal(out, block) for out, block in zip(through(heard, set()), heard, strict=True))


@pytest.mark.parametrize("hertz", [70.0, 101.0, 147.0, 199.0, 260.0, 330.0])
def test_a_vowel_goes_on_as_if_nothing_were_missing(hertz: float) -> None:
    heard = voice(10, hertz)
    out = through(heard, {6})
    kept = slice(0, FULL)  # after that it fades
    error = out[6][kept].astype(float) - heard[6][kept]
    assert np.sqrt(np.mean(error**2)) < 0.05 * np.sqrt(np.mean(heard[6][kept].astype(float) ** 2))


@pytest.mark.parametrize("hertz", [70.0, 147.0, 330.0])
def test_nothing_clicks_where_the_loss_begins_and_ends(hertz: float) -> None:
    heard = voice(12, hertz)
    out = np.concatenate(through(heard, {6, 7})).astype(int)
    steepest = np.abs(np.diff(np.concatenate(heard).astype(int))).max()
    assert np.abs(np.diff(out)).max() <= 1.3 * steepest


def test_a_tone_that_grows_louder_does_not_click_either() -> None:
    at = np.arange(10 * BLOCK_SAMPLES)
    tone = np.rint(at * np.sin(2 * np.pi * 101 * at / 48_000)).astype(np.int16).reshape(10, BLOCK_SAMPLES)
    steepest = np.abs(np.diff(tone.astype(int).reshape(-1))).max()
    for index in range(4, 8):
        out = np.concatenate(through(list(tone), {index})).astype(int)
        assert np.abs(np.diff(out)).max() <= 1.2 * steepest


def test_lost_noise_does_not_become_a_tone() -> None:
    """What is repeated is as long as can be: a short piece would be heard as a note."""
    for seed in range(5):
        hiss = np.random.default_rng(seed).normal(0, 3_000, (10, BLOCK_SAMPLES)).astype(np.int16)
        out = np.concatenate(through(list(hiss), {6, 7})[6:8]).astype(float)
        likeness = [np.corrcoef(out[:-lag], out[lag:])[0, 1] for lag in range(200, LONGEST_PERIOD + 1)]
        assert np.argmax(likeness) + 200 == LONGEST_PERIOD


def test_it_fades_to_silence_within_80_ms() -> None:
    heard = voice(10, 120.0)
    out = through(heard, set(range(5, 10)))
    levels = [level_dbfs(block) for block in out[4:]]
    assert levels == sorted(levels, reverse=True)
    assert levels[1] > levels[0] - 2, "it begins as loud as the sound before"
    assert out[5 + FADED // BLOCK_SAMPLES] is SILENCE


def test_after_a_long_loss_the_sound_comes_back_softly() -> None:
    heard = voice(30, 120.0)
    out = through(heard, set(range(5, 20)))
    assert abs(int(out[20][0])) < 500
    assert np.array_equal(out[20][JOIN_SAMPLES:], heard[20][JOIN_SAMPLES:])
    assert np.array_equal(out[21], heard[21])


def test_before_anything_was_heard_there_is_silence() -> None:
    concealer = Concealer()
    assert concealer.lost() is SILENCE
    assert concealer.lost() is SILENCE


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([0, 1, -1, 32_767, -32_768]), st.booleans()), max_size=12))
def test_extreme_sound_neither_wraps_nor_raises(parts: list[tuple[int, bool]]) -> None:
    concealer = Concealer()
    for value, good in parts:
        out = concealer.good(np.full(BLOCK_SAMPLES, value, np.int16)) if good else concealer.lost()
        assert out.dtype == np.int16
        assert out.shape == (BLOCK_SAMPLES,)


def spectrum(sound: Block) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Level in dB per 20 ms and third of an octave, as an ear compares."""
    windows = sound.astype(np.float64).reshape(-1, BLOCK_SAMPLES) * np.hanning(BLOCK_SAMPLES)
    power = np.abs(np.fft.rfft(windows, axis=1)) ** 2
    edges = np.unique(np.rint(100 * 2 ** (np.arange(0, 18) / 3) / 50).astype(int))
    bands = np.add.reduceat(power, edges, axis=1)[:, :-1]
    return np.asarray(10 * np.log10(bands / BLOCK_SAMPLES**2 + 1))


@pytest.mark.parametrize("share", [0.05, 0.20])
def test_lost_speech_is_nearer_to_what_was_said_than_silence_is(share: float) -> None:
    encoder, chance = OpusEncoder(), random.Random(5)
    packets = [packet for block in blocks(speech(20.0)) for packet in encoder.encode(block)]
    lost = {index for index in range(20, len(packets)) if chance.random() < share}
    whole, decoder, concealer = OpusDecoder(), OpusDecoder(), Concealer()
    said, concealed, silenced = [], [], []
    for index, packet in enumerate(packets):
        block = whole.decode(packet)
        assert block is not None
        got = None if index in lost else decoder.decode(packet)
        said.append(block)
        concealed.append(concealer.lost() if got is None else concealer.good(got))
        silenced.append(SILENCE if got is None else got)
    truth = spectrum(np.concatenate(said))
    error = [np.abs(spectrum(np.concatenate(sound)) - truth).mean() for sound in (concealed, silenced)]
    assert error[0] < 0.6 * error[1]
