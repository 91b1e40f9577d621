"""How much one viewer's path carries, by what its browser reports: pure arithmetic on a clock that is handed in.

A browser that gets 2 Mbit/s and says that 1.5 would fit may mean only that it never saw more (REMB grows no faster than
what arrives; draft-alvestrand-rmcat-remb). So a number alone proves nothing. What does: an estimate that *falls*, packets
that are lost, a round trip that grows. Then the path has a ceiling; it is lifted again by steps, each of which the reports
may refuse.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

STALE_SECONDS = 6.0
"""Without reports for so long nothing is known of a path any more."""

WINDOW_SECONDS = 1.0
SAMPLE_SECONDS = 0.2
"""What was sent is measured over the last second, by samples no closer than this."""

LOSS_STRIKE, LOSS_TWO_STRIKES = 0.10, 0.25
"""Fraction of packets lost between two reports. Less than a tenth is the weather of a radio and no sign of too much
(draft-ietf-rmcat-gcc, section 6); two strikes are one fall."""

DELAY_STRIKE_SECONDS = 0.15
ROUND_TRIPS = 12
"""A round trip longer than the shortest of the last dozen by so much, and by half of that, is a queue on the way."""

FELL = 0.97
CARRIES_LESS = 0.95
FIRST_CARRIES_LESS = 0.70
"""An estimate that fell below what is sent counts; a browser's first one may be a guess on little."""

MARGIN = 0.85
"""Of what arrived while a queue grew: so that it drains (draft-ietf-rmcat-gcc, section 5.5)."""

LEAST = 10_000.0
SETTLE_SECONDS = 2.0
"""What is reported just after a fall is of before it."""

FIRST_HOLD_SECONDS, LONGEST_HOLD_SECONDS = 4.0, 10.0
AGAIN_SECONDS = 20.0
STEP_SECONDS = 2.0
STEPS = (1.2, 1.35, 1.5, 1.7, 2.0)
"""First it is left alone, longer each time that a try failed (or what it led to, soon after); then each step is larger than
the one before. Sixteen times as much is reached within 24 seconds."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a report of RTCP says, None where it does not: `remb` bits a second (draft-alvestrand-rmcat-remb), `loss` as a
    fraction, `rtt` in seconds (RFC 3550, section 6.4.1). Nothing here is believed to make sense."""

    remb: float | None = None
    loss: float | None = None
    rtt: float | None = None


class PathEstimate:
    """One viewer's path. `clock`: monotonic seconds. `ceiling`: bits a second; None while no limit was seen."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.ceiling: float | None = None
        self.remb: float | None = None
        self.loss: float | None = None
        self.rtt: float | None = None
        self._clock = clock
        self._heard_at = float("-inf")
        self._fell_at = self._lifted_at = float("-inf")
        self._strikes = 0
        self._round_trips: deque[float] = deque(maxlen=ROUND_TRIPS)
        self._sent: deque[tuple[float, float]] = deque()
        self._steps = 0
        self._before_step = LEAST
        self._next_step_at = float("inf")
        self._hold = FIRST_HOLD_SECONDS

    @property
    def is_known(self) -> bool:
        """Whether it reports."""
        return self._clock() - self._heard_at <= STALE_SECONDS

    @property
    def is_tried(self) -> bool:
        """Whether the ceiling was lifted without anything that proves it yet."""
        return self._steps > 0

    def rate(self) -> float | None:
        """Bits a second that were sent lately; None when that is too little to tell."""
        if len(self._sent) < 2 or self._sent[-1][0] - self._sent[0][0] < WINDOW_SECONDS / 3:
            return None
        (begun, before), (ended, after) = self._sent[0], self._sent[-1]
        return max(0.0, (after - before) / (ended - begun))

    def heard(self, report: Report, sent_bits: float) -> None:
        """`sent_bits`: to this viewer, since the beginning."""
        now = self._heard_at = self._clock()
        self._sample(now, sent_bits)
        loss = _within(report.loss, 1.0)
        rtt = _within(report.rtt, 60.0)
        remb = _within(report.remb, float("inf"))
        if loss is not None:
            self.loss = loss
        if rtt is not None:
            self.rtt = rtt
            self._round_trips.append(rtt)
        rate = self.rate()
        if remb is not None:
            before, self.remb = self.remb, remb
            if rate is not None and _fell(before, remb, rate):
                self._fall(now, remb)
        if loss is not None or rtt is not None:
            self._judge(now, rate, loss or 0.0, rtt)

    def settle(self, enough: float) -> None:
        """Lifts the ceiling when its time has come, and away once it is above `enough`. Call it now and then."""
        now = self._clock()
        if self.ceiling is None or not self.is_known:
            return
        if now >= self._next_step_at and not self._strikes:
            self._before_step = self.ceiling
            self.ceiling *= STEPS[min(self._steps, len(STEPS) - 1)]
            self._steps += 1
            self._next_step_at = now + STEP_SECONDS
        if self.ceiling > enough and now - self._fell_at > SETTLE_SECONDS and not self._strikes:
            self.ceiling, self._steps, self._next_step_at = None, 0, float("inf")
            self._lifted_at = now

    def _judge(self, now: float, rate: float | None, loss: float, rtt: float | None) -> None:
        is_late = rtt is not None and rtt > 1.5 * min(self._round_trips) + DELAY_STRIKE_SECONDS
        self._strikes += (
            (2 if loss > LOSS_TWO_STRIKES else 1) if loss > LOSS_STRIKE else 1 if is_late else -self._strikes
        )
        if self._strikes < 2:
            return
        if now - self._fell_at < SETTLE_SECONDS:
            self._strikes = 1  # of before, perhaps; the next report tells
        elif rate is not None:
            self._fall(now, rate * MARGIN * (1.0 - loss))

    def _fall(self, now: float, carried: float) -> None:
        """The path carried so much, and no more."""
        bound = carried
        if self.ceiling is not None:
            bound = min(carried, self._before_step if self._steps else self.ceiling)
        self.ceiling = max(LEAST, bound)
        if self._steps or now - self._lifted_at < AGAIN_SECONDS:
            self._hold = min(LONGEST_HOLD_SECONDS, self._hold * 1.6)
        elif now - self._fell_at > SETTLE_SECONDS:
            self._hold = FIRST_HOLD_SECONDS
        self._steps, self._strikes = 0, 0
        self._fell_at, self._next_step_at = now, now + self._hold

    def _sample(self, now: float, sent_bits: float) -> None:
        if self._sent and now - self._sent[-1][0] < SAMPLE_SECONDS:
            return
        self._sent.append((now, sent_bits))
        while len(self._sent) > 2 and now - self._sent[1][0] >= WINDOW_SECONDS:
            self._sent.popleft()


def _fell(before: float | None, remb: float, rate: float) -> bool:
    if before is None:
        return remb < FIRST_CARRIES_LESS * rate
    return remb < FELL * before and remb < CARRIES_LESS * rate


def _within(value: float | None, most: float) -> float | None:
    """A number that makes sense, or None; NaN does not."""
    return value if value is not None and 0.0 <= value <= most else None
