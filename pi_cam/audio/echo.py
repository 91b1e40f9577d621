"""The loudspeaker is not to be heard in the microphone: by cancelling its echo, or by one at a time.

The only importer of pywebrtc-audio.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from typing import Literal, Protocol

import numpy as np

from pi_cam.audio.blocks import BLOCK_SAMPLES, BLOCK_SECONDS, SILENCE, Block
from pi_cam.errors import MissingPart
from pi_cam.media.units import SOUND_CLOCK_HZ

logger = logging.getLogger(__name__)

SLOW_SECONDS = 0.008
"""Processor time per block of 20 ms beyond which the picture and the people on the page would suffer."""

WATCHED_BLOCKS = 100
"""2 s: the mean over them counts, because single blocks vary."""

TRIAL_BLOCKS = 25
"""Half a second of noise that a canceller is tried with before anybody relies on it."""

DUCKED = 0.01
"""What is left of the microphone while the loudspeaker speaks: -40 dB."""

RAMP_SAMPLES = 480
"""10 ms: a gain that changes faster clicks."""

AFTER_BLOCKS = round((0.3 + 0.2) / BLOCK_SECONDS)
"""How long the microphone stays ducked: the longest way of an echo, 300 ms, and the room's 200 ms."""


@cache
def is_installed() -> bool:
    """Whether there is a canceller here, fast enough or not. Looked up once: every page asks, and it reads folders."""
    return find_spec("pywebrtc_audio") is not None


class EchoCanceller(Protocol):
    """One microphone and one loudspeaker. One thread calls it, once for each block."""

    @property
    def full_duplex(self) -> bool:
        """Whether both sides may speak at the same time."""

    def process(self, near: Block, far: Block, audible: bool) -> Block:
        """What the microphone heard, without `far`: exactly what went to the loudspeaker, `SILENCE` when nothing did.

        `audible`: whether anything that went there since the last block makes an echo, in `far` or not."""


class Aec3:
    """WebRTC's third echo canceller: finds a delay of up to 300 ms by itself; delays `near` by 9 ms, 15 with suppression.

    Raises `MissingPart` without the package.
    """

    full_duplex = True

    def __init__(self, noise_suppression: bool) -> None:
        try:
            from pywebrtc_audio import AudioProcessor
        except ImportError as error:
            raise MissingPart("Echo cancelling needs the Python package pywebrtc-audio.") from error
        self._processor = AudioProcessor(
            sample_rate=SOUND_CLOCK_HZ,
            echo_cancellation=True,
            noise_suppression=noise_suppression,
            high_pass_filter=True,
        )

    def process(self, near: Block, far: Block, audible: bool) -> Block:
        """See `EchoCanceller`."""
        return self._processor.process(near, far)


class HalfDuplex:
    """No canceller: the microphone is ducked while the loudspeaker is audible, and until its echo has died away."""

    full_duplex = False

    def __init__(self) -> None:
        self._ducked_for = 0  # blocks still to come
        self._gain = 1.0

    def process(self, near: Block, far: Block, audible: bool) -> Block:
        """See `EchoCanceller`."""
        self._ducked_for = AFTER_BLOCKS if audible else max(0, self._ducked_for - 1)
        wanted = DUCKED if self._ducked_for else 1.0
        if wanted == self._gain == 1.0:
            return near
        gains = np.full(BLOCK_SAMPLES, wanted, np.float32)
        gains[:RAMP_SAMPLES] = np.linspace(self._gain, wanted, RAMP_SAMPLES)
        self._gain = wanted
        ducked: Block = np.rint(near * gains).astype(np.int16)
        return ducked


class WhileFast:
    """A canceller as long as this computer keeps up with it; half duplex from then on, for good.

    `on_change` is told, on the thread that processes. `cpu_seconds`: processor time of that thread, so that nothing that
    another program does counts as slowness of this one.
    """

    def __init__(
        self,
        canceller: EchoCanceller,
        on_change: Callable[[], None],
        cpu_seconds: Callable[[], float] = time.thread_time,
    ) -> None:
        self._active = canceller
        self._on_change = on_change
        self._cpu_seconds = cpu_seconds
        self._spent = 0.0
        self._blocks = 0

    @property
    def full_duplex(self) -> bool:
        """Whether the canceller still works."""
        return self._active.full_duplex

    def process(self, near: Block, far: Block, audible: bool) -> Block:
        """See `EchoCanceller`."""
        began = self._cpu_seconds()
        block = self._active.process(near, far, audible)
        if self._active.full_duplex:
            self._watch(self._cpu_seconds() - began)
        return block

    def _watch(self, spent: float) -> None:
        self._spent += spent
        self._blocks += 1
        if self._blocks < WATCHED_BLOCKS:
            return
        if self._spent / self._blocks > SLOW_SECONDS:
            logger.warning("echo cancelling takes %.1f ms per block: half duplex", self._spent / self._blocks * 1000)
            self._active = HalfDuplex()
            self._on_change()
        self._spent, self._blocks = 0.0, 0


def choose(
    wanted: Literal["auto", "off"],
    noise_suppression: bool,
    on_change: Callable[[], None] = lambda: None,
    cpu_seconds: Callable[[], float] = time.thread_time,
) -> EchoCanceller:
    """The best that there is: the canceller if it is wanted, installed and fast enough here; else half duplex.

    Takes 0.2 s of processor time at most where that is fast enough. `on_change` is told when it turns out later not to be.
    """
    if wanted == "off":
        return HalfDuplex()
    try:
        if seconds_per_block(Aec3(noise_suppression), cpu_seconds) <= SLOW_SECONDS:
            return WhileFast(Aec3(noise_suppression), on_change, cpu_seconds)
    except MissingPart as error:
        logger.info("%s Half duplex.", error)
    else:
        logger.info("this computer is too slow for echo cancelling: half duplex")
    return HalfDuplex()


def seconds_per_block(canceller: EchoCanceller, cpu_seconds: Callable[[], float] = time.thread_time) -> float:
    """Mean processor time that `canceller` takes for a block here; it has heard noise then, and should be thrown away."""
    noise = np.random.default_rng(0).normal(0, 2_000, (TRIAL_BLOCKS, BLOCK_SAMPLES)).astype(np.int16)
    began = cpu_seconds()
    for far, near in zip(noise, [SILENCE, *noise[:-1]], strict=True):
        canceller.process(near, far, True)
    return (cpu_seconds() - began) / TRIAL_BLOCKS
