"""The sound that a camera or a clip brings beside its pictures: Opus as it is, anything else encoded once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import av
import numpy as np
from av.container import InputContainer

from pi_cam.capture.sound_blocks import Blocks, SoundClock
from pi_cam.capture.timeline import Place, Timeline
from pi_cam.errors import MissingPart
from pi_cam.media.opus import BLOCK_SAMPLES, LARGEST_PACKET, Block, OpusEncoder, packet_samples
from pi_cam.media.units import SOUND_CLOCK_HZ, AudioPacket

log = logging.getLogger(__name__)

HEARABLE = frozenset(
    (
        "aac",
        "aac_latm",
        "ac3",
        "adpcm_g722",
        "adpcm_g726",
        "adpcm_g726le",
        "adpcm_ima_wav",
        "alac",
        "amr_nb",
        "amr_wb",
        "eac3",
        "flac",
        "mp2",
        "mp3",
        "opus",
        "pcm_alaw",
        "pcm_mulaw",
        "pcm_s16be",
        "pcm_s16le",
        "pcm_s24be",
        "pcm_u8",
        "speex",
        "vorbis",
    )
)
"""What cameras and clips carry. FFmpeg knows a hundred more, which nobody looks after."""

MOST_CHANNELS = 8
RATES = range(4_000, 192_001)
LARGEST_SOUND = 65_536
"""Bytes in one packet: more than any codec above needs, but for whole seconds of sound without compression."""

MOST_FAILURES = 50
"""Packets that did not become sound, less those that did, until this connection's sound is given up."""

_AHEAD_SECONDS = 5.0
"""So much more sound than time may come at once; what a camera sends beyond it costs us nothing."""

_SLACK_SECONDS = 1.0


class SoundWish:
    """What one source keeps across its connections: whether anybody listens, and where its sound is."""

    def __init__(self) -> None:
        self.wanted = False
        self.clock = SoundClock()


class CameraSound:
    """One connection's sound. `take` never raises and never waits: what is wrong with it never harms the pictures.

    Sound that cannot be used is given up until the next connection.
    """

    def __init__(
        self, stream: av.AudioStream, timeline: Timeline, wish: SoundWish, emit: Callable[[AudioPacket], None]
    ) -> None:
        self.index = stream.index
        self._context = stream.codec_context
        self._context.thread_count = 1
        self._timeline = timeline
        self._wish = wish
        self._emit = emit
        self._blocks = Blocks(wish.clock)
        self._passing = self._context.codec.canonical_name == "opus" and 0 < self._context.channels <= 2
        self._encoder: OpusEncoder | None = None
        self._resampler: av.AudioResampler | None = None
        self._form: tuple[str, str, int] | None = None
        self._failures = 0
        self._ahead = 0.0
        self._last_arrived = 0.0

    @property
    def codec(self) -> str | None:
        """FFmpeg's name of what the camera sends; None once it was given up."""
        return None if self._failures > MOST_FAILURES else self._context.codec.canonical_name

    def take(self, packet: av.Packet[Any], arrived: float) -> None:
        """Brings one packet that came at `arrived` (monotonic seconds), if somebody listens and pictures are there."""
        if self._failures > MOST_FAILURES or not packet.size:
            return
        if not (self._wish.wanted and self._timeline.begun):
            self._blocks.pause()
            return
        try:
            brought = self._bring(packet, arrived)
        except (av.FFmpegError, ValueError, ArithmeticError, MemoryError) as error:
            log.debug("sound not decoded: %s", type(error).__name__)
            brought = False
        except MissingPart as error:
            log.warning("the sound of a camera cannot be used", extra={"trouble": str(error)})
            self._failures = MOST_FAILURES
            brought = False
        self._failures = max(self._failures - 1, 0) if brought else self._failures + 1
        if self._failures > MOST_FAILURES:
            codec = self._context.codec.canonical_name
            log.warning("the sound of a camera is left out until the next connection", extra={"codec": codec})

    def _bring(self, packet: av.Packet[Any], arrived: float) -> bool:
        """Whether there was sound in it."""
        if self._passing:
            data = bytes(packet)
            if packet_samples(data) == BLOCK_SAMPLES and len(data) <= LARGEST_PACKET:
                self._pass(data, _seconds(packet), arrived)
                return True
            self._passing = False
            self._blocks.pause()
        if packet.size > LARGEST_SOUND or self._context.channels > MOST_CHANNELS:
            return False
        if self._is_too_much(arrived):
            return True
        return self._decode(packet, arrived)

    def _is_too_much(self, arrived: float) -> bool:
        self._ahead = max(self._ahead - (arrived - self._last_arrived), 0.0)
        self._last_arrived = arrived
        return self._ahead > _AHEAD_SECONDS

    def _pass(self, data: bytes, seconds: float | None, arrived: float) -> None:
        place = self._place(seconds, BLOCK_SAMPLES / SOUND_CLOCK_HZ, arrived)
        if (step := self._blocks.step(place.at)) is not None:
            pts, at = step
            self._emit(AudioPacket(data, pts, at + place.lag))

    def _decode(self, packet: av.Packet[Any], arrived: float) -> bool:
        heard = False
        for frame in self._context.decode(packet):
            if frame.layout.nb_channels > MOST_CHANNELS or frame.sample_rate not in RATES or not frame.samples:
                return False
            self._ahead += frame.samples / frame.sample_rate
            self._encode(frame, arrived)
            heard = True
        return heard

    def _encode(self, frame: av.AudioFrame, arrived: float) -> None:
        place = self._place(_seconds(frame), frame.samples / frame.sample_rate, arrived)
        for samples in self._resampled(frame):
            for placed in self._blocks.add(samples, place.at):
                self._encoder = self._encoder or OpusEncoder()
                for data in self._encoder.encode(placed.block):
                    self._emit(AudioPacket(data, placed.pts, placed.at + place.lag))

    def _place(self, seconds: float | None, duration: float, arrived: float) -> Place:
        """By the pictures' clock; else right after the sound before, or where that is far from now: now."""
        place = self._timeline.place(seconds, arrived) if seconds is not None else None
        if place is not None:
            return place
        end = self._blocks.end
        if end is None or not arrived - _SLACK_SECONDS < end < arrived + _SLACK_SECONDS:
            return Place(arrived - duration, 0.0)
        return Place(end, 0.0)

    def _resampled(self, frame: av.AudioFrame) -> Iterator[Block]:
        """48 kHz mono, shape `(n,)`."""
        form = (frame.format.name, frame.layout.name, frame.sample_rate)
        if self._resampler is None or form != self._form:
            self._failures += 2 if self._form is not None else 0  # one that changes all the time costs too much
            self._resampler = av.AudioResampler("s16", "mono", SOUND_CLOCK_HZ)
            self._form = form
        frame.pts = None  # the resampler would fill gaps, or refuse what goes back
        for resampled in self._resampler.resample(frame):
            yield np.asarray(resampled.to_ndarray(), np.int16).reshape(-1)


def sound_of(
    container: InputContainer, timeline: Timeline, wish: SoundWish, emit: Callable[[AudioPacket], None]
) -> CameraSound | None:
    """The first sound of `container` that can be heard, if there is any."""
    for stream in container.streams.audio:
        context = stream.codec_context
        if context is not None and context.codec.canonical_name in HEARABLE:
            return CameraSound(stream, timeline, wish, emit)
        log.info("a camera's sound cannot be used", extra={"codec": stream.name})
    return None


def _seconds(timed: av.Packet[Any] | av.AudioFrame) -> float | None:
    if timed.pts is None or timed.time_base is None:
        return None
    return float(timed.pts * timed.time_base)
