"""From a demuxer's packets to access units: untouched where a browser can show them, encoded anew where not."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace

import av
from av.bitstream import BitStreamFilterContext

from pi_cam.capture.source import Capabilities, Emit, EmitPicture
from pi_cam.capture.timeline import Timeline
from pi_cam.capture.transcode import Transcoder, ticks_of, usual_bitrate
from pi_cam.errors import SourceUnsupported
from pi_cam.media.h264 import ParameterSets
from pi_cam.media.units import AccessUnit, AudioPacket

log = logging.getLogger(__name__)

DECODABLE = frozenset(
    {"h264", "hevc", "mjpeg", "mpeg4", "mpeg2video", "mpeg1video", "vp8", "vp9", "av1", "png", "rawvideo"}
)

PASSED_THROUGH = Capabilities()
TRANSCODED = Capabilities(askable=True, adjustable=True, transcoded=True)


class Gate:
    """Lets access units through until it is closed; once `close` has returned, none is on its way."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._lock = threading.Lock()
        self._open = True

    def emit(self, unit: AccessUnit | AudioPacket) -> None:
        """Passes `unit` on, or drops it when closed."""
        with self._lock:
            if self._open:
                self._emit(unit)

    def close(self) -> None:
        """Shuts for good."""
        with self._lock:
            self._open = False


class Delivery:
    """One connection's video stream. H.264 without B-frames passes; anything else goes through a `Transcoder`.

    `bits_per_second`: the rate to encode at if it comes to that; None for a usual one. Raises `SourceUnsupported` for a
    codec that cannot be decoded.
    """

    def __init__(
        self, stream: av.VideoStream, timeline: Timeline, emit: EmitPicture, bits_per_second: int | None
    ) -> None:
        context = stream.codec_context
        if context.name not in DECODABLE and context.codec.canonical_name not in DECODABLE:
            raise SourceUnsupported(f"This camera sends {context.name} pictures, which cannot be shown.")
        self._stream = stream
        self._timeline = timeline
        self._emit = emit
        self._rate = bits_per_second
        self._sets = ParameterSets()
        self._to_annex_b: BitStreamFilterContext | None = None
        self._newest: int | None = None
        self._begun = False
        self._transcoder: Transcoder | None = None
        self._capabilities = replace(PASSED_THROUGH, sends=context.name)
        if context.name != "h264" or context.has_b_frames:
            self._transcoder = self._new_transcoder()
        else:
            self._learn(context.extradata or b"")

    @property
    def capabilities(self) -> Capabilities:
        """What can be asked of this stream now; B-frames that turn up late change it."""
        return self._capabilities

    def take(self, packet: av.Packet[av.VideoStream], arrived: float) -> None:
        """Delivers one packet that came at `arrived` (monotonic seconds). Raises `MissingPart` without an encoder,
        `SourceUnsupported` when pictures come and none can be decoded."""
        ticks = ticks_of(packet)
        if self._transcoder is None and ticks is not None:
            if self._newest is not None and self._newest - self._reordering_limit < ticks < self._newest:
                log.info("pictures are sent out of order (B-frames): they are encoded anew")
                self._transcoder = self._new_transcoder()
            self._newest = ticks
        if self._transcoder is None:
            self._pass(packet, ticks, arrived)
            return
        if self._transcoder.failure is not None:
            raise self._transcoder.failure
        self._transcoder.take(packet, ticks, arrived)

    def request_keyframe(self) -> None:
        """Honoured when the stream is encoded here."""
        if self._transcoder is not None:
            self._transcoder.request_keyframe()

    def set_bitrate(self, bits_per_second: int) -> None:
        """Honoured when the stream is encoded here."""
        self._rate = bits_per_second
        if self._transcoder is not None:
            self._transcoder.set_bitrate(bits_per_second)

    def close(self) -> None:
        """Ends the transcoder's thread, if there is one."""
        if self._transcoder is not None:
            self._transcoder.close()

    _reordering_limit = 90_000
    """B-frames go back by a few pictures; a camera whose clock was set goes back by more than this (90 kHz ticks)."""

    def _new_transcoder(self) -> Transcoder:
        context = self._stream.codec_context
        usual = usual_bitrate(context.width, context.height, float(self._stream.average_rate or 25))
        self._capabilities = replace(TRANSCODED, sends=context.name, bitrate=usual)
        return Transcoder(self._stream, self._timeline, self._emit, self._rate)

    def _learn(self, extradata: bytes) -> None:
        if (
            extradata[:1] == b"\x01"
        ):  # an AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.3.3.1): lengths, no start codes
            self._to_annex_b = BitStreamFilterContext("h264_mp4toannexb", self._stream)
            return
        try:
            self._sets.learn(extradata)
        except ValueError:
            log.info("the parameter sets announced by the camera are damaged: those in the stream are awaited")

    def _pass(self, packet: av.Packet[av.VideoStream], ticks: int | None, arrived: float) -> None:
        packets = [packet] if self._to_annex_b is None else self._to_annex_b.filter(packet)
        for annex_b in packets:
            try:
                data, keyframe = self._sets.complete(bytes(annex_b))
            except ValueError:
                log.info("a picture with damaged parameter sets was dropped")
                self._begun = False
                continue
            self._begun = self._begun or (keyframe and self._sets.known)
            if self._begun and data:
                pts = self._timeline.stamp(ticks, arrived)
                self._emit(AccessUnit(data, pts, keyframe, self._timeline.captured_at(pts, arrived)))
