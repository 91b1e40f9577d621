"""A network in virtual time, and a loudspeaker at its end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pi_cam.audio.jitter import JitterBuffer, Playable

STEP = 960
BLOCK = 0.020


@dataclass(frozen=True)
class Packet:
    at: float
    index: int
    size: int = 80
    skipped: int = 0  # blocks of silence before it, for which nothing was sent

    @property
    def payload(self) -> bytes:
        return self.index.to_bytes(4) + bytes(self.size - 4)


class Listener:
    """A loudspeaker that asks each 20 ms, from 1 ms after the first possible arrival on."""

    def __init__(self, first_sequence: int = 0, first_timestamp: int = 0) -> None:
        self.now = 0.0
        self.buffer = JitterBuffer(lambda: self.now)
        self.first_sequence, self.first_timestamp = first_sequence, first_timestamp
        self.ticks = 0

    def add(self, packet: Packet) -> None:
        self.now = packet.at
        sequence = (self.first_sequence + packet.index) % 2**16
        timestamp = (self.first_timestamp + (packet.index + packet.skipped) * STEP) % 2**32
        self.buffer.add(sequence, timestamp, packet.payload)

    def hear(self, packets: Iterable[Packet], seconds: float) -> list[Playable | None]:
        waiting = sorted(packets, key=lambda packet: packet.at)
        heard: list[Playable | None] = []
        until = self.ticks + round(seconds / BLOCK)
        while self.ticks < until:
            tick = self.ticks * BLOCK + 0.001
            while waiting and waiting[0].at <= tick:
                self.add(waiting.pop(0))
            self.now = tick
            heard.append(self.buffer.next())
            self.ticks += 1
        return heard

    def accounted(self) -> bool:
        stats = self.buffer.stats()
        held = stats["held_ms"] // 20
        return stats["received"] == stats["played"] + stats["late"] + stats["dropped"] + held


def steady(count: int, *, first: int = 0, start: float = 0.0) -> list[Packet]:
    return [Packet(start + index * BLOCK, first + index) for index in range(count)]


def words(heard: list[Playable | None]) -> str:
    """For reading: a number for each packet, `-` for a concealed block, `.` for nothing said."""
    return " ".join("." if block is None else "-" if block.data is None else str(number(block.data)) for block in heard)


def number(data: bytes) -> int:
    return int.from_bytes(data[:4])


def numbers(heard: list[Playable | None]) -> list[int]:
    return [number(block.data) for block in heard if block is not None and block.data is not None]
