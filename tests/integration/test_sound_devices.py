"""The microphone and the loudspeaker on real ALSA: bit exact, and recovered after everything that can happen to them."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from pi_cam.audio.blocks import SILENCE, Block
from pi_cam.audio.devices import Library
from pi_cam.audio.microphone import Microphone
from pi_cam.audio.speaker import Speaker
from pi_cam.media.opus import BLOCK_SAMPLES
from tests.virtual_air import RATE, Room, Samples
from tests.virtual_sound import LOUDSPEAKER, MICROPHONE, VirtualSound

LIMIT_SECONDS = 15


@pytest.fixture
def library(sound: VirtualSound, monkeypatch: pytest.MonkeyPatch) -> Library:
    for name, value in sound.environment.items():
        monkeypatch.setenv(name, value)
    library = Library()
    library.devices()
    return library


@dataclass
class Heard:
    """What a microphone gave, and what it reported."""

    blocks: list[tuple[Block, float]] = field(default_factory=list)
    told: queue.Queue[str | None] = field(default_factory=queue.Queue)
    fresh: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def take(self, block: Block, captured_at: float) -> None:
        self.blocks.append((block, captured_at))
        self.fresh.release()

    def report(self, trouble: Exception | None) -> None:
        self.told.put(None if trouble is None else str(trouble))

    def wait(self, blocks: int = 1) -> None:
        """Until so many more have come."""
        while self.fresh.acquire(blocking=False):
            pass
        for _ in range(blocks):
            assert self.fresh.acquire(timeout=LIMIT_SECONDS)

    def sound(self) -> Samples:
        return np.concatenate([block for block, _ in self.blocks])


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def microphone(library: Library, heard: Heard) -> Iterator[Microphone]:
    microphone = Microphone(lambda: MICROPHONE, heard.take, heard.report, library=library)
    yield microphone
    microphone.stop()


def noise(seconds: float, seed: int = 1, level: float = 3_000) -> Samples:
    made = np.random.default_rng(seed).normal(0, level, round(seconds * RATE) // BLOCK_SAMPLES * BLOCK_SAMPLES)
    return np.clip(made, -32768, 32767).astype(np.int16)


def place_of(wanted: Samples, among: Samples) -> int:
    """Where it begins, bit for bit; -1 where it is not."""
    return among.tobytes().find(wanted.tobytes()) // 2


def eventually(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + LIMIT_SECONDS
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_systems_choice_is_used_when_none_is_named(sound: VirtualSound, library: Library, heard: Heard) -> None:
    microphone = Microphone(lambda: "", heard.take, heard.report, library=library)
    microphone.start()
    heard.wait(5)
    assert microphone.stats()["device"] == "default"
    microphone.stop()


def test_both_are_listed(library: Library) -> None:
    names = {one.name: (one.inputs > 0, one.outputs > 0) for one in library.devices()}
    assert names[MICROPHONE][0]
    assert names[LOUDSPEAKER][1]


def test_the_microphone_gives_what_it_hears_bit_exact(
    sound: VirtualSound, microphone: Microphone, heard: Heard
) -> None:
    microphone.start()
    heard.wait(5)
    wanted = noise(2.0)
    begin = sound.microphone.play(wanted)
    heard.wait(int(len(wanted) / BLOCK_SAMPLES) + 40)
    microphone.stop()
    place = place_of(wanted, heard.sound())
    assert place >= 0
    at = heard.blocks[place // BLOCK_SAMPLES][1] + place % BLOCK_SAMPLES / RATE
    assert sound.microphone.moments.of(begin) - at == pytest.approx(0, abs=0.15)
    steps = np.diff([one[1] for one in heard.blocks])
    assert np.median(steps) == pytest.approx(0.02, abs=0.002)
    assert microphone.stats() | {"blocks": 0} == {
        "device": MICROPHONE,
        "open": False,
        "blocks": 0,
        "dropped": 0,
        "overflows": 0,
        "trouble": None,
    }


def test_a_microphone_that_hangs_is_noticed_and_recovers(
    sound: VirtualSound, microphone: Microphone, heard: Heard
) -> None:
    microphone.start()
    heard.wait(5)
    sound.microphone.stall()
    assert heard.told.get(timeout=3) == "The microphone no longer sends sound."
    sound.microphone.resume()
    assert heard.told.get(timeout=LIMIT_SECONDS) is None
    heard.wait(5)


def test_it_stops_and_starts_again_while_the_microphone_hangs(
    sound: VirtualSound, microphone: Microphone, heard: Heard
) -> None:
    microphone.start()
    heard.wait(5)
    sound.microphone.stall()
    time.sleep(0.3)
    began = time.monotonic()
    microphone.stop()
    assert time.monotonic() - began < 2
    sound.microphone.resume()
    microphone.start()
    heard.wait(5)


def test_a_microphone_that_is_unplugged_and_plugged_in_again(
    sound: VirtualSound, microphone: Microphone, heard: Heard
) -> None:
    microphone.start()
    heard.wait(5)
    sound.unplug_microphone()
    assert heard.told.get(timeout=3) == "The microphone no longer sends sound."
    assert "The microphone" in str(heard.told.get(timeout=LIMIT_SECONDS))  # not connected, or not to be opened
    sound.plug_microphone()
    eventually(lambda: microphone.stats()["trouble"] is None)
    heard.wait(5)


def test_a_microphone_that_knows_only_44100_hz(
    sound: VirtualSound, library: Library, microphone: Microphone, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sounddevice

    real = sounddevice.RawInputStream

    def picky(samplerate: int, **asked: Any) -> Any:
        if samplerate != 44_100:
            raise sounddevice.PortAudioError("Error opening RawInputStream: Invalid sample rate", -9997)
        return real(samplerate=samplerate, **asked)

    monkeypatch.setattr(sounddevice, "RawInputStream", picky)
    microphone.start()
    heard.wait(5)
    tone = (8_000 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)).astype(np.int16)
    sound.microphone.play(tone)
    heard.wait(80)
    microphone.stop()
    loud = heard.sound().astype(float)
    middle = int(np.argmax(np.convolve(np.abs(loud), np.ones(RATE // 2), "same")))
    piece = loud[middle - RATE // 4 : middle + RATE // 4]
    spectrum = np.abs(np.fft.rfft(piece * np.hanning(len(piece))))
    assert np.argmax(spectrum) * 2 == pytest.approx(440, abs=2)


class Pulled:
    """Gives the loudspeaker these blocks and then silence, and keeps what was played."""

    def __init__(self, wanted: Samples) -> None:
        self.played: list[Block] = []
        self._blocks = iter(wanted.reshape(-1, BLOCK_SAMPLES))

    def __call__(self) -> Block:
        return next(self._blocks, SILENCE)


def speaking(library: Library, pulled: Pulled, told: Callable[[Any], None] = lambda trouble: None) -> Speaker:
    return Speaker(lambda: LOUDSPEAKER, pulled, pulled.played.append, told, library=library)


def test_the_loudspeaker_plays_bit_exact_what_it_says(sound: VirtualSound, library: Library) -> None:
    wanted = noise(2.0)
    pulled = Pulled(wanted)
    speaker = speaking(library, pulled)
    speaker.start()
    eventually(lambda: len(sound.loudspeaker()) > len(wanted) + RATE // 2)
    stats = speaker.stats()
    speaker.stop()
    file = sound.loudspeaker()
    if stats["underruns"] == 0:
        assert place_of(wanted, np.concatenate(pulled.played)) == 0
        assert place_of(wanted, file) >= 0
    for one in wanted.reshape(-1, BLOCK_SAMPLES):  # silence between blocks is all that a busy machine may add
        place = place_of(one, file)
        assert place >= 0
        file = file[place + BLOCK_SAMPLES :]
    assert stats["open"] is True
    assert stats["trouble"] is None


def test_the_loudspeaker_starts_again_after_a_stop(sound: VirtualSound, library: Library) -> None:
    speaker = speaking(library, Pulled(noise(0.2)))
    for _ in range(2):
        speaker.start()
        eventually(lambda: sound.loudspeaker.samples() > RATE // 4)
        began = time.monotonic()
        speaker.stop()
        assert time.monotonic() - began < 2


def test_both_at_once_and_the_room_between_them(
    sound: VirtualSound, library: Library, microphone: Microphone, heard: Heard
) -> None:
    wanted = noise(1.0)
    microphone.start()
    heard.wait(5)
    pulled = Pulled(np.concatenate([np.zeros(RATE, np.int16), wanted]))
    speaker = speaking(library, pulled)
    speaker.start()
    eventually(lambda: sound.loudspeaker.samples() > 0)
    sound.microphone.room(Room(0.15, np.array([0.5]), loudspeaker=lambda heard: heard))
    heard.wait(150)
    speaker.stop()
    microphone.stop()
    there = heard.sound().astype(float)
    spectrum = np.fft.rfft(there, 2 * len(there)) * np.conj(np.fft.rfft(wanted, 2 * len(there)))
    place = int(np.argmax(np.fft.irfft(spectrum)[: len(there) - len(wanted)]))
    echo = there[place : place + len(wanted)]
    assert np.corrcoef(echo, wanted)[0, 1] > 0.9
    assert np.std(echo) / np.std(wanted) == pytest.approx(0.5, rel=0.1)


def test_a_loudspeaker_that_is_unplugged_and_plugged_in_again(sound: VirtualSound, library: Library) -> None:
    told: queue.Queue[Any] = queue.Queue()
    pulled = Pulled(noise(0.2))
    speaker = speaking(library, pulled, told.put)
    speaker.start()
    eventually(lambda: len(pulled.played) > 10)
    sound.unplug_loudspeaker()
    assert str(told.get(timeout=3)) == "The loudspeaker no longer takes sound."
    assert "The loudspeaker" in str(told.get(timeout=LIMIT_SECONDS))  # not connected, or not to be opened
    sound.plug_loudspeaker()
    eventually(lambda: speaker.stats()["trouble"] is None)
    eventually(lambda: sound.loudspeaker.samples() > RATE // 4)
    speaker.stop()


def test_both_are_unplugged_and_stopping_does_not_hang(
    sound: VirtualSound, library: Library, microphone: Microphone, heard: Heard
) -> None:
    speaker = speaking(library, Pulled(noise(0.2)))
    speaker.start()
    microphone.start()
    heard.wait(5)
    sound.unplug_microphone()
    sound.unplug_loudspeaker()
    time.sleep(0.3)
    for device in (microphone, speaker):
        began = time.monotonic()
        device.stop()
        assert time.monotonic() - began < 2


def test_a_sound_server_that_hangs_keeps_nobody(
    sound: VirtualSound, library: Library, microphone: Microphone, heard: Heard
) -> None:
    microphone.start()
    heard.wait(5)
    with sound.hanging_microphone():
        assert heard.told.get(timeout=3) == "The microphone no longer sends sound."
        time.sleep(1.5)  # it is opened again by now, which does not return
        began = time.monotonic()
        microphone.stop()
        assert time.monotonic() - began < 2
    microphone.start()
    heard.wait(5)


LISTENER = """
import sys, threading
from pi_cam.audio.microphone import Microphone

heard = threading.Event()
microphone = Microphone(lambda: "vmic", lambda block, captured_at: heard.set(), lambda trouble: None)
microphone.start()
heard.wait()
print("heard", flush=True)
sys.stdin.readline()
microphone.stop()
"""


def test_a_program_ends_although_a_sound_server_hangs(sound: VirtualSound) -> None:
    listener = subprocess.Popen(
        [sys.executable, "-c", LISTENER],
        env={**os.environ, **sound.environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert listener.stdout is not None
        assert listener.stdout.readline() == "heard\n"
        with sound.hanging_microphone():
            listener.communicate("\n", timeout=5)
        assert listener.returncode == 0
    finally:
        listener.kill()
        listener.communicate()
