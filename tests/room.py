"""What a microphone hears of a loudspeaker in the same room: distorted, late, and with the room's own sound."""

from __future__ import annotations

import numpy as np

from pi_cam.audio.blocks import Block

RATE = 48_000
ROOM_SECONDS = 0.160

Samples = np.ndarray[tuple[int], np.dtype[np.float64]]


def impulse_response(seed: int = 3) -> Samples:
    """A room of 160 ms: what arrives directly, then random reflections that die away."""
    count = round(ROOM_SECONDS * RATE)
    chance = np.random.default_rng(seed)
    response = chance.normal(0, 0.08, count) * np.exp(-np.arange(count) / RATE / 0.030)
    response[0] = 1.0
    return np.asarray(response / np.sqrt(np.sum(response**2)))


def distorted(sound: Block) -> Samples:
    """A small loudspeaker, driven hard."""
    drive = 2.0 * sound.astype(np.float64) / 32_768
    return np.asarray(np.tanh(drive) * 32_768 / 2.0)


def echo(played: Block, *, delay_ms: float, drift_ppm: float = 0.0, seed: int = 3) -> Samples:
    """The loudspeaker's sound as the microphone hears it, shape as `played`.

    `delay_ms`: from the block that was handed over to its arrival. `drift_ppm`: how much faster the microphone's clock runs.
    """
    count = len(played)
    size = 1 << (count + round(ROOM_SECONDS * RATE)).bit_length()
    sound = np.fft.irfft(np.fft.rfft(distorted(played), size) * np.fft.rfft(impulse_response(seed), size), size)[:count]
    at = np.arange(count) / (1 + drift_ppm / 1e6) - delay_ms / 1000 * RATE
    return np.interp(at, np.arange(count), sound, left=0.0, right=0.0)


def noise(count: int, rms: float = 15.0, seed: int = 4) -> Samples:
    """A quiet room's own."""
    return np.random.default_rng(seed).normal(0, rms, count)


def microphone(*sounds: Samples | Block) -> Block:
    """All of them at once, in 16 bits."""
    heard: Block = np.clip(np.rint(np.sum(sounds, axis=0)), -32_768, 32_767).astype(np.int16)
    return heard


def reduction_db(before: Samples | Block, after: Samples | Block) -> float:
    """How much less energy `after` has."""
    energy = [float(np.mean(np.square(sound, dtype=np.float64))) + 1e-9 for sound in (before, after)]
    return float(10 * np.log10(energy[0] / energy[1]))
