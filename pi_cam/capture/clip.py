"""A local file played in a loop, in real time, as if it were a camera. For the command line only."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol, cast
from urllib.parse import unquote

import av
from av.container import InputContainer

from pi_cam.capture.delivery import PASSED_THROUGH, Delivery, Gate
from pi_cam.capture.sound import CameraSound, SoundWish, sound_of
from pi_cam.capture.source import Capabilities, Emit, Report, UnsteeredSource
from pi_cam.capture.timeline import Timeline
from pi_cam.errors import AddressRefused, PiCamError, SourceError, SourceUnreachable, SourceUnsupported

log = logging.getLogger(__name__)

RETRY_SECONDS = 5.0
_LATE_SECONDS = 1.0


class Clock(Protocol):
    """What a clip is paced by."""

    def monotonic(self) -> float:
        """Seconds, never going back."""

    def wait(self, stopped: threading.Event, seconds: float) -> None:
        """Returns after `seconds`, or at once when `stopped` is set."""


class SystemClock:
    """The machine's own clock."""

    def monotonic(self) -> float:
        """`time.monotonic()`."""
        return time.monotonic()

    def wait(self, stopped: threading.Event, seconds: float) -> None:
        """Waits in real time."""
        stopped.wait(seconds)


class ClipSource(UnsteeredSource):
    """`file:/path/clip.mp4`. H.264 without B-frames passes through untouched; anything else is encoded once here.

    Raises `AddressRefused` when the address names no file, or did not come from the command line.
    """

    def __init__(self, url: str, *, by_operator: bool, clock: Clock | None = None) -> None:
        if not by_operator:
            raise AddressRefused("A file: camera can be named on the command line only.")
        self._path = _path_of(url)
        self._clock = clock or SystemClock()
        self._timeline = Timeline()
        self._wish = SoundWish()
        self._rate: int | None = None
        self._capabilities = PASSED_THROUGH
        self._delivery: Delivery | None = None
        self._gate: Gate | None = None
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def capabilities(self) -> Capabilities:
        """Known once the file was opened."""
        delivery, known = self._delivery, self._capabilities
        return replace(delivery.capabilities, sound=known.sound) if delivery is not None else known

    def start(self, emit: Emit, report: Report) -> None:
        """Begins to play, on a thread of its own."""
        self._stopped = threading.Event()
        self._gate = Gate(emit)
        self._thread = threading.Thread(
            target=self._run, args=(self._gate, report, self._stopped), name="camera-clip", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Closes the file; nothing is emitted after it returns."""
        self._stopped.set()
        if self._gate is not None:
            self._gate.close()
        if self._thread is not None:
            self._thread.join(2.0)
            self._thread = None

    def request_keyframe(self) -> None:
        """Honoured when the file is encoded here."""
        if (delivery := self._delivery) is not None:
            delivery.request_keyframe()

    def bring_sound(self, wanted: bool) -> None:
        """Decodes sound only while it is wanted."""
        self._wish.wanted = wanted

    def set_bitrate(self, bits_per_second: int) -> None:
        """Honoured when the file is encoded here."""
        self._rate = bits_per_second
        if (delivery := self._delivery) is not None:
            delivery.set_bitrate(bits_per_second)

    def _run(self, gate: Gate, report: Report, stopped: threading.Event) -> None:
        while not stopped.is_set():
            try:
                self._play(gate, report, stopped)
            except PiCamError as error:
                report(error if isinstance(error, SourceError) else SourceUnsupported(str(error)))
            except av.FFmpegError as error:
                log.debug("demuxer: %s", type(error).__name__)
                report(_explained(self._path))
            self._clock.wait(stopped, RETRY_SECONDS)

    def _play(self, gate: Gate, report: Report, stopped: threading.Event) -> None:
        """Plays the file again and again, until stopped or until it cannot be read."""
        # An absolute path behind "file:" is never taken for another of FFmpeg's protocols.
        with av.open(f"file:{self._path}", options={"protocol_whitelist": "file"}) as container:
            if not container.streams.video:
                raise SourceUnsupported(f"There is no picture in {self._path}.")
            stream = container.streams.video[0]
            self._timeline.restart()
            delivery = Delivery(stream, self._timeline, gate.emit, self._rate)
            self._delivery = delivery
            sound = sound_of(container, self._timeline, self._wish, gate.emit)
            self._capabilities = replace(delivery.capabilities, sound=sound.codec if sound else None)
            try:
                report(None)
                rounds = _Rounds(container, stream, sound, self._clock, stopped)
                while not stopped.is_set():
                    rounds.play(delivery)
            finally:
                self._capabilities = replace(delivery.capabilities, sound=self._capabilities.sound)
                self._delivery = None
                delivery.close()


class _Rounds:
    """Paces the packets of one file, and shifts the timestamps of each round behind those of the one before."""

    def __init__(
        self,
        container: InputContainer,
        stream: av.VideoStream,
        sound: CameraSound | None,
        clock: Clock,
        stopped: threading.Event,
    ) -> None:
        self._container = container
        self._stream = stream
        self._sound = sound
        self._clock = clock
        self._stopped = stopped
        self._shift = Fraction(0)
        self._began: float | None = None

    def play(self, delivery: Delivery) -> None:
        """One round. Raises `SourceUnsupported` when there is nothing in it."""
        first: int | None = None
        end = 0
        for packet in self._container.demux():
            if self._stopped.is_set():
                return
            pictures = packet.stream_index == self._stream.index
            if not packet.size or packet.pts is None or not (pictures or self._is_sound(packet)):
                continue
            if pictures:
                first = packet.pts if first is None else min(first, packet.pts)
                end = max(end, packet.pts + (packet.duration or 1))
            self._wait_until_due(packet)
            self._deliver(packet, delivery if pictures else None)
        if first is None:
            raise SourceUnsupported("There is no picture in this clip.")
        self._shift += (end - first) * (self._stream.time_base or Fraction(1))
        self._container.seek(0)

    def _is_sound(self, packet: av.Packet[Any]) -> bool:
        return self._sound is not None and packet.stream_index == self._sound.index

    def _deliver(self, packet: av.Packet[Any], delivery: Delivery | None) -> None:
        """To `delivery`, or to the sound."""
        packet.pts = (packet.pts or 0) + round(self._shift / (packet.time_base or Fraction(1)))
        now = self._clock.monotonic()
        if delivery is not None:
            delivery.take(cast("av.Packet[av.VideoStream]", packet), now)
        elif self._sound is not None:
            self._sound.take(packet, now)

    def _wait_until_due(self, packet: av.Packet[Any]) -> None:
        ticks = (packet.pts if packet.dts is None else packet.dts) or 0
        at = float(ticks * (packet.time_base or Fraction(1)) + self._shift)
        now = self._clock.monotonic()
        if self._began is None or now - (self._began + at) > _LATE_SECONDS:
            self._began = now - at
        if self._began + at > now:
            self._clock.wait(self._stopped, self._began + at - now)


def _path_of(url: str) -> Path:
    scheme, _, rest = url.partition(":")
    if rest.startswith("///"):
        rest = rest[2:]
    path = Path(unquote(rest))
    if scheme.lower() != "file" or not path.is_absolute() or "\0" in rest or rest.startswith("//"):
        raise AddressRefused("Write a clip's address as file: and its whole path, such as file:/home/me/clip.mp4.")
    return path


def _explained(path: Path) -> SourceError:
    if not path.is_file():
        return SourceUnreachable(f"There is no file {path}.")
    return SourceUnsupported(f"The file {path} cannot be played.")
