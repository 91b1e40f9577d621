"""The encoders of picamera2 as this package needs them, and the end of their pipe.

Imported by `camera.py` only, when a camera is opened: importing picamera2 takes a second on a small Pi.
"""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Callable
from typing import Any

import av.video.frame
from av.codec.context import ThreadType
from picamera2.encoders import H264Encoder, LibavH264Encoder, v4l2_encoder
from picamera2.outputs import Output

from pi_cam.media.h264 import ParameterSets
from pi_cam.media.units import AccessUnit

log = logging.getLogger(__name__)

HARDWARE_DEVICE = "/dev/video11"
"""The H.264 encoder of Pi Zero 2 W, 3 and 4. Not asked of picamera2, whose platform check answers "Pi 4" on a PC."""

KEYFRAME_SECONDS = 2
CEILING = 4
PROFILE = "constrained baseline"
PLAUSIBLE_SECONDS = 2.0
"""The age of a picture when it leaves the encoder; outside of this the sensor's clock is not the one that we took it for."""


class HardEncoder(H264Encoder):  # type: ignore[misc]  # picamera2 has no types
    """The chip's encoder, with a bit rate that can change while it runs."""

    def __init__(self, bitrate: int, fps: int) -> None:
        super().__init__(bitrate=bitrate, repeat=True, iperiod=KEYFRAME_SECONDS * fps, framerate=fps, profile=PROFILE)
        self._told = False

    def set_bitrate(self, bits_per_second: int) -> None:
        """picamera2 sets it at the start only; the driver takes the same control at any time."""
        control = v4l2_encoder.v4l2_control()
        control.id = v4l2_encoder.V4L2_CID_MPEG_VIDEO_BITRATE
        control.value = bits_per_second
        try:
            fcntl.ioctl(self.vd, v4l2_encoder.VIDIOC_S_CTRL, control)
        except (OSError, ValueError, TypeError) as error:  # refused; closed just now; not open yet
            if not self._told:
                log.warning("The hardware encoder keeps its bit rate: %s", error)
            self._told = True


class SoftEncoder(LibavH264Encoder):  # type: ignore[misc]  # picamera2 has no types
    """x264 on the processor (Pi 5, PC): forced keyframes that work with PyAV 14 and later, a bit rate that can change,
    and no picture of delay."""

    _stream: Any

    def __init__(self, bitrate: int, fps: int) -> None:
        super().__init__(bitrate=bitrate, repeat=True, iperiod=KEYFRAME_SECONDS * fps, framerate=fps, profile=PROFILE)
        self.drop_final_frames = True
        self.keyframe_due = False

    def set_bitrate(self, bits_per_second: int) -> None:
        """Followed within two seconds, up to `CEILING` times the rate at the start."""
        self.bitrate = bits_per_second

    def force_key_frame(self) -> None:
        """Not the base's, which gives PyAV a string where it takes a number only, in the camera's own thread."""
        self.keyframe_due = True

    def _start(self) -> None:
        super()._start()
        context = self._stream.codec_context
        # x264 takes another bit rate while it runs only if it was opened at a constant one, and none above that: it opens
        # at the ceiling, and _SteeredStream brings it down. The buffer, a quarter second, also bounds the first keyframe.
        context.bit_rate = self.bitrate * CEILING
        context.options["maxrate"] = str(self.bitrate * CEILING)
        context.options["bufsize"] = str(self.bitrate // 4)
        # Slices are encoded in parallel within a picture; frame threads would hold back one picture each.
        context.thread_type = ThreadType.SLICE
        context.thread_count = 1 + self.width * self.height * self.framerate // 40_000_000
        self._stream = _SteeredStream(self, self._stream)


class _SteeredStream:
    """What SoftEncoder puts in place of PyAV's stream: each picture passes here on its way to the codec."""

    def __init__(self, encoder: SoftEncoder, stream: Any) -> None:
        self._encoder = encoder
        self._stream = stream

    def encode(self, frame: Any = None) -> Any:
        context = self._stream.codec_context
        if context.is_open and context.bit_rate != self._encoder.bitrate:
            context.bit_rate = self._encoder.bitrate
        if frame is not None and self._encoder.keyframe_due:
            self._encoder.keyframe_due = False
            frame.pict_type = av.video.frame.PictureType.I
        return self._stream.encode(frame)


def make_encoder(bitrate: int, fps: int) -> HardEncoder | SoftEncoder:
    """The hardware's encoder where there is one."""
    return HardEncoder(bitrate, fps) if os.path.exists(HARDWARE_DEVICE) else SoftEncoder(bitrate, fps)


class Tap(Output):  # type: ignore[misc]  # picamera2 has no types
    """Turns what an encoder puts out into access units for `deliver`."""

    def __init__(self, encoder: HardEncoder | SoftEncoder, deliver: Callable[[AccessUnit], None]) -> None:
        super().__init__()
        self.damaged = 0
        self._encoder = encoder
        self._deliver = deliver
        self._sets = ParameterSets()

    def outputframe(
        self,
        frame: bytes | None,
        keyframe: bool = True,
        timestamp: int | None = None,
        packet: object = None,
        audio: bool = False,
    ) -> None:
        """`timestamp`: µs since the encoder's first picture. Runs in the thread that drives the camera."""
        try:
            if frame is not None and not audio:
                self._deliver(self._unit(frame, timestamp or 0))
        except Exception:  # an error here would end the camera's thread, and closing the camera would then hang
            self.damaged += 1
            if self.damaged == 1:
                log.exception("A picture of the camera was lost")

    def _unit(self, frame: bytes, timestamp: int) -> AccessUnit:
        # The encoder's first picture has the sensor's own time, so that main and small share a clock, and so do the
        # pictures before and after a reopening.
        sensor_us = (self._encoder.firsttimestamp or 0) + timestamp
        data, keyframe = self._sets.complete(frame)
        return AccessUnit(data, sensor_us * 9 // 100, keyframe, captured_at(sensor_us / 1e6), encoded_here=True)


def captured_at(sensor_seconds: float) -> float:
    """The sensor's time on the clock of `time.monotonic()`.

    libcamera's SensorTimestamp is CLOCK_MONOTONIC with the drivers of a Pi and CLOCK_BOOTTIME by its definition; they
    differ only on a machine that slept. A time that fits neither is replaced by the present.
    """
    now = time.monotonic()
    asleep = time.clock_gettime(time.CLOCK_BOOTTIME) - now
    for candidate in (sensor_seconds, sensor_seconds - asleep):
        if 0 <= now - candidate < PLAUSIBLE_SECONDS:
            return candidate
    return now
