"""The arithmetic of `make bench-peers`, and its page."""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.bench import report
from tests.bench.peer_page import PICTURES, SCREENS
from tests.bench.report import Row, Rows
from tests.bench.stamped_clip import STAMPED_FPS

OURS, PLAIN, BOUND = "ours", "aiortc", "bound"
OTHERS = ("janus", "webrtcbin", "libdatachannel", "go2rtc", "mediamtx")

METHOD = """\
Made by `make bench-peers`: every sender plays one clip (1080p30, about 4 Mbit/s, constrained baseline, one slice, a
keyframe every two seconds) on {machine}, {cores} cores ({model}), in a network namespace of its own. {rounds} rounds,
in each round every sender in turn, started anew. Medians, and from least to most in brackets.

- Viewers are in processes of their own, which are not counted. They connect as any viewer does (ICE and DTLS by
  aiortc, the cipher that Chromium prefers), then only count datagrams and send a receiver report each second; IPv4.
- *Processor*: `schedstat` of the sender's whole process tree. *Per extra viewer*: the difference between {few}
  viewers and one, over {fewer}. On one machine the kernel charges much of the receiving to who sends: the same for
  all, and so ratios are nearer to one than between two machines. *Per packet*: everything with {few} viewers, over
  what they received.
- *Memory*: what belongs to the process tree alone (`Pss_Anon`), the same difference.
- *First picture*: in Chromium, from the wish to watch until the page is handed a decoded picture; no candidates are
  gathered before; another viewer watches already, keyframes cannot be asked for.
- *Produced to displayed*: from the moment at which a picture was handed to the sender until its `expectedDisplayTime` in
  Chromium, and not before its `presentationTime`; of {pictures} pictures in each of {screens} Chromiums per round. Until it
  is received (`receiveTime`) by a stamp in the picture, an SEI message; from there by another connection, as what reads
  stamps in a page takes some 9 ms itself. At {stamped} pictures a second, so that they come at all moments between two
  refreshes of the screen (60 Hz): at 30 chance decides how long all of them wait for one. pi-cam with the setting Delay at
  low, the others as they are by themselves.
- The lower bound is a C program (tests/bench/peers/bound.c) that has packets ready, and only encrypts them by OpenSSL
  and hands them to the kernel: no ICE, no reports, no retransmission, no pacing. Its packets are those of pi-cam,
  byte by byte.
- Janus is fed with RTP, and go2rtc and MediaMTX from an RTSP camera, by processes that are not counted; the others read
  the clip themselves. go2rtc and MediaMTX are measured where they are on PATH: how they are started (tests/bench/peers) is
  written by their documentation, and nobody has tried it yet.
"""


@dataclass(frozen=True)
class Look:
    """`cpu`: seconds of processor in `seconds`; `packets`, `pictures`, `lost`: at all viewers in that time; `memory`: in
    bytes."""

    viewers: int
    cpu: float
    seconds: float
    packets: int
    pictures: int
    lost: int
    memory: int
    cipher: str = ""

    @property
    def percent(self) -> float:
        """Of one core."""
        return self.cpu / self.seconds * 100

    @property
    def per_packet(self) -> float:
        """Microseconds of processor."""
        return self.cpu / self.packets * 1e6

    @property
    def rate(self) -> float:
        """Pictures per second and viewer."""
        return self.pictures / self.viewers / self.seconds


@dataclass
class Measured:
    """`rounds`: in each the looks, from one viewer to many. `first_pictures`: of all rounds; `delays`: of each. In
    milliseconds."""

    title: str
    version: str
    rounds: list[list[Look]] = field(default_factory=list)
    first_pictures: list[float] = field(default_factory=list)
    delays: list[list[float]] = field(default_factory=list)

    def per_extra(self, viewers: int, of: Callable[[Look], float]) -> list[float]:
        """What each viewer beyond the first adds to `of`, by the look with so many; of each round that has one."""
        pairs = [(looks[0], look) for looks in self.rounds for look in looks[1:] if look.viewers == viewers]
        return [(of(late) - of(early)) / (late.viewers - early.viewers) for early, late in pairs]

    def cpu(self, viewers: int) -> list[float]:
        """Percent of a core per extra viewer."""
        return self.per_extra(viewers, lambda look: look.percent)

    def memory(self, viewers: int) -> list[float]:
        """MB per extra viewer."""
        return self.per_extra(viewers, lambda look: look.memory / 1e6)

    def per_packet(self, viewers: int) -> list[float]:
        """Microseconds."""
        return [look.per_packet for looks in self.rounds for look in looks if look.viewers == viewers]


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Round by round: in each both ran within a minute or two."""
    return [one / other for one, other in zip(ours, theirs, strict=True)]


def best(found: Mapping[str, Measured], few: int) -> str | None:
    """The name of the peer whose extra viewer costs least; None when none was measured."""
    here = [name for name in OTHERS if name in found]
    return min(here, key=lambda name: statistics.median(found[name].cpu(few)), default=None)


def goals(found: Mapping[str, Measured], few: int, many: int) -> Rows:
    """Those figures that have a goal, as far as what they need was measured."""
    rows: Rows = {}
    ours = found.get(OURS)
    if ours is None:
        return rows
    champion = best(found, few)
    for viewers in (few, many):
        for name, goal in ((PLAIN, 0.20), (champion, 0.35), (BOUND, 1.3)):
            other = found.get(name or "")
            if other is None or not ours.cpu(viewers) or not other.cpu(viewers):
                continue
            word = f"the best of the others ({other.title})" if name == champion else other.title
            what = f"processor per extra viewer ({viewers}), pi-cam over {word}"
            rows[what] = _row(ratios(ours.cpu(viewers), other.cpu(viewers)), "", goal, 2)
    rows["memory per extra viewer"] = _row(ours.memory(few), "MB", 0.5, 2)
    if ours.first_pictures:
        rows["first picture in Chromium"] = _row(ours.first_pictures, "ms", 200, 0)
        worst = max(ours.first_pictures)
        rows[f"the worst of {len(ours.first_pictures)}"] = {
            "value": f"{worst:.0f} ms",
            "goal": "≤ 500",
            "ok": worst <= 500,
        }
    if delays := [statistics.median(one) for one in ours.delays if one]:
        rows["produced to displayed in Chromium"] = _row(delays, "ms", 16, 1)
    return rows


def table(found: Mapping[str, Measured], few: int, many: int) -> list[str]:
    """One line for each peer."""
    numbers = [few, many] if many else [few]
    heads = [
        "sender",
        *(f"processor per extra viewer ({number}), % of a core" for number in numbers),
        *(f"µs per packet ({number})" for number in numbers),
        "memory per extra viewer, MB",
        "with one viewer, MB",
        "first picture, ms",
        "produced to displayed, ms",
        "pictures per second",
    ]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for one in found.values():
        delays = [statistics.median(of_round) for of_round in one.delays if of_round]
        least = min(look.rate for looks in one.rounds for look in looks)
        cells = [
            one.title,
            *(_spread(one.cpu(number), 3) for number in numbers),
            *(_spread(one.per_packet(number), 1) for number in numbers),
            _spread(one.memory(few), 2),
            _spread([looks[0].memory / 1e6 for looks in one.rounds], 0),
            _spread(one.first_pictures, 0),
            _spread(delays, 1),
            f"≥ {least:.1f}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def publish(found: Mapping[str, Measured], few: int, many: int) -> None:
    """Both files, and the page to stdout."""
    rounds = max(len(one.rounds) for one in found.values())
    method = METHOD.format(
        machine=report.machine(),
        cores=os.cpu_count(),
        model=_processor(),
        rounds=rounds,
        few=few,
        fewer=few - 1,
        stamped=STAMPED_FPS,
        pictures=PICTURES,
        screens=SCREENS,
    )
    versions = [f"- {one.title}: {one.version}; {_ciphers(one)}" for one in found.values()]
    lines = [method, *versions, "", *table(found, few, many)]
    raw = {name: asdict(one) for name, one in found.items()}
    report.write("peers", "This sender beside others", lines, goals(found, few, many), more={"peers": raw})


def _ciphers(one: Measured) -> str:
    named = sorted({look.cipher for looks in one.rounds for look in looks if look.cipher})
    return ", ".join(named) or "the cipher of pi-cam"


def _row(values: Sequence[float], unit: str, at_most: float, digits: int) -> Row:
    middle = statistics.median(values)
    return {
        "value": f"{middle:.{digits}f} {unit}".strip(),
        "spread": f"{min(values):.{digits}f} to {max(values):.{digits}f} of {len(values)}",
        "goal": f"≤ {at_most:g}",
        "ok": middle <= at_most,
    }


def _spread(values: Sequence[float], digits: int) -> str:
    if not values:
        return "–"
    middle = f"{statistics.median(values):.{digits}f}"
    return middle if len(values) == 1 else f"{middle} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    named = [line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model"))]
    return named[0] if named else "unknown"
