"""The known pictures that the virtual camera shows: each has its number in it, for a machine to read."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

Luma = NDArray[np.uint8]

FOLDER = Path("/tmp/pi-cam-pictures")  # noqa: S108  the same as in virtual.yaml; /tmp is this run's own
COUNT = 12
WIDTH, HEIGHT = 1280, 720
BITS = 8
CELL = WIDTH // BITS
PATCH = 40


def picture(number: int) -> Luma:
    """Grey patches by chance, the same for the same number; on top the number in binary, white for 1, and once more
    inverted."""
    chance = np.random.default_rng(number)
    coarse = chance.integers(40, 215, (HEIGHT // PATCH, WIDTH // PATCH))
    luma = np.kron(coarse, np.ones((PATCH, PATCH))) + chance.normal(0, 4, (HEIGHT, WIDTH))
    for bit in range(BITS):
        white = number >> (BITS - 1 - bit) & 1
        columns = slice(bit * CELL, (bit + 1) * CELL)
        luma[0:PATCH, columns] = 235 if white else 20
        luma[PATCH : 2 * PATCH, columns] = 20 if white else 235
    return luma.clip(0, 255).astype(np.uint8)


def read_number(luma: Luma) -> int | None:
    """The number in a picture of any size, or None where the two rows of cells contradict each other."""
    height, width = luma.shape
    row, cell = height * PATCH / HEIGHT, width / BITS
    number = 0
    for bit in range(BITS):
        columns = slice(int((bit + 0.25) * cell), int((bit + 0.75) * cell))
        upper = luma[int(row * 0.25) : int(row * 0.75), columns].mean()
        lower = luma[int(row * 1.25) : int(row * 1.75), columns].mean()
        if abs(upper - lower) < 60:
            return None
        number = number << 1 | int(upper > lower)
    return number


def correlation(one: Luma, other: Luma) -> float:
    """Of two pictures of the same size, 1 for the same."""
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def write_pictures() -> None:
    """Makes the JPEGs (4:2:0, as the virtual camera wants them), unless they are there."""
    FOLDER.mkdir(exist_ok=True)
    for number in range(COUNT):
        path = FOLDER / f"{number}.jpg"
        if not path.exists():
            path.write_bytes(_jpeg(picture(number)))


def _jpeg(luma: Luma) -> bytes:
    codec: Any = av.CodecContext.create("mjpeg", "w")
    codec.width, codec.height, codec.pix_fmt = WIDTH, HEIGHT, "yuvj420p"
    codec.time_base = Fraction(1, 30)
    codec.options = {"qmin": "2", "qmax": "3"}
    planes = np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8)
    planes[:HEIGHT] = luma
    frame = av.VideoFrame.from_ndarray(planes, format="yuvj420p")
    frame.pts = 0
    return b"".join(bytes(packet) for packet in [*codec.encode(frame), *codec.encode(None)])
