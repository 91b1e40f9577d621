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
from statistics import fmean, median

BEGIN_SECONDS = 1.5
"""The first keyframe, and what is measured over it, tell little."""

STALE_SECONDS = 6.0
"""Without reports for so long nothing is known of a path any more."""

WINDOW_SECONDS = 1.0
SAMPLE_SECONDS = 0.2
"""What was sent is measured over the last second, by samples no closer than this."""

JUDGED_SECONDS, JUDGED_PACKETS = 0.95, 20
"""Over so long a time, and at least so many packets, loss is counted: Chromium sends a report along with each request for a
lost packet, ten a second, and two lost of the eight since the one before are no quarter of anything."""

LOSS_STRIKE, LOSS_TWO_STRIKES = 0.10, 0.25
"""Fraction of packets lost in that time. Less than a tenth is the weather of a radio and no sign of too much
(draft-ietf-rmcat-gcc, section 6); two strikes are one fall."""

DELAY_STRIKE_SECONDS = 0.15
USUAL = 12
"""A round trip longer than the usual one of the last dozen judgements by so much, and by half of that, is a queue on the
way. Not than the shortest: where a processor is busy they vary, and nobody's path is to blame."""

FELL = 0.97
CARRIES_LESS = 0.95
FIRST_CARRIES_LESS = 0.70
"""An estimate that fell below what is sent counts; a browser's first one may be a guess on little."""

SIGN_LOSS, SIGN_DELAY_SECONDS = 0.02, 0.1
KNOWN = 4
"""So many judgements make a usual loss."""

SIGNS_SECONDS, BETWEEN_SIGNS_SECONDS = 3.0, 0.5
"""It counts once two signs of it are seen within so long and not at the same moment: delay, or so much more loss than twice
the usual, as a bad radio loses at any rate. A browser whose processor is busy takes that for the path, too, and its estimate
falls for no other reason. One sign is enough when it is a strike by loss."""

FALL_TO = 0.25
"""At most, at once, of what was sent: the estimate of a moment may be far too low."""

HITCH_SECONDS = 1.5
"""After a hitch of this machine what is reported tells of that."""

MARGIN = 0.85
"""Of what arrived while a queue grew: so that it drains (draft-ietf-rmcat-gcc, section 5.5)."""

LEAST = 50_000.0
MOST_PACKETS, MOST_REPORTS = 1 << 15, 100
"""That one judgement takes from who claims more (half of all sequence numbers), or floods."""

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
    fraction of the `packets` since the one before, `rtt` in seconds (RFC 3550, section 6.4.1). Nothing is believed to make
    sense."""

    remb: float | None = None
    loss: float | None = None
    rtt: float | None = None
    packets: int | None = None


class Judged:
    """Reports, gathered until they are worth a judgement."""

    def __init__(self, begun_at: float) -> None:
        self.begun_at = begun_at
        self.packets = self.lost = 0.0
        self.rtts: list[float] = []

    def add(self, loss: float | None, packets: int | None, rtt: float | None) -> None:
        """One report. Where it is not known how many packets it is about, it is worth a judgement."""
        if loss is not None:
            count = min(packets, MOST_PACKETS) if packets is not None else JUDGED_PACKETS
            self.packets += count
            self.lost += loss * count
        if rtt is not None and len(self.rtts) < MOST_REPORTS:
            self.rtts.append(rtt)

    def is_due(self, now: float) -> bool:
        """Whether there are enough."""
        return now - self.begun_at >= JUDGED_SECONDS and self.packets >= JUDGED_PACKETS

    @property
    def loss(self) -> float:
        """A fraction."""
        return self.lost / self.packets

    @property
    def rtt(self) -> float | None:
        """Seconds, of most of them."""
        return median(self.rtts) if self.rtts else None


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
        self._round_trips: deque[float] = deque(maxlen=USUAL)
        self._sent: deque[tuple[float, float]] = deque()
        self._suspected: tuple[float, float] | None = None
        """(when the estimate fell, to what)."""
        self._signs: deque[float] = deque(maxlen=2)
        self._deaf_until = float("-inf")
        self._begun_at: float | None = None
        self._judged = Judged(clock())
        self._losses: deque[float] = deque(maxlen=USUAL)
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

    @property
    def proven(self) -> float | None:
        """What went well, bits a second: the ceiling without its last step. None while no limit was seen."""
        return self._before_step if self._steps else self.ceiling

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
        remb, rtt = _within(report.remb, float("inf")), _within(report.rtt, 60.0)
        if rtt is not None:
            self.rtt = rtt
        if self._begun_at is None:
            self._begun_at = now
            self._deaf_until = now + BEGIN_SECONDS
        before, self.remb = self.remb, remb if remb is not None else self.remb
        self._judged.add(_within(report.loss, 1.0), report.packets, rtt)
        judged = self._judged if self._judged.is_due(now) else None
        if judged is not None:
            self._judged = Judged(now)
            self.loss = judged.loss
            if judged.rtt is not None:
                self._round_trips.append(judged.rtt)
        rate = self.rate()
        if now >= self._deaf_until and rate is not None:
            if remb is not None and _fell(before, remb, rate):
                self._suspected = now, max(remb, FALL_TO * rate)
            self._look_for_signs(now, judged)
            if judged is not None:
                self._judge(now, rate, judged.loss, judged.rtt)
        if judged is not None:
            self._losses.append(judged.loss)

    def hitch(self) -> None:
        """This machine stood still for a moment: what is reported next is no sign of anything."""
        self._deaf_until = max(self._deaf_until, self._clock() + HITCH_SECONDS)

    def settle(self, enough: float) -> None:
        """Lifts the ceiling by a step when its time has come, and away when `enough` went well. Call it now and then."""
        now = self._clock()
        if self.ceiling is None or not self.is_known or self._strikes or now < self._next_step_at:
            return
        if self.ceiling >= enough:
            self.ceiling, self._steps, self._next_step_at = None, 0, float("inf")
            self._lifted_at = now
            return
        self._before_step = self.ceiling
        self.ceiling *= STEPS[min(self._steps, len(STEPS) - 1)]
        self._steps += 1
        self._next_step_at = now + STEP_SECONDS

    def _look_for_signs(self, now: float, judged: Judged | None) -> None:
        loss, rtt = (0.0, None) if judged is None else (judged.loss, judged.rtt)
        usual = fmean(self._losses) if self._losses else 0.0
        seen = (len(self._losses) >= KNOWN and loss > SIGN_LOSS + 2 * usual) or self._is_late(
            rtt, 1.2, SIGN_DELAY_SECONDS
        )
        if seen and (not self._signs or now - self._signs[-1] >= BETWEEN_SIGNS_SECONDS):
            self._signs.append(now)
        if self._suspected is None:
            return
        suspected_at, remb = self._suspected
        begin = suspected_at - SIGNS_SECONDS
        if not self._round_trips or loss > LOSS_STRIKE + usual or (len(self._signs) == 2 and self._signs[0] >= begin):
            self._fall(now, remb)
        elif now - suspected_at > SIGNS_SECONDS:
            self._suspected = None

    def _judge(self, now: float, rate: float, loss: float, rtt: float | None) -> None:
        if loss > LOSS_STRIKE:
            self._strikes += 2 if loss > LOSS_TWO_STRIKES or self._steps else 1  # what is only tried has one chance
        elif self._is_late(rtt, 1.5, DELAY_STRIKE_SECONDS):
            self._strikes += 1
        else:
            self._strikes = 0
        if self._strikes < 2:
            return
        if now - self._fell_at < SETTLE_SECONDS:
            self._strikes = 1  # of before, perhaps; the next report tells
        else:
            self._fall(now, max(FALL_TO * rate, rate * MARGIN * (1.0 - loss)))

    def _is_late(self, rtt: float | None, times: float, more: float) -> bool:
        return rtt is not None and rtt > times * median(self._round_trips) + more

    def _fall(self, now: float, carried: float) -> None:
        """The path carried so much, and no more."""
        if self._steps:
            carried = self._before_step  # that went well
        elif self.ceiling is not None:
            carried = min(carried, self.ceiling)
        self.ceiling = max(LEAST, carried)
        if self._steps or now - self._lifted_at < AGAIN_SECONDS:
            self._hold = min(LONGEST_HOLD_SECONDS, self._hold * 1.6)
        elif now - self._fell_at > SETTLE_SECONDS:
            self._hold = FIRST_HOLD_SECONDS
        self._steps, self._strikes, self._suspected = 0, 0, None
        self._signs.clear()
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
