"""What a viewer reports of its path (RFC 3550, section 6.4; draft-alvestrand-rmcat-remb), read where it lies."""

from __future__ import annotations

import struct
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from pi_cam.path_estimate import Report

REPORTS_KEPT = 16
"""Sender reports whose time is known, some 16 seconds of them: on a slow path several are on their way at once."""

_LSR_SECONDS = 1 / 65536
"""RFC 3550, section 6.4.1."""

_HEAD, _BLOCK = struct.Struct("!BBH"), struct.Struct("!IIIIII")
_HEAD_BYTES, _BLOCK_BYTES = 8, 24
_RECEIVER_REPORT, _DESCRIPTION, _PAYLOAD_FEEDBACK = 201, 202, 206
_PLAIN = 0b100
"""Version 2, no padding."""

_APPLICATION, _REMB, _REMB_BYTES = 15, b"REMB", 20
"""RFC 4585, section 6.4; its name behind the two SSRCs, and a number of four bytes."""


class Block(NamedTuple):
    """Of a report. `fraction_lost`: of 256; `highest_sequence`: extended; `lsr`, `dlsr`: of 65536 to a second."""

    fraction_lost: int
    highest_sequence: int
    lsr: int
    dlsr: int


def by_stream(report: bytes) -> list[tuple[int, Block | float]] | None:
    """Of each SSRC what the compound packet says of it: how it arrives, or the bits a second that its path is believed to
    carry. None for a packet that says anything else, or makes no sense."""
    found: list[tuple[int, Block | float]] = []
    begin, whole = 0, len(report)
    while begin + _HEAD_BYTES <= whole:
        first, kind, words = _HEAD.unpack_from(report, begin)
        end, count = begin + 4 * words + 4, first & 31
        if first >> 5 != _PLAIN or end > whole:
            return None
        if kind == _RECEIVER_REPORT and end - begin == _HEAD_BYTES + count * _BLOCK_BYTES:
            found += _blocks(report, begin + _HEAD_BYTES, end)
        elif kind == _PAYLOAD_FEEDBACK and count == _APPLICATION and _is_estimate(report, begin, end):
            found += _estimates(report, begin + _REMB_BYTES, end)
        elif kind != _DESCRIPTION:
            return None
        begin = end
    return found if begin == whole else None


def _blocks(report: bytes, begin: int, end: int) -> list[tuple[int, Block]]:
    found = []
    for ssrc, lost, highest, _, lsr, dlsr in _BLOCK.iter_unpack(report[begin:end]):
        found.append((ssrc, Block(lost >> 24, highest, lsr, dlsr)))
    return found


def _is_estimate(report: bytes, begin: int, end: int) -> bool:
    return (
        end - begin >= _REMB_BYTES
        and report[begin + 12 : begin + 16] == _REMB
        and end - begin == _REMB_BYTES + 4 * report[begin + 16]
    )


def _estimates(report: bytes, begin: int, end: int) -> list[tuple[int, float]]:
    """`begin`: behind the number, of which six bits are an exponent and the other eighteen what it is for."""
    number = int.from_bytes(report[begin - 3 : begin], "big")
    rate = float((number & 0x3FFFF) << (number >> 18))
    return [(ssrc, rate) for (ssrc,) in struct.iter_unpack("!I", report[begin:end])]


class Departures:
    """What left for one viewer: when its sender reports did, for the round trip; how much between two of the viewer's."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.now = clock
        self._left: OrderedDict[int, float] = OrderedDict()
        self._highest: int | None = None

    def note(self, ntp_timestamp: int, at: float) -> None:
        """A report with this NTP timestamp, 64 bits, left."""
        middle = ntp_timestamp >> 16 & 0xFFFFFFFF
        self._left.pop(middle, None)
        self._left[middle] = at
        if len(self._left) > REPORTS_KEPT:
            self._left.popitem(last=False)

    def judge(self, said: Block | float) -> Report:
        """What a block says of the path since the one before; a number is an estimate of what it carries."""
        if isinstance(said, float):
            return Report(remb=said)
        packets = self.since(said.highest_sequence)
        return Report(loss=said.fraction_lost / 256, rtt=self.round_trip(said), packets=packets)

    def round_trip(self, block: Block) -> float | None:
        """Seconds; None for a block that answers no report of ours, or claims to have had it longer than it is old."""
        left = self._left.get(block.lsr)
        if left is None or not block.dlsr:
            return None
        found = self.now() - left - block.dlsr * _LSR_SECONDS
        return found if found >= 0 else None

    def since(self, highest: int) -> int | None:
        """Packets since the report before. `highest`: the extended sequence number of a report (RFC 3550, section 6.4.1);
        None for the first, and for one that goes back."""
        before, self._highest = self._highest, highest
        return None if before is None or highest < before else highest - before
