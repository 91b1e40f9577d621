"""H.264 on the byte level, against what libav says and against hostile bytes."""

from __future__ import annotations

import contextlib
import time
from fractions import Fraction

import av
import pytest
from av.video.codeccontext import VideoCodecContext
from hypothesis import given
from hypothesis import strategies as st

from pi_cam.media.h264 import (
    NAL_IDR,
    NAL_PPS,
    NAL_SPS,
    ParameterSets,
    find_sps,
    join_nal_units,
    nal_type,
    parse_sps,
    split_nal_units,
)
from tests.clips import moving_picture


def encoded(
    width: int, height: int, profile: str = "baseline", **options: str
) -> tuple[list[bytes], VideoCodecContext]:
    """A few pictures by libx264, and the context that made them."""
    codec = av.CodecContext.create("libx264", "w")
    assert isinstance(codec, VideoCodecContext)
    codec.width, codec.height = width, height
    codec.pix_fmt = {"high422": "yuv422p", "high444": "yuv444p"}.get(profile, "yuv420p")
    codec.time_base = Fraction(1, 30)
    preset = "ultrafast" if profile == "baseline" else "veryfast"  # ultrafast never leaves baseline
    codec.options = {"preset": preset, "tune": "zerolatency", "profile": profile, **options}
    packets = []
    for index in range(3):
        picture = moving_picture(width, height, index).reformat(format=codec.pix_fmt)
        picture.pts = index
        packets += codec.encode(picture)
    packets += codec.encode(None)
    return [bytes(packet) for packet in packets], codec


payload = st.binary(min_size=1, max_size=60).map(lambda data: data.replace(b"\x00", b"\x07"))


@given(st.lists(payload, max_size=12))
def test_split_undoes_join(units: list[bytes]) -> None:
    assert list(split_nal_units(join_nal_units(units))) == units


@given(st.lists(payload, max_size=8), st.data())
def test_start_codes_of_any_length_and_trailing_zeros(units: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(b"\x00" * data.draw(st.integers(2, 6)) + b"\x01" + unit for unit in units)
    assert list(split_nal_units(stream + b"\x00" * data.draw(st.integers(0, 5)))) == units


@given(st.binary(max_size=300))
def test_hostile_bytes_are_split_without_harm(data: bytes) -> None:
    units = list(split_nal_units(data))
    assert all(units)
    assert sum(map(len, units)) <= len(data)
    assert list(split_nal_units(join_nal_units(units))) == units


@given(st.binary(max_size=200))
def test_hostile_parameter_sets_raise_value_error_only(data: bytes) -> None:
    for unit in (data, b"\x67" + data, b"\x67\x64\x00\x28" + data, b"\x67\x42\xc0\x1f" + data):
        try:
            found = parse_sps(unit)
        except ValueError:
            continue
        assert 0 < found.width <= 16_384
        assert 0 < found.height <= 16_384


@given(st.binary(max_size=200))
def test_hostile_access_units_raise_value_error_only(data: bytes) -> None:
    for blob in (data, b"\x00\x00\x01\x67" + data, b"\x00\x00\x01\x68" + data, b"\x00\x00\x01\x65" + data):
        sets = ParameterSets()
        try:
            whole, keyframe = sets.complete(blob)
            sets.learn(blob)
        except ValueError:
            continue
        assert keyframe == any(nal_type(unit) == NAL_IDR for unit in split_nal_units(whole))
        find_sps(blob)


@pytest.mark.parametrize("body", [b"\xff", b"\xa0", b"\x00", b"\x55", b"\x92\x49\x24"])
def test_an_oversized_parameter_set_takes_no_time(body: bytes) -> None:
    # poc type 1 with a cycle of four thousand million entries, each of one bit
    endless_cycle = int("1" + "1" + "010" + "1" + "1" + "1" + "0" * 31 + "1" * 33, 2).to_bytes(9, "big")
    for head in (b"\x67\x64\x00\x28", b"\x67\x42\x00\x28", b"\x67\x42\x00\x28" + endless_cycle):
        began = time.process_time()
        with contextlib.suppress(ValueError):
            parse_sps(head + body * 300_000)
        assert time.process_time() - began < 0.1


@pytest.mark.parametrize(
    "size", [(1920, 1080), (1280, 720), (640, 360), (176, 144), (322, 182), (16, 16), (2592, 1944)]
)
@pytest.mark.parametrize("profile", ["baseline", "main", "high"])
def test_sps_says_what_libav_says(size: tuple[int, int], profile: str) -> None:
    packets, _ = encoded(*size, profile)
    sps = find_sps(packets[0])
    assert sps is not None
    found = parse_sps(sps)
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, VideoCodecContext)
    frames = [frame for data in packets for frame in decoder.decode(av.Packet(data))]
    assert (found.width, found.height) == (frames[0].width, frames[0].height) == size
    assert int(found.profile_level_id[:2], 16) == {"baseline": 66, "main": 77, "high": 100}[profile]
    assert int(found.profile_level_id[4:], 16) == decoder.level


@pytest.mark.parametrize(("profile", "number"), [("high422", 122), ("high444", 244)])
def test_sps_of_other_chroma(profile: str, number: int) -> None:
    packets, _ = encoded(1920, 1080, profile)
    sps = find_sps(packets[0])
    assert sps is not None
    found = parse_sps(sps)
    assert (found.width, found.height) == (1920, 1080)
    assert int(found.profile_level_id[:2], 16) == number


def test_interlaced_and_with_scaling_matrix() -> None:
    for params in ("interlaced=1", "cqm=jvt"):
        packets, _ = encoded(1920, 1080, "high", **{"x264-params": params})
        sps = find_sps(packets[0])
        assert sps is not None
        assert (parse_sps(sps).width, parse_sps(sps).height) == (1920, 1080)


def test_every_truncation_of_an_sps_is_refused_or_the_same() -> None:
    packets, _ = encoded(1920, 1080, "high")
    sps = find_sps(packets[0])
    assert sps is not None
    whole = parse_sps(sps)
    for length in range(len(sps)):
        try:
            assert parse_sps(sps[:length]) == whole or length < len(sps)
        except ValueError:
            continue


def test_parameter_sets_are_put_before_a_keyframe_that_lacks_them() -> None:
    packets, _ = encoded(640, 360)
    units = list(split_nal_units(packets[0]))
    bare = [unit for unit in units if nal_type(unit) not in (NAL_SPS, NAL_PPS)]
    sets = ParameterSets()
    states = [sets.known]
    assert sets.complete(join_nal_units(bare)) == (join_nal_units(bare), True)
    sets.learn(join_nal_units([unit for unit in units if nal_type(unit) in (NAL_SPS, NAL_PPS)]))
    states.append(sets.known)
    assert states == [False, True]
    data, keyframe = sets.complete(join_nal_units(bare))
    assert keyframe
    assert [nal_type(unit) for unit in split_nal_units(data)][:2] == [NAL_SPS, NAL_PPS]
    assert list(split_nal_units(data))[2:] == bare
    assert sets.complete(packets[0]) == (join_nal_units(units), True)
    assert sets.complete(packets[1]) == (join_nal_units(list(split_nal_units(packets[1]))), False)


def test_delimiters_are_dropped_and_nothing_else() -> None:
    packets, _ = encoded(640, 360, "high", **{"x264-params": "aud=1:sliced-threads=0:threads=1:slices=4"})
    before = list(split_nal_units(packets[1]))
    data, _ = ParameterSets().complete(packets[1])
    assert nal_type(before[0]) == 9
    assert list(split_nal_units(data)) == before[1:]
    assert len(before) == 5


def test_the_newest_of_two_sets_with_the_same_number_counts() -> None:
    small, _ = encoded(320, 180)
    large, _ = encoded(640, 360)
    sets = ParameterSets()
    sets.complete(small[0])
    sets.complete(large[0])
    bare = [unit for unit in split_nal_units(large[0]) if nal_type(unit) == NAL_IDR]
    sps = find_sps(sets.complete(join_nal_units(bare))[0])
    assert sps is not None
    assert parse_sps(sps).width == 640
