"""A JPEG from access units."""

from __future__ import annotations

import io

import av
import pytest

from pi_cam.errors import SourceUnsupported
from pi_cam.media.encoder import PictureEncoder
from pi_cam.media.still import jpeg_of
from pi_cam.media.units import AccessUnit


def grey(level: int, width: int = 320, height: int = 240) -> av.VideoFrame:
    frame = av.VideoFrame(width, height, "yuv420p")
    for plane, value in zip(frame.planes, (level, 128, 128), strict=True):
        plane.update(bytes([value]) * plane.buffer_size)
    return frame


def units(*levels: int, width: int = 320, height: int = 240) -> list[AccessUnit]:
    encoder = PictureEncoder(width, height, 30, 500_000)
    found = [
        AccessUnit(data, pts, keyframe, 0.0)
        for index, level in enumerate(levels)
        for data, pts, keyframe in encoder.encode(grey(level, width, height), pts=index * 3_000)
    ]
    encoder.close()
    return found


def decoded(jpeg: bytes) -> av.VideoFrame:
    assert jpeg[:2] == b"\xff\xd8"
    assert jpeg[-2:] == b"\xff\xd9"
    with av.open(io.BytesIO(jpeg), "r", format="mjpeg") as container:
        return next(container.decode(video=0))


def test_it_shows_the_last_picture_in_its_size() -> None:
    picture = decoded(jpeg_of(units(40, 120, 200, width=640, height=360)))
    assert (picture.width, picture.height) == (640, 360)
    levels = picture.to_ndarray(format="gray")
    assert abs(int(levels.mean()) - (200 - 16) * 255 // 219) < 6


def test_one_keyframe_is_enough_for_a_small_file() -> None:
    jpeg = jpeg_of(units(120))
    assert decoded(jpeg).width == 320
    assert len(jpeg) < 20_000


@pytest.mark.parametrize(
    "hostile",
    [
        [],
        [b""],
        [b"hello"],
        [b"\0\0\0\1\x67\xff\xff\xff"],
        [b"\0\0\0\1\x65" + b"\xff" * 5_000],
    ],
)
def test_what_cannot_be_decoded_is_said(hostile: list[bytes]) -> None:
    with pytest.raises(SourceUnsupported, match="cannot be decoded"):
        jpeg_of([AccessUnit(data, 0, True, 0.0) for data in hostile])


def test_units_that_begin_without_a_keyframe_give_no_picture() -> None:
    with pytest.raises(SourceUnsupported):
        jpeg_of(units(40, 120, 200)[1:])


def test_a_keyframe_cut_off_anywhere_gives_a_picture_or_a_sentence() -> None:
    (whole,) = units(120)
    for end in range(0, len(whole.data), max(1, len(whole.data) // 40)):
        try:
            decoded(jpeg_of([AccessUnit(whole.data[:end], 0, True, 0.0)]))
        except SourceUnsupported:
            continue
