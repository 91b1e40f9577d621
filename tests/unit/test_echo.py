"""Echo on arrays: a loudspeaker that distorts, a room, delays, clocks that differ. How it is in the running product, see
tests/integration."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from pi_cam.audio import echo as echo_module
from pi_cam.audio.blocks import BLOCK_SAMPLES, SILENCE, Block, level_dbfs
from pi_cam.audio.echo import (
    AFTER_BLOCKS,
    RAMP_SAMPLES,
    SLOW_SECONDS,
    WATCHED_BLOCKS,
    Aec3,
    EchoCanceller,
    HalfDuplex,
    WhileFast,
    choose,
)
from pi_cam.audio.far import AUDIBLE_DBFS
from pi_cam.errors import MissingPart
from tests.room import echo, microphone, noise, reduction_db
from tests.speech import blocks, speech
from tests.two_clocks import TwoClocks

SECONDS = 16.0
HALF = round(SECONDS / 2) * 48_000

LEAST_REDUCTION_DB = 25.0
MOST_VOICE_LOSS_DB = 10.0


def through(canceller: EchoCanceller, near: Block, far: Block) -> Block:
    pairs = zip(blocks(near), blocks(far), strict=True)
    return np.concatenate([canceller.process(*pair, is_audible(pair[1])) for pair in pairs])


def is_audible(far: Block) -> bool:
    return level_dbfs(far) > AUDIBLE_DBFS


@pytest.mark.parametrize("suppression", [False, True])
@pytest.mark.parametrize(("delay_ms", "drift_ppm"), [(60, 0), (150, 0), (300, 0), (150, 100), (300, -100)])
def test_the_loudspeaker_is_not_heard_in_the_microphone(delay_ms: float, drift_ppm: float, suppression: bool) -> None:
    far = speech(SECONDS)
    near = microphone(echo(far, delay_ms=delay_ms, drift_ppm=drift_ppm), noise(len(far)))
    left = through(Aec3(suppression), near, far)
    assert reduction_db(near[HALF:], left[HALF:]) >= LEAST_REDUCTION_DB


@pytest.mark.parametrize("drift_ppm", [0, 100, -100])
@pytest.mark.parametrize(("which", "stall"), [("alsa", 0.06), ("alsa", 0.5), ("pulls", 0.5), ("takes", 0.5)])
def test_after_a_stall_it_is_not_heard_either(which: str, stall: float, drift_ppm: float) -> None:
    clocks = TwoClocks(speech(20.0), drift_ppm, {which: {10.0: stall}}).run(22.0)
    played, count = clocks.stream, len(clocks.near_at)
    sounds = echo(played, delay_ms=80)
    places = np.ravel([np.arange(BLOCK_SAMPLES) + at for at in clocks.near_at])
    near = microphone(np.interp(places, np.arange(len(played)), sounds), noise(count * BLOCK_SAMPLES))
    left = through(Aec3(False), near, np.concatenate(clocks.reference))
    for begin, end in [(5, 10), (13, 17), (17, 22)]:
        part = slice(begin * 48_000, end * 48_000)
        assert reduction_db(near[part], left[part]) >= LEAST_REDUCTION_DB, (begin, end)


@pytest.mark.parametrize("delay_ms", [60, 150, 300])
def test_who_speaks_at_the_same_time_is_still_heard(delay_ms: float) -> None:
    """Both speak all the time in the second half, the echo as loud as the voice."""
    far, voice = speech(SECONDS), np.array(speech(SECONDS, "fr+f3"))
    voice[:HALF] = 0
    near = microphone(echo(far, delay_ms=delay_ms), voice, noise(len(far)))
    left = through(Aec3(False), near, far)
    spoken, heard = voice[HALF:], left[HALF:]
    late = _lag(spoken, heard)
    assert 0 <= late < 48 * 40, "more than 40 ms"
    kept = _share(spoken[: len(spoken) - late], heard[late:])
    assert 20 * np.log10(kept) >= -MOST_VOICE_LOSS_DB


def test_without_a_loudspeaker_the_voice_is_left_alone() -> None:
    voice = speech(8.0, "fr+f3")
    left = through(Aec3(False), microphone(voice, noise(len(voice))), np.zeros_like(voice))
    assert abs(reduction_db(voice, left)) < 2


def test_noise_suppression_is_a_choice() -> None:
    hiss = microphone(noise(8 * 48_000, rms=200))
    plain, suppressed = (through(Aec3(choice), hiss, np.zeros_like(hiss)) for choice in (False, True))
    assert level_dbfs(suppressed[HALF // 2 :]) < level_dbfs(plain[HALF // 2 :]) - 3


def _lag(spoken: Block, heard: Block) -> int:
    """By how many samples the one is later, found where they resemble each other most."""
    size = 1 << (2 * len(spoken)).bit_length()
    both = np.fft.rfft(heard.astype(float), size) * np.conj(np.fft.rfft(spoken.astype(float), size))
    return int(np.argmax(np.fft.irfft(both, size)[: len(spoken) // 2]))


def _share(spoken: Block, heard: Block) -> float:
    """The amplitude with which `spoken` is in `heard`: an echo that is left counts for nothing."""
    voice = spoken.astype(float)
    return float(np.dot(voice, heard) / np.dot(voice, voice))


def test_half_duplex_ducks_while_the_loudspeaker_speaks_and_for_as_long_as_its_echo_may_last() -> None:
    canceller, near = HalfDuplex(), np.full(BLOCK_SAMPLES, 10_000, np.int16)
    assert not canceller.full_duplex
    assert canceller.process(near, SILENCE, False) is near, "untouched while nobody speaks"
    canceller.process(near, SILENCE, True)  # whatever was lined up with it
    for _ in range(AFTER_BLOCKS - 1):
        assert canceller.process(near, SILENCE, False).max() == 100
    back = canceller.process(near, SILENCE, False)
    assert back[0] == 100
    assert np.all(back[RAMP_SAMPLES:] == 10_000)
    assert canceller.process(near, SILENCE, False) is near


def test_half_duplex_does_not_click() -> None:
    canceller, near = HalfDuplex(), np.full(BLOCK_SAMPLES, 30_000, np.int16)
    far = [SILENCE, *blocks(speech(0.5))[10:14], *[SILENCE] * (AFTER_BLOCKS + 2)]
    out = np.concatenate([canceller.process(near, block, is_audible(block)) for block in far]).astype(int)
    assert np.abs(np.diff(out)).max() <= 30_000 / RAMP_SAMPLES + 2


@pytest.mark.parametrize("delay_ms", [60, 300])
def test_half_duplex_leaves_no_echo(delay_ms: float) -> None:
    far = speech(8.0)
    near = microphone(echo(far, delay_ms=delay_ms))
    assert reduction_db(near, through(HalfDuplex(), near, far)) > LEAST_REDUCTION_DB


class Computer:
    """Processor time goes by as the test says: `each` seconds for a block."""

    def __init__(self, each: float) -> None:
        self.each, self.used, self.asked = each, 0.0, 0

    def __call__(self) -> float:
        self.asked += 1
        if self.asked % 2 == 0:
            self.used += self.each
        return self.used


class Nothing:
    """A canceller that only says that it is one."""

    full_duplex = True

    def process(self, near: Block, far: Block, audible: bool) -> Block:
        return near


def test_a_computer_that_is_fast_enough_keeps_its_canceller() -> None:
    changes: list[bool] = []
    canceller = WhileFast(Nothing(), lambda: changes.append(True), Computer(0.9 * SLOW_SECONDS))
    for _ in range(10 * WATCHED_BLOCKS):
        canceller.process(SILENCE, SILENCE, False)
    assert canceller.full_duplex
    assert changes == []


def test_a_computer_that_becomes_too_slow_changes_to_half_duplex_once_and_says_so() -> None:
    changes: list[bool] = []
    computer = Computer(0.5 * SLOW_SECONDS)
    canceller = WhileFast(Nothing(), lambda: changes.append(canceller.full_duplex), computer)
    for _ in range(WATCHED_BLOCKS):
        canceller.process(SILENCE, SILENCE, False)
    computer.each = 1.1 * SLOW_SECONDS
    for _ in range(WATCHED_BLOCKS - 1):
        canceller.process(SILENCE, SILENCE, False)
    assert changes == []
    for _ in range(2 * WATCHED_BLOCKS):
        canceller.process(SILENCE, SILENCE, False)
    assert changes == [False]
    loud = np.full(BLOCK_SAMPLES, 10_000, np.int16)
    assert canceller.process(loud, loud, True)[-1] == 100


def test_auto_is_the_canceller_where_there_is_one() -> None:
    chosen = choose("auto", True)
    assert chosen.full_duplex
    assert chosen.process(SILENCE, SILENCE, False).shape == (BLOCK_SAMPLES,)


def test_the_package_is_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    monkeypatch.setattr(echo_module, "find_spec", looked.append)
    echo_module.is_installed.cache_clear()
    try:
        assert [echo_module.is_installed() for _ in range(3)] == [False] * 3
        assert looked == ["pywebrtc_audio"]
    finally:
        echo_module.is_installed.cache_clear()


def test_off_is_half_duplex() -> None:
    assert not choose("off", True).full_duplex


def test_a_computer_that_was_always_too_slow_never_begins() -> None:
    assert not choose("auto", False, cpu_seconds=Computer(100 * SLOW_SECONDS)).full_duplex


def test_without_the_package_there_is_half_duplex(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pywebrtc_audio", None)
    with pytest.raises(MissingPart, match="pywebrtc-audio"):
        Aec3(False)
    assert not choose("auto", True).full_duplex
