"""What a browser cannot show (MJPEG, H.265, H.264 with B-frames) becomes H.264, once, on a thread of its own."""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import NamedTuple

import av
from av.video.codeccontext import VideoCodecContext

from pi_cam.capture.source import EmitPicture
from pi_cam.capture.timeline import Timeline
from pi_cam.errors import MissingPart, SourceUnsupported
from pi_cam.media.encoder import PictureEncoder
from pi_cam.media.units import VIDEO_CLOCK_HZ, AccessUnit

log = logging.getLogger(__name__)

MAX_WAITING = 12
"""Encoded pictures that may wait for the decoder; beyond it the stream is taken up again at its next keyframe."""

UNDECODED_SECONDS = 5.0
"""Of pictures that come and are none: then a person is told. A damaged stream has been decoded again by then."""

_MAX_LATE = 2
_BITS_PER_PIXEL = 0.07


class _Waiting(NamedTuple):
    packet: av.Packet[av.VideoStream]
    ticks: int | None
    arrived: float


class Transcoder:
    """Decodes and encodes one stream. `take` never waits; pictures are dropped rather than shown late."""

    def __init__(
        self, stream: av.VideoStream, timeline: Timeline, emit: EmitPicture, bits_per_second: int | None
    ) -> None:
        context = stream.codec_context
        try:
            decoder = av.CodecContext.create(context.codec.canonical_name, "r")
        except (av.FFmpegError, ValueError):
            raise SourceUnsupported(f"This camera sends {context.name}, which cannot be decoded here.") from None
        assert isinstance(decoder, VideoCodecContext)  # noqa: S101 - a video stream's codec is one
        decoder.extradata = context.extradata
        decoder.thread_count = 1
        if context.name == "rawvideo":  # which says nothing of itself
            decoder.width, decoder.height, decoder.pix_fmt = context.width, context.height, context.pix_fmt
        self._decoder = decoder
        self._fps = float(stream.average_rate or 25)
        self._every_packet_a_keyframe = context.name in ("mjpeg", "rawvideo")
        self._timeline = timeline
        self._emit = emit
        self._rate = bits_per_second
        self._encoder: PictureEncoder | None = None
        self._size = (0, 0)
        self._filmed_at = 0.0
        self._arrivals: dict[int, float] = {}
        self._waiting: deque[_Waiting] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._until_keyframe = True
        self.dropped = 0
        self._failing_since: float | None = None
        self.failure: MissingPart | SourceUnsupported | None = None
        self._thread = threading.Thread(target=self._run, name="camera-transcoder", daemon=True)
        self._thread.start()

    def take(self, packet: av.Packet[av.VideoStream], ticks: int | None, arrived: float) -> None:
        """Queues one encoded picture: `ticks` its timestamp (90 kHz) if it has one, `arrived` in monotonic seconds."""
        with self._changed:
            if self._every_packet_a_keyframe and len(self._waiting) >= _MAX_LATE:
                self._waiting.popleft()
                self.dropped += 1
            elif len(self._waiting) >= MAX_WAITING:
                self.dropped += len(self._waiting)
                self._waiting.clear()
                self._until_keyframe = True
            if self._until_keyframe and not packet.is_keyframe:
                self.dropped += 1
                return
            self._until_keyframe = False
            self._waiting.append(_Waiting(packet, ticks, arrived))
            self._changed.notify()

    def request_keyframe(self) -> None:
        """The next picture becomes an IDR."""
        encoder = self._encoder
        if encoder is not None:
            encoder.request_keyframe()

    def set_bitrate(self, bits_per_second: int) -> None:
        """Aims at this rate from now on."""
        self._rate = bits_per_second
        encoder = self._encoder
        if encoder is not None:
            encoder.set_bitrate(bits_per_second)

    def close(self, seconds: float = 2.0) -> None:
        """Ends the thread; what still waits is dropped. May be repeated."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify()
        self._thread.join(seconds)

    def _run(self) -> None:
        while (waiting := self._next()) is not None:
            try:
                self._decode(waiting)
            except MissingPart as error:
                self.failure = error
                break
            except av.FFmpegError as error:
                # A damaged picture: the stream goes on, the decoder recovers at the next keyframe.
                log.debug("picture not decoded: %s", type(error).__name__)
                if self._failing_since is None:
                    self._failing_since = waiting.arrived
                elif waiting.arrived - self._failing_since > UNDECODED_SECONDS:
                    self.failure = SourceUnsupported("The pictures of this camera cannot be decoded here.")
                    break
        if self._encoder is not None:
            self._encoder.close()

    def _next(self) -> _Waiting | None:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._waiting)
            return None if self._closed else self._waiting.popleft()

    def _decode(self, waiting: _Waiting) -> None:
        # The timestamp travels through the decoder in the packet, which orders pictures that were sent out of order.
        packet = waiting.packet
        packet.pts = waiting.ticks
        packet.dts = None
        if waiting.ticks is not None:
            self._arrivals[waiting.ticks] = waiting.arrived
        for frame in self._decoder.decode(packet):
            arrived = self._arrivals.pop(frame.pts, waiting.arrived) if frame.pts is not None else waiting.arrived
            self._forget_arrivals()
            self._failing_since = None
            if len(self._waiting) > _MAX_LATE:
                self.dropped += 1
            else:
                self._encode(frame, arrived)

    def _forget_arrivals(self) -> None:
        while len(self._arrivals) > 64:
            del self._arrivals[next(iter(self._arrivals))]

    def _encode(self, frame: av.VideoFrame, arrived: float) -> None:
        size = (frame.width, frame.height)
        encoder = self._encoder
        if encoder is None or size != self._size:
            rate = self._rate or usual_bitrate(*size, self._fps)
            self._size = size
            self._encoder = encoder = PictureEncoder(*size, self._fps, rate)
        # Where pictures are sent out of order, one that is shown later may have arrived before: it was filmed later, too.
        arrived = self._filmed_at = max(arrived, self._filmed_at)
        pts = self._timeline.stamp(frame.pts, arrived)
        for data, at, keyframe in encoder.encode(frame, pts=pts):
            self._emit(AccessUnit(data, at, keyframe, self._timeline.captured_at(at, arrived), encoded_here=True))


def usual_bitrate(width: int, height: int, fps: float) -> int:
    """Bits per second at which an ordinary scene of this size looks clean: about 2 Mbit/s for 1280x720 at 30."""
    return min(max(round(width * height * min(fps, 30.0) * _BITS_PER_PIXEL), 300_000), 6_000_000)


def ticks_of(packet: av.Packet[av.VideoStream]) -> int | None:
    """The presentation time of a packet in 90 kHz ticks, or None when it has none."""
    if packet.pts is None or packet.time_base is None:
        return None
    return round(packet.pts * packet.time_base * VIDEO_CLOCK_HZ)
