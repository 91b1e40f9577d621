"""Speech for tests: espeak-ng's where it is installed, else noise that comes and goes as speech does."""

from __future__ import annotations

import io
import shutil
import subprocess
import wave
from functools import lru_cache

import numpy as np

from pi_cam.audio.blocks import BLOCK_SAMPLES, Block

RATE = 48_000

TEXTS = {
    "en": "The quick brown fox jumps over the lazy dog, and then it sits down by the river. Who is at the door? "
    "Nobody answers. Please leave the parcel behind the blue gate, thank you very much; I will fetch it this evening.",
    "fr+f3": "Bonjour, qui est là ? Posez le paquet devant la porte, s'il vous plaît. Je rentre vers sept heures ce soir, "
    "et la voisine garde la clé. Attention au chien, il aboie beaucoup mais il est très gentil avec les enfants.",
}


@lru_cache
def speech(seconds: float, voice: str = "en", rms: float = 2_500.0) -> Block:
    """`seconds` of somebody speaking, shape `(seconds * 48000,)`: whole blocks, `rms` where it is not silent."""
    wanted = round(seconds * RATE / BLOCK_SAMPLES) * BLOCK_SAMPLES
    once = _spoken(voice) if shutil.which("espeak-ng") else _shaped_noise(voice)
    sound = np.resize(once, wanted)
    loud = np.abs(sound) > np.abs(sound).max() / 50
    scaled: Block = np.clip(sound * rms / np.sqrt(np.mean(sound[loud] ** 2)), -32_768, 32_767).astype(np.int16)
    scaled.flags.writeable = False
    return scaled


def blocks(sound: Block) -> list[Block]:
    """The same in blocks."""
    return list(sound.reshape(-1, BLOCK_SAMPLES))


def _spoken(voice: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    command = ["espeak-ng", "--stdout", "-v", voice, TEXTS[voice]]
    with wave.open(io.BytesIO(subprocess.run(command, check=True, capture_output=True, timeout=60).stdout)) as file:
        rate, raw = file.getframerate(), file.readframes(10_000_000)
    heard = np.frombuffer(raw, np.int16).astype(np.float64)
    at = np.arange(0, len(heard) - 1, rate / RATE)
    return np.interp(at, np.arange(len(heard)), heard)


def _shaped_noise(voice: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Ten seconds: a voice's harmonics and some noise, in syllables of different length with pauses between them."""
    chance = np.random.default_rng(sum(voice.encode()))
    count = 10 * RATE
    pitch = 110 if voice == "en" else 205
    phase = np.cumsum(2 * np.pi * (pitch + 25 * np.sin(np.arange(count) / 9_000)) / RATE)
    voiced = sum(np.sin(k * phase) / k for k in range(1, 25)) + chance.normal(0, 0.3, count)
    marks = np.cumsum(chance.uniform(0.06, 0.25, 200))
    syllables = chance.uniform(0, 1, 200) * (chance.uniform(0, 1, 200) > 0.25)
    return np.asarray(voiced * np.interp(np.arange(count) / RATE, marks, syllables))
