"""Sound to Opus, once for all listeners, and what talkers send from Opus."""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

import av
import numpy as np
import numpy.typing as npt
from av.audio.codeccontext import AudioCodecContext

from pi_cam.errors import MissingPart
from pi_cam.media.units import SOUND_CLOCK_HZ

BLOCK_SAMPLES = 960
"""20 ms at 48 kHz, the packet length that WebRTC peers expect (RFC 7587, section 4.2)."""

BITS_PER_SECOND = 28_000

LARGEST_PACKET = 1500
"""Bytes. Nothing that came in one Ethernet frame is larger."""

Block = npt.NDArray[np.int16]
"""20 ms of sound, shape `(BLOCK_SAMPLES,)`: 48 kHz, mono, 16 bits."""


SILENT_PACKET = b"\xf8\xff\xfe"
"""20 ms of nothing: CELT, fullband, mono (RFC 6716, section 3.1)."""

SILENT_BLOCKS = 10
"""After 200 ms of silence nothing is encoded any more: the sound before has died away."""

SILENT_SQUARES = BLOCK_SAMPLES * (32_768 * 10 ** (-64 / 20)) ** 2
"""The energy of a block of -64 dBFS: a quiet room at night, whose noise would cost nearly as many bits as speech."""


class OpusEncoder:
    """48 kHz mono, 16 bits, in blocks of `BLOCK_SAMPLES`, with in-band error correction. One thread calls it. Silence
    becomes packets of three bytes.

    Raises `MissingPart` when this machine's FFmpeg has no libopus.
    """

    def __init__(self) -> None:
        codec = _libopus("w", "FFmpeg here has no Opus encoder (libopus): install PyAV from PyPI.")
        codec.format = "s16"
        codec.bit_rate = BITS_PER_SECOND
        codec.options = {
            "application": "voip",
            "frame_duration": "20",
            "fec": "1",
            "packet_loss": "5",
            "compression_level": "5",
        }
        codec.open()
        self._codec = codec
        self._samples = 0
        self._silent = 0

    def encode(self, block: Block) -> list[bytes]:
        """The packets made from one block, shape `(BLOCK_SAMPLES,)`: one, but for the first calls."""
        loud = block.astype(np.float32)
        self._silent = 0 if np.dot(loud, loud) > SILENT_SQUARES else self._silent + 1
        if self._silent > SILENT_BLOCKS:
            return [SILENT_PACKET]
        frame = av.AudioFrame.from_ndarray(block.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = SOUND_CLOCK_HZ
        frame.time_base = Fraction(1, SOUND_CLOCK_HZ)
        frame.pts = self._samples
        self._samples += len(block)
        return [bytes(packet) for packet in self._codec.encode(frame)]


class OpusDecoder:
    """One talker's packets to blocks: mono, whatever a packet's own channels. One thread calls it.

    Raises `MissingPart` when this machine's FFmpeg has no libopus.
    """

    def __init__(self) -> None:
        self._codec = _libopus("r", "FFmpeg here has no Opus decoder (libopus): install PyAV from PyPI.")

    def decode(self, data: bytes) -> Block | None:
        """The block in one packet; None for what is not Opus, or not 20 ms of it. No bytes make it raise."""
        if len(data) > LARGEST_PACKET or packet_samples(data) != BLOCK_SAMPLES:
            return None
        try:
            frames = self._codec.decode(av.Packet(data))
        except av.FFmpegError:
            return None
        block: Block = np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames] or [np.empty(0, np.int16)])
        return block if block.shape == (BLOCK_SAMPLES,) else None


def _libopus(mode: Literal["r", "w"], missing: str) -> AudioCodecContext:
    """48 kHz mono. Raises `MissingPart` with this sentence."""
    try:
        codec = av.CodecContext.create("libopus", mode)
    except (av.FFmpegError, ValueError) as error:
        raise MissingPart(missing) from error
    assert isinstance(codec, AudioCodecContext)  # noqa: S101 - libopus makes sound; this tells the type checker
    codec.sample_rate = SOUND_CLOCK_HZ
    codec.layout = "mono"
    return codec


def packet_samples(data: bytes) -> int:
    """How many samples at 48 kHz an Opus packet says that it holds, from its first bytes; 0 where it says nothing.

    RFC 6716, section 3.1: the configuration gives the length of a frame, the code how many there are.
    """
    if not data:
        return 0
    configuration, code = data[0] >> 3, data[0] & 3
    if code == 3:
        return _frame_samples(configuration) * (data[1] & 0x3F) if len(data) > 1 else 0
    return _frame_samples(configuration) * (1, 2, 2)[code]


def _frame_samples(configuration: int) -> int:
    if configuration < 12:  # SILK: 10, 20, 40, 60 ms
        return (480, 960, 1920, 2880)[configuration & 3]
    if configuration < 16:  # both: 10, 20 ms
        return (480, 960)[configuration & 1]
    return (120, 240, 480, 960)[configuration & 3]  # CELT: 2.5, 5, 10, 20 ms
