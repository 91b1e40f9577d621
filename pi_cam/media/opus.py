"""Sound to Opus, once for all listeners."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import numpy.typing as npt
from av.audio.codeccontext import AudioCodecContext

from pi_cam.errors import MissingPart
from pi_cam.media.units import SOUND_CLOCK_HZ

BLOCK_SAMPLES = 960
"""20 ms at 48 kHz, the packet length that WebRTC peers expect (RFC 7587, section 4.2)."""

BITS_PER_SECOND = 28_000


class OpusEncoder:
    """48 kHz mono, 16 bits, in blocks of `BLOCK_SAMPLES`, with in-band error correction. One thread calls it.

    Raises `MissingPart` when this machine's FFmpeg has no libopus.
    """

    def __init__(self) -> None:
        try:
            codec = av.CodecContext.create("libopus", "w")
        except (av.FFmpegError, ValueError) as error:
            raise MissingPart("FFmpeg here has no Opus encoder (libopus): install PyAV from PyPI.") from error
        assert isinstance(codec, AudioCodecContext)  # noqa: S101 - libopus makes sound; this tells the type checker
        codec.sample_rate = SOUND_CLOCK_HZ
        codec.layout = "mono"
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

    def encode(self, block: npt.NDArray[np.int16]) -> list[bytes]:
        """The packets made from one block, shape `(BLOCK_SAMPLES,)`: one, but for the first calls."""
        frame = av.AudioFrame.from_ndarray(block.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = SOUND_CLOCK_HZ
        frame.time_base = Fraction(1, SOUND_CLOCK_HZ)
        frame.pts = self._samples
        self._samples += len(block)
        return [bytes(packet) for packet in self._codec.encode(frame)]
