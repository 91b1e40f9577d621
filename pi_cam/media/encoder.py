"""Pictures to H.264 on the processor (libx264), for sources that have no encoder of their own."""

from __future__ import annotations

from fractions import Fraction
from threading import Lock

import av
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from pi_cam.errors import MissingPart
from pi_cam.media.units import VIDEO_CLOCK_HZ

KEYFRAME_SECONDS = 2
"""Longest time between keyframes; counted on the clock, so that it holds when pictures are dropped."""

MIN_BITRATE = 50_000
MAX_BITRATE = 50_000_000

_REOPEN_TICKS = VIDEO_CLOCK_HZ
"""A new rate costs a keyframe, so at most one change is applied in this time outside the regular keyframes."""

_BUFFER_SECONDS = 0.5


class PictureEncoder:
    """One constrained-baseline H.264 stream: one slice, no B-frames, no delay, SPS and PPS before every IDR.

    `width`, `height`: pixels, rounded down to even. `fps`: nominal rate, to share out bits. `bits_per_second` is kept
    by a VBV of half a second. One thread calls `encode` and `close`; the requests may come from any thread.

    Raises `MissingPart` when this machine's FFmpeg has no libx264.
    """

    def __init__(self, width: int, height: int, fps: float, bits_per_second: int) -> None:
        self.width = max(width & ~1, 16)
        self.height = max(height & ~1, 16)
        self._fps = Fraction(min(max(fps, 1.0), 240.0)).limit_denominator(1001)
        self._lock = Lock()
        self._wanted_rate = _bounded(bits_per_second)
        self._keyframe_wanted = True
        self._rate = self._wanted_rate
        self._opened_at: int | None = None
        self._keyframe_at: int | None = None
        self._pictures = 0
        self._codec: VideoCodecContext | None = self._open()

    @property
    def bits_per_second(self) -> int:
        """The rate that was asked for last, within what the encoder can do."""
        with self._lock:
            return self._wanted_rate

    def request_keyframe(self) -> None:
        """The next picture becomes an IDR."""
        with self._lock:
            self._keyframe_wanted = True

    def set_bitrate(self, bits_per_second: int) -> None:
        """Aims at this rate within two seconds; the change may come with a keyframe."""
        with self._lock:
            self._wanted_rate = _bounded(bits_per_second)

    def encode(self, frame: av.VideoFrame, *, pts: int) -> list[tuple[bytes, int, bool]]:
        """The access units made from `frame`: Annex B bytes, pts (90 kHz), whether it is an IDR. One per picture.

        `pts` must grow from call to call. A frame of another size or format is converted. Empty after `close`.
        """
        if self._codec is None:
            return []
        forced = self._prepare(pts)
        picture = frame.reformat(width=self.width, height=self.height, format="yuv420p")
        picture.pts = pts
        picture.time_base = Fraction(1, VIDEO_CLOCK_HZ)
        # A decoder leaves its own picture type in the frame, and an I there would force a keyframe.
        picture.pict_type = PictureType.I if forced else PictureType.NONE
        packets = self._codec.encode(picture)
        if forced:
            self._keyframe_at = pts
        return [(bytes(packet), pts if packet.pts is None else packet.pts, packet.is_keyframe) for packet in packets]

    def close(self) -> None:
        """Frees the encoder; may be repeated."""
        self._codec = None

    def _prepare(self, pts: int) -> bool:
        """Applies what was requested; true when the picture at `pts` must be an IDR."""
        since_keyframe = None if self._keyframe_at is None else pts - self._keyframe_at
        due = since_keyframe is None or since_keyframe >= KEYFRAME_SECONDS * VIDEO_CLOCK_HZ
        with self._lock:
            forced = due or self._keyframe_wanted
            self._keyframe_wanted = False
            rate = self._wanted_rate
        if self._opened_at is None:
            self._opened_at = pts
        changed = due and since_keyframe is not None and self._follow_picture_rate(since_keyframe)
        # PyAV cannot change the VBV of an open encoder, and x264's average-rate mode needs many seconds to follow.
        if changed or (rate != self._rate and (forced or pts - self._opened_at >= _REOPEN_TICKS)):
            self._rate = rate
            self._opened_at = pts
            self._codec = self._open()
            forced = True
        self._pictures = 1 if forced else self._pictures + 1
        return forced

    def _follow_picture_rate(self, ticks: int) -> bool:
        """x264 shares out bits by the nominal rate: true when the pictures of the last `ticks` say another one."""
        measured = self._pictures * VIDEO_CLOCK_HZ / ticks
        if 0.8 < measured / self._fps < 1.25:
            return False
        self._fps = Fraction(min(max(measured, 1.0), 240.0)).limit_denominator(1001)
        return True

    def _open(self) -> VideoCodecContext:
        try:
            codec = av.CodecContext.create("libx264", "w")
        except (av.FFmpegError, ValueError) as error:
            raise MissingPart("FFmpeg here has no H.264 encoder (libx264): install PyAV from PyPI.") from error
        assert isinstance(codec, VideoCodecContext)  # noqa: S101 - libx264 makes pictures; this tells the type checker
        codec.width = self.width
        codec.height = self.height
        codec.pix_fmt = "yuv420p"
        codec.time_base = Fraction(1, VIDEO_CLOCK_HZ)
        codec.framerate = self._fps
        codec.bit_rate = self._rate
        codec.gop_size = round(self._fps * 3600)
        codec.max_b_frames = 0
        codec.thread_count = 1
        codec.options = {
            "preset": "ultrafast",
            "tune": "zerolatency",
            "profile": "baseline",
            "forced-idr": "1",
            "maxrate": str(self._rate),
            "bufsize": str(round(self._rate * _BUFFER_SECONDS)),
            "x264-params": "sliced-threads=0:threads=1:slices=1:scenecut=0",
        }
        codec.open()
        return codec


def _bounded(bits_per_second: int) -> int:
    return min(max(int(bits_per_second), MIN_BITRATE), MAX_BITRATE)
