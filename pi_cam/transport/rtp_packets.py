"""RTP packets (RFC 3550), built once for all viewers whose packets look alike; each viewer counts them for itself.

A group numbers its packets without end. What a viewer was not sent leaves no hole in the numbers that it sees: a hole would
be taken for loss, and asked for again.
"""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pi_cam.media.units import AccessUnit, AudioPacket

HISTORY = 2048
"""Packets that can be asked for again (RFC 4588): four seconds of 1080p at 4 Mbit/s."""

HEADER_BYTES = 12
NTP_EPOCH = 2_208_988_800
"""Seconds from 1900, where NTP begins, to 1970."""

SEGMENTS_MAX = 44
"""Packets that the kernel takes in one piece: 64 KB of UDP, and no more than 64 segments (udp(7), UDP_SEGMENT)."""

PACED_FROM, PACED = 28, 16
"""A unit of more than so many packets, about 32 KB, leaves in pieces of so many: a burst of a whole keyframe overruns the
small queues of access points and relays."""

Pack = Callable[[bytes], list[bytes]]
"""A unit's bytes as RTP payloads."""

_ONE_BYTE_EXTENSIONS = 0xBEDE
"""RFC 8285, section 4.2."""

EXTENSION_IDS = range(1, 15)
EXTENSION_BYTES = 16
"""What that form has room for."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What was negotiated of the packets' look: payload type, and header extensions by their ids (0: not negotiated, or not
    wanted)."""

    payload_type: int
    mid: bytes = b""
    mid_id: int = 0
    abs_send_time_id: int = 0
    playout_delay_id: int = 0
    """Its value is always zero: to be shown at once, without a jitter buffer."""

    def extensions(self, now: float) -> bytes:
        """`now`: seconds since 1970, for abs-send-time: 24 bits of NTP, 6.18 fixed point."""
        body = b""
        if self.mid_id and self.mid:
            body += bytes([self.mid_id << 4 | len(self.mid) - 1]) + self.mid
        if self.abs_send_time_id:
            ticks = int((now + NTP_EPOCH) * (1 << 18)) & 0xFFFFFF
            body += bytes([self.abs_send_time_id << 4 | 2]) + ticks.to_bytes(3, "big")
        if self.playout_delay_id:
            body += bytes([self.playout_delay_id << 4 | 2, 0, 0, 0])
        if not body:
            return b""
        body += bytes(-len(body) % 4)
        return _ONE_BYTE_EXTENSIONS.to_bytes(2, "big") + (len(body) // 4).to_bytes(2, "big") + body


@dataclass(frozen=True, slots=True)
class Run:
    """Packets of one size, but for the last, which may be shorter: the kernel cuts them apart again.

    `block`: the packets one behind the other, each followed by `tag` free bytes. `stride`: of one with its tag.
    """

    block: bytes
    lengths: tuple[int, ...]
    stride: int


class Burst:
    """The packets of one access unit, or of 20 ms of sound, numbered from `first` on."""

    __slots__ = ("_layouts", "first", "packets", "size", "timestamp")

    def __init__(self, first: int, timestamp: int, packets: list[bytes]) -> None:
        self.first, self.timestamp, self.packets = first, timestamp, packets
        self.size = sum(map(len, packets))
        self._layouts: dict[int, tuple[Run, ...]] = {}

    def runs(self, tag: int) -> tuple[Run, ...]:
        """`tag`: bytes that encryption adds to a packet."""
        found = self._layouts.get(tag)
        if found is None:
            found = self._layouts[tag] = tuple(_run(packets, tag) for packets in _alike(self.packets))
        return found


class Group:
    """Builds the packets of a stream for all viewers of one shape. `ssrc`, `origin`: of its packets and of its clock."""

    def __init__(self, shape: Shape, ssrc: int, origin: int, pack: Pack) -> None:
        self.shape, self.ssrc, self._origin, self._pack = shape, ssrc, origin, pack
        self._next = 0
        self._unit: AccessUnit | AudioPacket | None = None
        self._burst: Burst | None = None
        self._history: list[tuple[int, bytes]] = [(-1, b"")] * HISTORY

    def timestamp(self, pts: int) -> int:
        """On the wire, 32 bits."""
        return (self._origin + pts) & 0xFFFFFFFF

    def burst(self, unit: AccessUnit | AudioPacket) -> Burst:
        """The same object for every viewer of the group that sends this unit now."""
        if unit is not self._unit or self._burst is None:
            self._unit, self._burst = unit, self._keep(self._build(unit, self._next))
        return self._burst

    def past(self, unit: AccessUnit | AudioPacket, first: int) -> Burst:
        """A unit of before, for one viewer alone, which numbers it (from `first` on) and keeps it: in the history of all
        it would take the place of what others are about to ask for."""
        return self._build(unit, first)

    def packet(self, number: int) -> bytes | None:
        """One that was built a while ago; None when that is too long."""
        found, packet = self._history[number % HISTORY]
        return packet if found == number else None

    def _keep(self, burst: Burst) -> Burst:
        for number, packet in enumerate(burst.packets, burst.first):
            self._history[number % HISTORY] = (number, packet)
        self._next += len(burst.packets)
        return burst

    def _build(self, unit: AccessUnit | AudioPacket, first: int) -> Burst:
        extensions, timestamp = self.shape.extensions(time.time()), self.timestamp(unit.pts)
        found = self._pack(unit.data)
        head = 0x90 if extensions else 0x80
        tail = timestamp.to_bytes(4, "big") + self.ssrc.to_bytes(4, "big") + extensions
        packets = []
        for at, payload in enumerate(found):
            marked = self.shape.payload_type | (0x80 if at == len(found) - 1 else 0)
            packets.append(bytes([head, marked, 0, 0]) + tail + payload)
        return Burst(first, timestamp, packets)


class Groups:
    """All groups of one stream: they share its SSRC and its clock, so that a viewer may go from one to another."""

    def __init__(self, pack: Pack, ssrc: int | None = None, origin: int | None = None) -> None:
        self.ssrc = secrets.randbits(32) if ssrc is None else ssrc
        self._origin = secrets.randbits(32) if origin is None else origin
        self._pack = pack
        self._groups: dict[Shape, Group] = {}
        self._users: dict[Shape, int] = {}

    def beside(self) -> Groups:
        """Those of another rendition of the same camera, with the same SSRC and clock."""
        return Groups(self._pack, self.ssrc, self._origin)

    def join(self, shape: Shape) -> Group:
        """The group of this shape; to be left again."""
        if shape not in self._groups:
            self._groups[shape] = Group(shape, self.ssrc, self._origin, self._pack)
        self._users[shape] = self._users.get(shape, 0) + 1
        return self._groups[shape]

    def leave(self, shape: Shape) -> None:
        """The last one takes the history along."""
        self._users[shape] -= 1
        if not self._users[shape]:
            del self._users[shape], self._groups[shape]


class Numbering:
    """A viewer's own sequence numbers, without holes, for a group's numbers.

    They begin in the lower half of 16 bits: whoever misses the first packets, and with them a wrap, could not decrypt the
    rest (RFC 3711, 3.3.1).
    """

    __slots__ = ("_expected", "_next", "_spans")

    def __init__(self, start: int | None = None) -> None:
        self._next = secrets.randbelow(1 << 15) if start is None else start
        self._expected = -1
        """The group's number that goes on with the last stretch."""
        self._spans: deque[tuple[int, int]] = deque(maxlen=64)
        """(first sequence number, unwrapped; first number of the group): one for each stretch without a gap; it ends where
        the next one begins."""

    def onward(self) -> Numbering:
        """Goes on with another group's numbers; its own stay here."""
        return Numbering(self._next)

    @property
    def last(self) -> int:
        """The sequence number that was used last, 16 bits."""
        return self._next - 1 & 0xFFFF

    def take(self, first: int, count: int) -> int:
        """Sends `count` packets from the group's `first` on: the sequence number of that, 16 bits."""
        sequence = self._next
        self._next = sequence + count
        if first != self._expected:
            self._spans.append((sequence, first))
        self._expected = first + count
        return sequence & 0xFFFF

    def number(self, sequence: int) -> int | None:
        """The group's number of what was sent last as `sequence`; None for what was not."""
        whole = self._next - 1 - ((self._next - 1 - sequence) & 0xFFFF)
        for begun, begin in reversed(self._spans):
            if begun <= whole:
                return begin + whole - begun
        return None


def fresh(packet: bytes, shape: Shape, now: float) -> bytes:
    """The packet as if it were sent for the first time at `now`, seconds since 1970: by its old time a browser would take it
    for one that was held up on the way."""
    return packet[:HEADER_BYTES] + shape.extensions(now) + packet[_payload_begins(packet) :]


def retransmission(packet: bytes, sequence: int, *, payload_type: int, ssrc: int, number: int) -> bytes:
    """The packet once more, in the stream for that (RFC 4588, section 4). `sequence`: that of the first time."""
    begin = _payload_begins(packet)
    head = bytes([packet[0], packet[1] & 0x80 | payload_type]) + (number & 0xFFFF).to_bytes(2, "big") + packet[4:8]
    return head + ssrc.to_bytes(4, "big") + packet[12:begin] + sequence.to_bytes(2, "big") + packet[begin:]


def _payload_begins(packet: bytes) -> int:
    if not packet[0] & 0x10:
        return HEADER_BYTES
    return HEADER_BYTES + 4 + 4 * int.from_bytes(packet[HEADER_BYTES + 2 : HEADER_BYTES + 4], "big")


def _alike(packets: Sequence[bytes]) -> list[Sequence[bytes]]:
    most = PACED if len(packets) > PACED_FROM else SEGMENTS_MAX
    found: list[Sequence[bytes]] = []
    begin = 0
    for at in range(1, len(packets) + 1):
        size = len(packets[begin])
        ends = at == len(packets) or at - begin == most or len(packets[at - 1]) < size or len(packets[at]) > size
        if ends:
            found.append(packets[begin:at])
            begin = at
    return found


def _run(packets: Sequence[bytes], tag: int) -> Run:
    gap = bytes(tag)
    block = b"".join(packet + gap for packet in packets)
    return Run(block, tuple(map(len, packets)), len(packets[0]) + tag)
