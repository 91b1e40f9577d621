"""How the tests find a voice again: whatever a jitter buffer does to it, and nothing else."""

from __future__ import annotations

import numpy as np

from tests.likeness import found_at, found_in_parts

RATE = 8_000
PART, SLACK = RATE * 2 // 5, RATE // 5
CHANCE = np.random.default_rng(5)


def voice(seconds: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Noise that is loud and quiet by turns, of low frequencies: as hard to tell apart as speech."""
    noise = CHANCE.normal(0, 1, round(seconds * RATE))
    return np.convolve(noise, np.ones(12) / 12, "same") * (1.2 + np.sin(np.arange(len(noise)) / RATE * 20))


SAID = voice(2.0)


def heard(*pieces: np.ndarray[tuple[int], np.dtype[np.float64]]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.concatenate([voice(0.7) * 0.1, *pieces, voice(0.5) * 0.1])


def test_what_was_stretched_in_the_middle_is_found() -> None:
    stretched = heard(SAID[: RATE - 100], SAID[RATE - 100 - 40 :])  # 5 ms of it twice
    assert found_at(SAID, stretched)[1] < 0.8
    place, alike = found_in_parts(SAID, stretched, PART, SLACK)
    assert abs(place - round(0.7 * RATE)) <= 40
    assert alike > 0.95


def test_what_lacks_every_other_tenth_of_a_second_is_not() -> None:
    torn = SAID.copy().reshape(-1, RATE // 10)
    torn[1::2] = 0
    assert found_in_parts(SAID, heard(torn.ravel()), PART, SLACK)[1] < 0.8


def test_another_voice_backwards_or_in_another_order_is_not() -> None:
    for other in (voice(2.0), SAID[::-1], np.roll(SAID, RATE)):
        assert found_in_parts(SAID, heard(other), PART, SLACK)[1] < 0.8
