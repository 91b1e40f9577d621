"""Viewers behind lines of a given rate, in virtual time: what a browser would report of what an encoder sends."""

from __future__ import annotations

from dataclasses import dataclass, field

from pi_cam.bitrate import Bitrates, Encoder, Rendition
from pi_cam.path_estimate import Report
from tests.unit.clock import Clock

STEP = 0.1
QUEUE_SECONDS = 0.2
DISTANCE_SECONDS = 0.02

MAIN, SMALL = 2_000_000.0, 330_000.0


@dataclass(eq=False)
class Line:
    """What a `tc tbf` does, and the browser behind it: bits wait for `QUEUE_SECONDS` at most, the rest is lost; REMB falls
    to 0.85 of what arrives while the queue grows, and else grows by 8 % a second, to 1.5 times what arrives."""

    capacity: float = 100e6
    reports: bool = True
    sent: float = 0.0
    queue: float = 0.0
    remb: float | None = None
    offered: float = 0.0
    lost: float = 0.0
    begun: float = 0.0
    arrived: list[float] = field(default_factory=list)

    def carry(self, bits: float) -> Report | None:
        """One step; a report once a second, and whenever REMB falls."""
        self.sent += bits
        self.begun += STEP
        before = self.queue
        waiting = self.queue + bits
        through = min(waiting, self.capacity * STEP)
        self.queue = min(waiting - through, self.capacity * QUEUE_SECONDS)
        dropped = waiting - through - self.queue
        self.offered, self.lost = self.offered + bits, self.lost + dropped
        self.arrived = [*self.arrived, through][-10:]
        throughput = sum(self.arrived) / len(self.arrived) / STEP
        fell = False
        if self.queue > before + 1 or dropped:
            lower = 0.85 * throughput
            fell = self.remb is None or lower < 0.97 * self.remb
            self.remb = lower if self.remb is None else min(self.remb, lower)
        elif self.remb is None and self.begun > 5:
            self.remb = throughput
        elif self.remb is not None:
            self.remb = max(self.remb, min(self.remb * 1.08**STEP, 1.5 * throughput + 10_000))
        due = round(self.begun / STEP) % 10 == 0
        if not self.reports or not (due or fell):
            return None
        loss = self.lost / self.offered if self.offered and due else None
        if due:
            self.offered = self.lost = 0.0
        rtt = DISTANCE_SECONDS + self.queue / self.capacity if due else None
        return Report(self.remb, loss, rtt)


class Home:
    """A camera and the lines of its viewers. `small`: whether it has a small rendition; `is_steered`: whether its encoders
    follow, at once."""

    def __init__(self, *lines: Line, small: bool = True, is_steered: bool = True, can_switch: bool = True) -> None:
        self.clock = Clock()
        self.lines = list(lines)
        self.main = Encoder(MAIN, is_steered)
        self.small = Encoder(SMALL, is_steered) if small else None
        self.bitrates = Bitrates(self.clock)
        self.rates: dict[Rendition, float] = {"main": MAIN, "small": SMALL, "keyframes": MAIN / 10}
        self.changes: list[tuple[float, Line, Rendition]] = []
        for line in lines:
            self.bitrates.join(line, can_switch=can_switch)

    def pass_by(self, seconds: float) -> None:
        for _ in range(round(seconds / STEP)):
            self.clock.now += STEP
            for line in self.lines:
                rendition = self.rendition(line)
                rate = max(self.rates[rendition], self.bitrates.trial(line))
                report = line.carry(rate * STEP)
                if report is not None:
                    self.bitrates.heard(line, report, line.sent)
            if round(self.clock.now / STEP) % 5 == 0:
                self._decide()

    def rendition(self, line: Line) -> Rendition:
        return self.bitrates.rendition(line)

    def until(self, is_so: str, *, within: float, lines: list[Line] | None = None) -> float:
        """The seconds until all `lines` get `is_so`."""
        begun = self.clock.now
        while not all(self.rendition(line) == is_so for line in lines or self.lines):
            assert self.clock.now - begun <= within, (is_so, [self.rendition(line) for line in self.lines])
            self.pass_by(STEP)
        return self.clock.now - begun

    def _decide(self) -> None:
        before = [self.rendition(line) for line in self.lines]
        self.rates.update(self.bitrates.decide(self.main, self.small))
        for line, old in zip(self.lines, before, strict=True):
            if self.rendition(line) != old:
                self.changes.append((self.clock.now, line, self.rendition(line)))
