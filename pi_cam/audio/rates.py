"""Between 48 kHz and the rate of a device that has no 48 kHz."""

from __future__ import annotations

import av
import numpy as np

BYTES_PER_SAMPLE = 2


class Resampler:
    """Mono, 16 bits, cut into pieces of `piece_samples` at the new rate; passes sound on untouched at equal rates.

    One thread calls it. What does not fill a piece waits in it for what comes next: `held_samples`, at the new rate.
    """

    def __init__(self, from_rate: int, to_rate: int, piece_samples: int) -> None:
        self._from_rate = from_rate
        self._piece_bytes = piece_samples * BYTES_PER_SAMPLE
        self._converter = None
        if from_rate != to_rate:
            self._converter = av.AudioResampler(format="s16", layout="mono", rate=to_rate)
        self._held = bytearray()

    @property
    def held_samples(self) -> int:
        """Converted, and not given away yet."""
        return len(self._held) // BYTES_PER_SAMPLE

    def convert(self, sound: bytes) -> list[bytes]:
        """The pieces that are complete now."""
        self._held += sound if self._converter is None else self._converted(sound)
        pieces = []
        while len(self._held) >= self._piece_bytes:
            pieces.append(bytes(self._held[: self._piece_bytes]))
            del self._held[: self._piece_bytes]
        return pieces

    def _converted(self, sound: bytes) -> bytes:
        assert self._converter is not None  # noqa: S101 - the caller has looked
        frame = av.AudioFrame.from_ndarray(np.frombuffer(sound, np.int16).reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = self._from_rate
        return b"".join(piece.to_ndarray().tobytes() for piece in self._converter.resample(frame))
