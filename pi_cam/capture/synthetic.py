"""A camera without hardware: a moving picture that carries a clock which a machine can read.

It is what the demonstration, the tests and the benchmarks use, and it is encoded in real time like any other.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs

import av
import numpy as np
import numpy.typing as npt

from pi_cam.capture.source import Capabilities, Controls, Emit, Report, VideoSource
from pi_cam.errors import AddressRefused, SourceError
from pi_cam.media.encoder import MIN_BITRATE, PictureEncoder
from pi_cam.media.opus import BLOCK_SAMPLES, OpusEncoder
from pi_cam.media.units import SOUND_CLOCK_HZ, VIDEO_CLOCK_HZ, AccessUnit, AudioPacket

log = logging.getLogger(__name__)

Plane = npt.NDArray[np.uint8]

CLOCK_COLUMNS = 12
CLOCK_ROWS = 4
CLOCK_BITS = 40
FLASH_SECONDS = 0.1
BEEP_HZ = 1000
BEEP_LEVEL = 8000
BLACK, WHITE = 16, 235

SMALL_SHARE = 6
"""The small rendition has this part of the main one's bits."""

# Y, Cb, Cr (ITU-R BT.601)
SKY_TOP, SKY_BOTTOM = (70.0, 152.0, 118.0), (190.0, 104.0, 146.0)
SUN_GLOW = (35.0, -22.0, 14.0)
HILLS = ((112.0, 134.0, 126.0), (84.0, 132.0, 120.0), (60.0, 124.0, 118.0), (38.0, 120.0, 122.0))


@dataclass(frozen=True, slots=True)
class PictureFormat:
    """Size in pixels (even), pictures and bits per second."""

    width: int = 1280
    height: int = 720
    fps: int = 30
    bits_per_second: int = 2_000_000
    small: tuple[int, int] | None = None

    @classmethod
    def parse(cls, url: str) -> PictureFormat:
        """From `synthetic:?size=1280x720&fps=30&bitrate=2000000&small=320x180`. Raises `AddressRefused`."""
        query = parse_qs(url.partition("?")[2], keep_blank_values=True)
        unknown = set(query) - {"size", "fps", "bitrate", "small"} or url.partition("?")[0].lower() != "synthetic:"
        size = re.fullmatch(r"(\d{2,4})x(\d{2,4})", query.get("size", ["1280x720"])[-1])
        small = re.fullmatch(r"(\d{2,4})x(\d{2,4})", query.get("small", ["160x120"])[-1])
        numbers = [query.get(name, [default])[-1] for name, default in (("fps", "30"), ("bitrate", "2000000"))]
        if (
            unknown
            or size is None
            or small is None
            or not all(number.isdecimal() and len(number) < 9 for number in numbers)
        ):
            raise AddressRefused("A synthetic camera is named like synthetic:?size=1280x720&fps=30&bitrate=2000000")
        width, height, fps, rate = int(size[1]), int(size[2]), int(numbers[0]), int(numbers[1])
        if not (160 <= width <= 3840 and 120 <= height <= 2160 and 1 <= fps <= 60 and rate >= 50_000):
            raise AddressRefused(
                "A synthetic camera has 160x120 to 3840x2160 pixels, 1 to 60 fps, 50000 bit/s or more."
            )
        less = int(small[1]) // 2 * 2, int(small[2]) // 2 * 2
        if "small" in query and not (160 <= less[0] <= width and 120 <= less[1] <= height):
            raise AddressRefused(
                "A synthetic camera's small picture has 160x120 pixels, or more up to those of the main."
            )
        return cls(width // 2 * 2, height // 2 * 2, fps, rate, less if "small" in query else None)

    def of_small(self) -> PictureFormat | None:
        """That of the small rendition."""
        if self.small is None:
            return None
        return PictureFormat(*self.small, self.fps, max(MIN_BITRATE, self.bits_per_second // SMALL_SHARE))


class TestCard:
    """Draws the picture: hills that drift under an evening sky, a clock of black and white cells, a white flash at every
    full second.

    The cells, `CLOCK_COLUMNS` × `CLOCK_ROWS` in the lower left corner row by row, each `cell` pixels square, hold 40 bits
    of the UTC time in milliseconds (modulo 2⁴⁰), highest first, and eight bits of check sum (the sum of its five bytes).
    """

    __test__ = False  # its name is not a test's

    def __init__(self, width: int, height: int) -> None:
        self.cell = max(6, width // 160 * 2)
        self._width, self._height = width, height
        self._luma, self._chroma = _landscape(2 * width, height)

    def draw(self, utc_ms: int, index: int) -> av.VideoFrame:
        """The picture number `index`, showing this time."""
        shift = index * 2 % (2 * self._width) // 2 * 2
        luma = _window(self._luma, shift, self._width)
        self._draw_clock(luma, utc_ms)
        if utc_ms % 1000 < FLASH_SECONDS * 1000:
            side = self._height // 6
            luma[side : 2 * side, -2 * side : -side] = WHITE
        planes = [luma, *(_window(plane, shift // 2, self._width // 2) for plane in self._chroma)]
        frame = av.VideoFrame(self._width, self._height, "yuv420p")
        for target, plane in zip(frame.planes, planes, strict=True):
            _fill(target, plane)
        return frame

    def _draw_clock(self, luma: Plane, utc_ms: int) -> None:
        value = utc_ms % (1 << CLOCK_BITS)
        code = value << 8 | sum(value.to_bytes(5, "big")) & 0xFF
        bits = [code >> shift & 1 for shift in range(CLOCK_COLUMNS * CLOCK_ROWS - 1, -1, -1)]
        cells = np.array(bits, np.uint8).reshape(CLOCK_ROWS, CLOCK_COLUMNS) * (WHITE - BLACK) + BLACK
        block = np.kron(cells, np.ones((self.cell, self.cell), np.uint8))
        luma[-block.shape[0] :, : block.shape[1]] = block


class Beeper:
    """The sound of the test card: a beep for as long as the flash, silence in between.

    `monotonic` and `utc`: the same moment on both clocks, in seconds.
    """

    def __init__(self, monotonic: float, utc: float) -> None:
        self._encoder = OpusEncoder()
        self._started = monotonic
        self._utc = utc
        self._blocks = 0

    def until(self, now: float) -> Iterator[AudioPacket]:
        """The packets of all blocks that ended before `now` (monotonic seconds) and were not given yet."""
        while (self._blocks + 1) * BLOCK_SAMPLES <= (now - self._started) * SOUND_CLOCK_HZ:
            first = self._blocks * BLOCK_SAMPLES
            self._blocks += 1
            captured_at = self._started + first / SOUND_CLOCK_HZ
            for data in self._encoder.encode(self._block(first)):
                yield AudioPacket(data, round(self._started * SOUND_CLOCK_HZ) + first, captured_at)

    def _block(self, first: int) -> npt.NDArray[np.int16]:
        moments = self._utc + np.arange(first, first + BLOCK_SAMPLES) / SOUND_CLOCK_HZ
        sounding = moments % 1.0 < FLASH_SECONDS
        return (BEEP_LEVEL * sounding * np.sin(2 * np.pi * BEEP_HZ * (moments % 1.0))).astype(np.int16)


class SyntheticPictures:
    """One rendition. Renders and encodes in a thread of its own, on the beat of an ideal sensor clock."""

    def __init__(
        self, picture: PictureFormat, sleep: Callable[[float], object] | None = None, *, beeps: bool = False
    ) -> None:
        self._format, self._beeps = picture, beeps
        self._bits_per_second = self._format.bits_per_second
        self._encoder: PictureEncoder | None = None
        self._ending = threading.Event()
        self._sleep = sleep or self._ending.wait
        self._thread: threading.Thread | None = None

    @property
    def capabilities(self) -> Capabilities:
        """The encoder is ours and can be asked for anything."""
        return Capabilities(askable=True, adjustable=True, bitrate=self._format.bits_per_second)

    def start(self, emit: Emit, report: Report) -> None:
        """Starts the thread."""
        self._ending.clear()
        self._thread = threading.Thread(target=self._run, args=(emit, report), name="synthetic", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread, which takes one picture's time."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join(2)
            self._thread = None

    def request_keyframe(self) -> None:
        """The next picture."""
        if self._encoder is not None:
            self._encoder.request_keyframe()

    def set_bitrate(self, bits_per_second: int) -> None:
        """From the next picture on."""
        self._bits_per_second = bits_per_second
        if self._encoder is not None:
            self._encoder.set_bitrate(bits_per_second)

    def set_controls(self, controls: Controls) -> None:
        """It has none."""
        if controls.values:
            raise SourceError(f"This camera has no control named {sorted(controls.values)[0]}.")

    def _run(self, emit: Emit, report: Report) -> None:
        form = self._format
        encoder = PictureEncoder(form.width, form.height, form.fps, self._bits_per_second)
        self._encoder = encoder
        try:
            self._deliver(encoder, emit)
        except Exception:  # an edge: this thread's end would go unseen
            log.exception("synthetic camera failed")
            report(SourceError("The synthetic camera failed; the log says more."))
        finally:
            self._encoder = None
            encoder.close()

    def _deliver(self, encoder: PictureEncoder, emit: Emit) -> None:
        card = TestCard(self._format.width, self._format.height)
        beeper = Beeper(time.monotonic(), time.time()) if self._beeps else None
        started = time.monotonic()
        index = 0
        while not self._ending.is_set():
            captured_at = time.monotonic()
            frame = card.draw(time.time_ns() // 1_000_000, index)
            for data, pts, keyframe in encoder.encode(frame, pts=round(captured_at * VIDEO_CLOCK_HZ)):
                emit(AccessUnit(data, pts, keyframe, captured_at, encoded_here=True))
            for packet in beeper.until(time.monotonic()) if beeper else ():
                emit(packet)
            index = max(index + 1, int((time.monotonic() - started) * self._format.fps))  # late: pictures are skipped
            self._sleep(max(0.0, started + index / self._format.fps - time.monotonic()))


class SyntheticSource(SyntheticPictures):
    """`synthetic:`; in `small` its small rendition, or None."""

    def __init__(self, url: str, *, by_operator: bool, sleep: Callable[[float], object] | None = None) -> None:
        picture = PictureFormat.parse(url)
        super().__init__(picture, sleep, beeps=True)
        less = picture.of_small()
        self.small: VideoSource | None = SyntheticPictures(less, sleep) if less is not None else None


def _landscape(width: int, height: int) -> tuple[Plane, list[Plane]]:
    """Y, and Cb and Cr at half the size, of a scene that is periodic in x, so that drifting has no seam."""
    x = np.linspace(0, 2 * np.pi, width, endpoint=False, dtype=np.float32)[None, :]
    y = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    glow = np.exp(-(((y - 0.45) / 0.3) ** 2)) * (0.5 + 0.5 * np.cos(2 * x))
    scene = [
        top + (bottom - top) * y + amount * glow
        for top, bottom, amount in zip(SKY_TOP, SKY_BOTTOM, SUN_GLOW, strict=True)
    ]
    random = np.random.default_rng(7)
    grain = np.tile(random.normal(0, 5, (height, 64)).astype(np.float32), (1, -(-width // 64)))[:, :width]
    for distance, (light, *colour) in enumerate(HILLS):
        ridge = np.float32(0.5 + 0.13 * distance)
        for wave in range(1, 5):
            ridge = ridge + np.float32(0.05 / wave) * np.sin(
                2 * (wave + distance) * x + np.float32(wave + 2 * distance)
            )
        hill = y > ridge
        np.copyto(scene[0], light + grain * (distance + 1) / 2, where=hill)
        for plane, value in zip(scene[1:], colour, strict=True):
            np.copyto(plane, value, where=hill)
    luma, *chroma = (np.clip(plane, BLACK, WHITE).astype(np.uint8) for plane in scene)
    return luma, [np.ascontiguousarray(plane[::2, ::2]) for plane in chroma]


def _window(plane: Plane, left: int, width: int) -> Plane:
    """A copy of `width` columns from `left` on, round the end."""
    return np.concatenate((plane[:, left : left + width], plane[:, : max(0, left + width - plane.shape[1])]), axis=1)


def _fill(target: av.video.plane.VideoPlane, plane: Plane) -> None:
    height, width = plane.shape
    view = np.frombuffer(memoryview(target), np.uint8).reshape(height, target.line_size)
    view[:, :width] = plane
