"""H.264 on the byte level: NAL units, keyframes, what the SPS says (ITU-T H.264, RFC 6184)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

NAL_IDR = 5
NAL_SEI = 6
NAL_SPS = 7
NAL_PPS = 8
NAL_DELIMITER = 9

START_CODE = b"\x00\x00\x00\x01"
_SHORT_START = b"\x00\x00\x01"
_LONGEST_SPS = 4096  # more than all scaling lists take; a camera that sends more must not cost us time
_HIGH_PROFILES = frozenset({44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244})


def split_nal_units(data: bytes) -> Iterator[bytes]:
    """The NAL units of an Annex B stream, without start codes and trailing zeros (H.264, annex B.1.1).

    Bytes before the first start code are skipped; an empty unit is not yielded.
    """
    start = data.find(_SHORT_START)
    while start >= 0:
        start += 3
        end = data.find(_SHORT_START, start)
        unit = data[start : end if end >= 0 else len(data)].rstrip(b"\x00")
        if unit:
            yield unit
        start = end


def nal_type(unit: bytes) -> int:
    """`nal_unit_type` of a non-empty NAL unit (H.264, 7.4.1)."""
    return unit[0] & 0x1F


def join_nal_units(units: list[bytes]) -> bytes:
    """Annex B bytes from NAL units, four-byte start codes."""
    return b"".join(START_CODE + unit for unit in units)


@dataclass(frozen=True, slots=True)
class SequenceParameters:
    """What an SPS says about the pictures: `profile_level_id` as in RFC 6184 8.1 (six hex digits), size in pixels."""

    profile_level_id: str
    width: int
    height: int


class ParameterSets:
    """Remembers SPS and PPS, and turns what a demuxer gives into access units that a newcomer can start from."""

    def __init__(self) -> None:
        self._sps: dict[int, bytes] = {}
        self._pps: dict[int, bytes] = {}

    def learn(self, extradata: bytes) -> None:
        """Takes SPS and PPS from an Annex B blob, such as the `sprop-parameter-sets` of an SDP (RFC 6184 8.1)."""
        self._remember(split_nal_units(extradata))

    def complete(self, data: bytes) -> tuple[bytes, bool]:
        """Annex B bytes less delimiters, with SPS and PPS put before an IDR that lacks them, and whether it is an IDR.

        Raises `ValueError` when a parameter set in it is damaged.
        """
        units = [unit for unit in split_nal_units(data) if nal_type(unit) != NAL_DELIMITER]
        kinds = {nal_type(unit) for unit in units}
        self._remember(iter(units))
        keyframe = NAL_IDR in kinds
        if keyframe and NAL_PPS not in kinds:
            units = [*self._pps.values(), *units]
        if keyframe and NAL_SPS not in kinds:
            units = [*self._sps.values(), *units]
        return join_nal_units(units), keyframe

    @property
    def known(self) -> bool:
        """True once both an SPS and a PPS were seen."""
        return bool(self._sps) and bool(self._pps)

    def _remember(self, units: Iterator[bytes]) -> None:
        for unit in units:
            kind = nal_type(unit)
            if kind == NAL_SPS and len(unit) > 4:
                self._sps[_BitReader(unit[4:9]).unsigned_golomb()] = unit
            elif kind == NAL_PPS and len(unit) > 1:
                self._pps[_BitReader(unit[1:6]).unsigned_golomb()] = unit


def parse_sps(unit: bytes) -> SequenceParameters:
    """Profile and picture size from an SPS NAL unit (H.264, 7.3.2.1.1). Raises `ValueError` when it is damaged."""
    if len(unit) < 4 or nal_type(unit) != NAL_SPS:
        raise ValueError("not a sequence parameter set")
    bits = _BitReader(unit[4:_LONGEST_SPS].replace(b"\x00\x00\x03", b"\x00\x00"))
    bits.unsigned_golomb()  # seq_parameter_set_id
    chroma = 1
    separate_planes = 0
    if unit[1] in _HIGH_PROFILES:
        chroma = bits.unsigned_golomb()
        if chroma == 3:
            separate_planes = bits.take(1)
        bits.unsigned_golomb()  # bit_depth_luma_minus8
        bits.unsigned_golomb()  # bit_depth_chroma_minus8
        bits.take(1)  # qpprime_y_zero_transform_bypass_flag
        if bits.take(1):
            _skip_scaling_matrix(bits, 8 if chroma != 3 else 12)
    bits.unsigned_golomb()  # log2_max_frame_num_minus4
    _skip_picture_order(bits)
    bits.unsigned_golomb()  # max_num_ref_frames
    bits.take(1)  # gaps_in_frame_num_value_allowed_flag
    width = (bits.unsigned_golomb() + 1) * 16
    map_units = bits.unsigned_golomb() + 1
    frame_only = bits.take(1)
    height = map_units * 16 * (2 - frame_only)
    if not frame_only:
        bits.take(1)  # mb_adaptive_frame_field_flag
    bits.take(1)  # direct_8x8_inference_flag
    if bits.take(1):
        crop_x, crop_y = _crop_units(0 if separate_planes else chroma, frame_only)
        width -= (bits.unsigned_golomb() + bits.unsigned_golomb()) * crop_x
        height -= (bits.unsigned_golomb() + bits.unsigned_golomb()) * crop_y
    if not (0 < width <= 16_384 and 0 < height <= 16_384):
        raise ValueError("a picture size that cannot be")
    return SequenceParameters(unit[1:4].hex(), width, height)


def find_sps(data: bytes) -> bytes | None:
    """The first SPS NAL unit of an access unit, or None."""
    return next((unit for unit in split_nal_units(data) if nal_type(unit) == NAL_SPS), None)


def _crop_units(chroma: int, frame_only: int) -> tuple[int, int]:
    """CropUnitX and CropUnitY (H.264, 7-19 to 7-22)."""
    sub_width = 2 if chroma in (1, 2) else 1
    sub_height = 2 if chroma == 1 else 1
    return sub_width, sub_height * (2 - frame_only)


def _skip_picture_order(bits: _BitReader) -> None:
    kind = bits.unsigned_golomb()
    if kind == 0:
        bits.unsigned_golomb()
    elif kind == 1:
        bits.take(1)
        bits.unsigned_golomb()
        bits.unsigned_golomb()
        cycle = bits.unsigned_golomb()
        if cycle > 255:
            raise ValueError("a picture order cycle that is too long")
        for _ in range(cycle):
            bits.unsigned_golomb()


def _skip_scaling_matrix(bits: _BitReader, lists: int) -> None:
    for index in range(lists):
        if not bits.take(1):
            continue
        last = following = 8
        for _ in range(16 if index < 6 else 64):
            if following:
                following = (last + bits.signed_golomb() + 256) % 256
            last = following or last


class _BitReader:
    """Bits and Exp-Golomb codes (H.264, 9.1), most significant bit first. `ValueError` past the end."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = len(data) * 8

    def take(self, count: int) -> int:
        if count > self._left:
            raise ValueError("the parameter set ends too early")
        self._left -= count
        return (self._value >> self._left) & ((1 << count) - 1)

    def unsigned_golomb(self) -> int:
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > 32:
                raise ValueError("a code that is too long")
        return (1 << zeros) - 1 + self.take(zeros)

    def signed_golomb(self) -> int:
        code = self.unsigned_golomb()
        return (code + 1) // 2 if code % 2 else -(code // 2)
