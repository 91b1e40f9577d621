"""Sound devices through PortAudio: the only module that knows sounddevice.

PortAudio looks for devices once, when it is initialised, and its state is one for the whole process. So one `Library`
serves everybody: it looks again when the kernel's cards have changed, or after trouble, as soon as no stream is open.
"""

from __future__ import annotations

import atexit
import importlib
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from pi_cam.audio import troubles
from pi_cam.audio.cards import Cards
from pi_cam.audio.troubles import Direction
from pi_cam.errors import MissingPart, PiCamError
from pi_cam.media.units import SOUND_CLOCK_HZ

PER_SECOND = {"input": 50, "output": 100}
"""Callbacks. A microphone fills the 20 ms of a block anyway; a loudspeaker's buffer is shorter when its periods are."""

LATENCY_SECONDS = {"input": 0.04, "output": 0.02}
"""Two periods, and PortAudio adds one, in ALSA's own buffer."""

LOCK_SECONDS = 5.0
ABORT_SECONDS = 1.0

INVALID_SAMPLE_RATE = -9997

TROUBLES: dict[object, Callable[[Direction], PiCamError]] = {
    -9999: troubles.shut,  # the host's own error
    -9998: troubles.unsuited,  # number of channels
    INVALID_SAMPLE_RATE: troubles.unsuited,
    -9996: troubles.shut,  # no such device
    -9994: troubles.unsuited,  # sample format
    -9993: troubles.shut,  # "combination of devices": whatever keeps ALSA from opening it, but EBUSY
    -9987: troubles.shut,  # out of time
    -9985: troubles.busy,  # EBUSY
}
"""By PortAudio's PaErrorCode (portaudio.h). Its own words are English, and for programmers: they go to the log."""

Callback = Callable[[Any, int, Any, Any], None]
"""`(buffer, samples, time, status)` in PortAudio's own thread, as sounddevice's raw streams call it."""


@dataclass(frozen=True)
class SoundDevice:
    """A device that ALSA lists. `name` is the same after a restart; `inputs` and `outputs` count channels."""

    name: str
    inputs: int
    outputs: int
    default_input: bool
    default_output: bool

    def serves(self, direction: Direction) -> bool:
        """Whether it has a channel of this direction."""
        return (self.inputs if direction == "input" else self.outputs) > 0

    def is_default(self, direction: Direction) -> bool:
        """Whether the system prefers it."""
        return self.default_input if direction == "input" else self.default_output


@dataclass(frozen=True)
class _Listed:
    device: SoundDevice
    index: int
    rate: int


class OpenStream:
    """One direction of one device, mono, 16 bits; made by `Library.open`. Each callback has `samples`."""

    def __init__(
        self,
        stream: Any,
        name: str,
        rate: int,
        samples: int,
        translated: Callable[[], AbstractContextManager[None]],
        closed: Callable[[Any, bool], None],
    ) -> None:
        self.name = name
        self.rate = rate
        self.samples = samples
        self._stream = stream
        self._translated = translated
        self._closed = closed

    def start(self) -> None:
        """Callbacks begin. Raises `SourceError` as `Library.open`."""
        with self._translated():
            self._stream.start()

    def close(self, lost: bool = False) -> None:
        """Ends the callbacks and gives the device back. `lost`: it failed, so that devices are to be looked for anew.

        `stop` waits for blocks that a starved device never delivers; even `abort` waits for PortAudio's thread, which a
        driver may keep: then nobody waits for it, and the device is given back when the driver lets go.
        """
        ending = threading.Thread(target=self._end, args=(lost,), name="sound-abort", daemon=True)
        ending.start()
        ending.join(ABORT_SECONDS)

    def _end(self, lost: bool) -> None:
        self._stream.abort()
        self._closed(self._stream, lost)


class Library:
    """PortAudio, one thread at a time. `load` gives the module sounddevice, or raises `MissingPart`."""

    def __init__(self, load: Callable[[], Any] | None = None, cards: Cards | None = None) -> None:
        self._load = load or _load
        self._cards = cards or Cards()
        self._lock = threading.Lock()
        self._seen: str | None = None
        self._open = 0
        self._initialised = True
        self._suspect = "sounddevice" in sys.modules  # somebody else may have looked long ago

    def devices(self) -> list[SoundDevice]:
        """All of them. Raises `MissingPart` without PortAudio, `SourceError` when a driver keeps it."""
        with self._alone():
            return [one.device for one in self._listed(self._looked())]

    def open(self, direction: Direction, wanted: str, callback: Callback) -> OpenStream:
        """Opens the device of this name, or the system's own choice for "" and "auto"; not started yet.

        Raises `MissingPart` without PortAudio and `SourceError` with the reason why there is no sound from it.
        """
        with self._alone():
            sounddevice = self._looked()
            self._suspect = True
            listed = self._found(self._listed(sounddevice), direction, wanted)
            stream = self._opened(sounddevice, listed, direction, callback)
            self._suspect = False
            self._open += 1
            return stream

    def is_outdated(self) -> bool:
        """Whether somebody misses a device and the cards have changed: who has a stream closes it and opens it again."""
        return self._suspect and self._seen is not None and self._cards.listed() != self._seen

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._lock.acquire(timeout=LOCK_SECONDS):
            raise troubles.unanswering()
        try:
            yield
        finally:
            self._lock.release()

    def _looked(self) -> Any:
        """The module, with a list of devices that is of now, if that can be had."""
        sounddevice = self._load()
        cards = self._cards.listed()
        if self._open == 0:
            if self._suspect or self._seen not in (None, cards):
                self._look_again(sounddevice)
            self._seen, self._suspect = cards, False
        return sounddevice

    def _look_again(self, sounddevice: Any) -> None:
        """Both names are private, and described by their author for this; PortAudio knows no other way."""
        self._suspect = True
        try:
            if self._initialised:
                self._initialised = False
                sounddevice._terminate()
            sounddevice._initialize()
        except sounddevice.PortAudioError as error:  # a card that goes while it looks
            raise troubles.unanswering() from error
        self._initialised = True

    def _listed(self, sounddevice: Any) -> list[_Listed]:
        try:
            alsa = [api for api in sounddevice.query_hostapis() if api["name"] == "ALSA"]
            return [
                self._described(sounddevice.query_devices(index), api, index)
                for api in alsa
                for index in api["devices"]
            ]
        except sounddevice.PortAudioError as error:
            raise troubles.unanswering() from error

    def _described(self, info: Any, api: Any, index: int) -> _Listed:
        device = SoundDevice(
            name=self._cards.stable_name(str(info["name"])),
            inputs=info["max_input_channels"],
            outputs=info["max_output_channels"],
            default_input=index == api["default_input_device"],
            default_output=index == api["default_output_device"],
        )
        return _Listed(device, index, int(info["default_samplerate"]))

    def _found(self, listed: list[_Listed], direction: Direction, wanted: str) -> _Listed:
        able = [one for one in listed if one.device.serves(direction)]
        if wanted in ("", "auto"):
            able.sort(key=lambda one: not one.device.is_default(direction))
            if able:
                return able[0]
            raise troubles.busy(direction) if self._cards.in_use(direction) else troubles.absent(direction)
        for one in able:
            if wanted == one.device.name or one.device.name.endswith(f"({wanted})"):
                return one
        in_use = self._cards.in_use(direction, wanted)
        raise troubles.busy(direction) if in_use else troubles.unplugged(direction, wanted)

    def _opened(self, sounddevice: Any, listed: _Listed, direction: Direction, callback: Callback) -> OpenStream:
        """At 48 kHz, or at the device's own rate where it has no other."""
        kind = sounddevice.RawInputStream if direction == "input" else sounddevice.RawOutputStream
        name = listed.device.name
        rates = list(dict.fromkeys((SOUND_CLOCK_HZ, listed.rate)))
        for rate in rates:
            samples = rate // PER_SECOND[direction]
            try:
                stream = kind(
                    samplerate=rate,
                    blocksize=samples,
                    device=listed.index,
                    channels=1,
                    dtype="int16",
                    latency=LATENCY_SECONDS[direction],
                    callback=callback,
                )
            except sounddevice.PortAudioError as error:
                if _code(error) != INVALID_SAMPLE_RATE or rate == rates[-1]:
                    raise self._trouble(error, direction, name) from error
            else:
                translated = partial(self._translated, sounddevice, direction, name)
                return OpenStream(stream, name, rate, samples, translated, self._give_back)
        raise AssertionError("the last rate either opens or raises")

    @contextmanager
    def _translated(self, sounddevice: Any, direction: Direction, name: str) -> Iterator[None]:
        try:
            yield
        except sounddevice.PortAudioError as error:
            raise self._trouble(error, direction, name) from error

    def _trouble(self, error: Exception, direction: Direction, name: str) -> PiCamError:
        if self._cards.is_gone(name):
            return troubles.unplugged(direction, name)
        return TROUBLES.get(_code(error), troubles.failed)(direction)

    def _give_back(self, stream: Any, lost: bool) -> None:
        with self._lock:  # however long it takes: a stream that is not closed keeps its device
            stream.close()
            self._open -= 1
            self._suspect = self._suspect or lost


def _code(error: Exception) -> object:
    return error.args[1] if len(error.args) > 1 else None


def _load() -> Any:
    try:
        module = importlib.import_module("sounddevice")
    except ImportError as error:
        raise MissingPart("sounddevice is not installed, so that there is no sound.") from error
    except OSError as error:
        raise MissingPart("PortAudio is not installed, so that there is no sound.") from error
    # At the end of the process it would close every stream, and wait for a driver that hangs; the kernel does not wait.
    if hasattr(module, "_exit_handler"):
        atexit.unregister(module._exit_handler)
    return module


LIBRARY = Library()
"""The one of this process."""


def devices() -> list[SoundDevice]:
    """What ALSA lists here. Raises as `Library.devices`."""
    return LIBRARY.devices()
