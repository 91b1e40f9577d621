"""sounddevice with rules, for what real devices do seldom: refuse a rate, belong to somebody else, hang, come and go."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

BUSY = -9985
INVALID_SAMPLE_RATE = -9997


class PortAudioError(Exception):
    """Its arguments are a sentence and a PaErrorCode."""


class FakeStream:
    """Calls back only when a test says so; `abort` hangs while the device does."""

    def __init__(self, sounddevice: FakeSounddevice, callback: Callable[..., None], **asked: Any) -> None:
        self.asked = asked
        self.callback = callback
        self.words: list[str] = []
        self._sounddevice = sounddevice

    def start(self) -> None:
        self.words.append("start")
        self._sounddevice.on_start(self)

    def abort(self) -> None:
        self._sounddevice.lets_go.wait()
        self.words.append("abort")

    def close(self) -> None:
        self.words.append("close")


class FakeSounddevice:
    """`plugged` is what is there, `(name, inputs, outputs)`; PortAudio sees it when it is initialised."""

    PortAudioError = PortAudioError

    def __init__(self, *plugged: tuple[str, int, int], default: tuple[int, int] = (-1, -1)) -> None:
        self.plugged = list(plugged)
        self.default = default
        self.rates = {48_000}
        self.refusal: tuple[object, ...] | None = None
        self.looks = 1
        self.initialised = True
        self.refuses_to_look = False
        self.streams: list[FakeStream] = []
        self.lets_go = threading.Event()
        self.lets_go.set()
        self.on_start: Callable[[FakeStream], None] = lambda stream: None
        self._seen = list(self.plugged)

    def _terminate(self) -> None:
        if not self.initialised:
            raise PortAudioError("Error terminating PortAudio: PortAudio not initialized", -10000)
        self.initialised = False
        self._seen = []

    def _initialize(self) -> None:
        if self.refuses_to_look:
            raise PortAudioError("Error initializing PortAudio: Internal PortAudio error", -9986)
        self.initialised = True
        self._seen = list(self.plugged)
        self.looks += 1

    def query_hostapis(self) -> list[dict[str, object]]:
        alsa = {
            "name": "ALSA",
            "devices": list(range(len(self._seen))),
            "default_input_device": self.default[0],
            "default_output_device": self.default[1],
        }
        return [{"name": "OSS", "devices": [99]}, alsa]

    def query_devices(self, index: int) -> dict[str, object]:
        name, inputs, outputs = self._seen[index]
        return {
            "name": name,
            "max_input_channels": inputs,
            "max_output_channels": outputs,
            "default_samplerate": 44_100.0,
        }

    def RawInputStream(self, **asked: Any) -> FakeStream:  # noqa: N802 - as sounddevice names it
        return self._stream(**asked)

    def RawOutputStream(self, **asked: Any) -> FakeStream:  # noqa: N802 - as sounddevice names it
        return self._stream(**asked)

    def _stream(self, samplerate: int, **asked: Any) -> FakeStream:
        if self.refusal is not None:
            raise PortAudioError(*self.refusal)
        if samplerate not in self.rates:
            raise PortAudioError("Error opening RawInputStream: Invalid sample rate", INVALID_SAMPLE_RATE)
        stream = FakeStream(self, samplerate=samplerate, **asked)
        self.streams.append(stream)
        return stream


def moment(age: float = 0.02) -> Any:
    """PortAudio's time of a callback whose first sample is `age` seconds old, by a clock of its own."""
    return SimpleNamespace(currentTime=7_000_000.0, inputBufferAdcTime=7_000_000.0 - age)


def status(**flags: bool) -> Any:
    """sounddevice's CallbackFlags."""
    return SimpleNamespace(**{"input_overflow": False, "output_underflow": False, **flags})
