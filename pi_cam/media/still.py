"""A JPEG from access units."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import av
from av.video.codeccontext import VideoCodecContext

from pi_cam.errors import SourceUnsupported
from pi_cam.media.units import AccessUnit

JPEG_QUALITY = "4"
"""FFmpeg's scale, 2 best to 31 worst."""


def jpeg_of(units: Sequence[AccessUnit]) -> bytes:
    """The last picture of a run of units that begins with a keyframe, as JPEG. Raises `SourceUnsupported`."""
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, VideoCodecContext)  # noqa: S101 - tells the type checker
    decoder.thread_count = 1
    try:
        last: av.VideoFrame | None = None  # one at a time: a second of 1080p pictures is 100 MB
        for unit in units:
            last = next(reversed(decoder.decode(av.Packet(unit.data))), last)
        last = next(reversed(decoder.decode(None)), last)
    except av.FFmpegError as error:
        raise SourceUnsupported("The picture cannot be decoded.") from error
    if last is None:
        raise SourceUnsupported("The picture cannot be decoded.")
    return _encoded(last)


def _encoded(frame: av.VideoFrame) -> bytes:
    encoder = av.CodecContext.create("mjpeg", "w")
    assert isinstance(encoder, VideoCodecContext)  # noqa: S101 - tells the type checker
    picture = frame.reformat(format="yuvj420p")
    picture.pict_type = av.video.frame.PictureType.NONE
    picture.pts = 0
    encoder.width, encoder.height, encoder.pix_fmt = picture.width, picture.height, "yuvj420p"
    encoder.time_base = Fraction(1, 1)
    encoder.options = {"qmin": JPEG_QUALITY, "qmax": JPEG_QUALITY}
    encoder.bit_rate_tolerance = 0
    return b"".join(bytes(packet) for packet in [*encoder.encode(picture), *encoder.encode(None)])
