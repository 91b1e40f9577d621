"""Going from one rendition of a camera to another, in one stream of packets: what was sent before can still be asked for,
and time does not go back."""

from __future__ import annotations

from collections import deque

from pi_cam.transport.rtp_packets import Burst, Group, Groups, Numbering

HALF = 1 << 31
FULL = 1 << 32

UNITS_KEPT = 64


class Past:
    """A group that a viewer left, and its numbers there."""

    def __init__(self, groups: Groups, group: Group, numbers: Numbering) -> None:
        self._groups, self._group, self._numbers = groups, group, numbers

    def packet(self, sequence: int) -> bytes | None:
        """What was sent as `sequence` in those days."""
        number = self._numbers.number(sequence)
        return self._group.packet(number) if number is not None else None

    def forget(self) -> None:
        """Nobody asks any more. Once."""
        self._groups.leave(self._group.shape)


class Forward:
    """Timestamps that only grow, for one viewer. Both renditions count on the camera's clock, but one may be behind the
    other by a few pictures: until it has caught up, its pictures follow each other by one tick."""

    def __init__(self) -> None:
        self.catches_up = False
        """Whether a unit may need another time: asked for each picture."""
        self._moved: deque[tuple[int, int, int]] = deque(maxlen=UNITS_KEPT)
        """(first number of the group, one behind the last, timestamp)."""

    def begin(self) -> None:
        """Another rendition begins."""
        self.catches_up = True
        self._moved.clear()

    def fitting(self, burst: Burst, last: int) -> Burst:
        """The unit as it is, or stamped just after `last`, the RTP timestamp sent last."""
        if not self.catches_up:
            return burst
        if 0 < (burst.timestamp - last) % FULL < HALF:
            self.catches_up = False
            return burst
        timestamp = (last + 1) % FULL
        self._moved.append((burst.first, burst.first + len(burst.packets), timestamp))
        return Burst(burst.first, timestamp, [_stamped(packet, timestamp) for packet in burst.packets])

    def as_sent(self, number: int, packet: bytes) -> bytes:
        """A packet of the group, as this viewer got it."""
        for first, end, timestamp in self._moved:
            if first <= number < end:
                return _stamped(packet, timestamp)
        return packet


def _stamped(packet: bytes, timestamp: int) -> bytes:
    return packet[:4] + timestamp.to_bytes(4, "big") + packet[8:]
