"""The camera, opened and watched for some seconds: what comes, how old it is, and whether it follows what it is asked."""

from __future__ import annotations

import itertools
import statistics
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pi_cam.capture.source import HasSmall, VideoSource, open_source
from pi_cam.control.measures import Measure, failed, measured, not_here
from pi_cam.errors import PiCamError, SourceError
from pi_cam.media.units import AccessUnit, AudioPacket
from pi_cam.meter import StreamMeter

FIRST_PICTURE_SECONDS = 10.0
WATCH_SECONDS = 3.0
SETTLE_SECONDS = 2.0
"""A rate that was changed is followed within so long (capture.camera_encoder)."""

KEYFRAME_SECONDS = 1.0
KEYFRAME_PICTURES = 3
"""A source may let so many pictures pass before the one that was asked for (capture.source)."""

LONGEST_INTERVAL_SECONDS = 5.0
TRIES = 3
UNITS_KEPT = 2_000

LOW_SHARE = 0.4
FOLLOWED_SHARE = 0.75
"""Told to send so much of what it sends, a camera sends less than that of it."""

NOT_ENCODED_HERE = ("rtsp", "rtsps", "http", "https", "file")
CHECK_CAMERA = "Look whether the camera is on, and whether its address, name and password are right; then try again."
LOOK_AT_LOG = "Start pi-cam again, and look at its log."
NAME_OWN = "Try again with a camera of this machine: --source camera: or usb:"


def try_camera(address: str) -> list[Measure]:
    """The lines about pictures. Takes up to three quarters of a minute, and more where a camera sends few pictures."""
    try:
        source = open_source(address, by_operator=True)
        witness = Witness()
        source.start(witness.emit, witness.report)
        try:
            return list(_watch(source, witness, address.partition(":")[0].lower()))
        finally:
            source.stop()
    except PiCamError as error:
        return [failed("pictures", str(error), CHECK_CAMERA)]


@dataclass(frozen=True, slots=True)
class Arrival:
    """When a picture came (monotonic seconds), how old it was (seconds), how large (bytes), and whether it is a keyframe."""

    at: float
    age: float
    size: int
    keyframe: bool


class Witness:
    """Takes what a source emits, from its threads."""

    def __init__(self, meter: StreamMeter | None = None) -> None:
        self.trouble: str | None = None
        self.news = threading.Event()
        self.keyframes: list[float] = []
        self._meter = meter or StreamMeter()
        self._keyframe = threading.Condition()
        self._arrivals: deque[Arrival] = deque(maxlen=UNITS_KEPT)

    def emit(self, unit: AccessUnit | AudioPacket) -> None:
        """A picture, or sound, which is not looked at."""
        if isinstance(unit, AudioPacket):
            return
        with self._keyframe:
            now = time.monotonic()
            self._meter.count(unit)
            self._arrivals.append(Arrival(now, now - unit.captured_at, len(unit.data), unit.keyframe))
            if unit.keyframe:
                self.keyframes.append(now)
                self._keyframe.notify_all()
        self.news.set()

    def report(self, trouble: SourceError | None) -> None:
        """What is wrong now."""
        self.trouble = str(trouble) if trouble else None
        if trouble:
            self.news.set()

    def next_keyframe(self, seconds: float) -> bool:
        """Whether one comes within that time."""
        with self._keyframe:
            seen = len(self.keyframes)
            return self._keyframe.wait_for(lambda: len(self.keyframes) > seen, seconds)

    def patience(self) -> float:
        """Seconds within which a keyframe comes that was asked for."""
        with self._keyframe:
            fps = self._meter.fps()
        return max(KEYFRAME_SECONDS, KEYFRAME_PICTURES / fps) if fps else LONGEST_INTERVAL_SECONDS

    def since(self, moment: float) -> list[Arrival]:
        """The pictures that came after it, of those that are remembered."""
        with self._keyframe:
            return [one for one in self._arrivals if one.at > moment]

    def bitrate(self, begin: float, end: float) -> float:
        """Bits a second from then on, up to then (monotonic seconds; what came at `end` is not of it)."""
        with self._keyframe:
            size = sum(one.size for one in self._arrivals if begin <= one.at < end)
        return size * 8 / max(end - begin, 0.001)

    def summary(self) -> tuple[str, dict[str, int | float]]:
        """What flows, in words and figures."""
        with self._keyframe:
            size, fps, bitrate = self._meter.parameters, self._meter.fps(), self._meter.bitrate()
        shape = f"H.264 {size.width}x{size.height}" if size else "H.264"
        text = f"{shape}, {fps or 0:g} pictures a second, {(bitrate or 0) / 1e6:.1f} Mbit/s"
        lines = {"width_pixels": size.width, "height_pixels": size.height} if size else {}
        return text, {**lines, "pictures_per_second": fps or 0, "bits_per_second": bitrate or 0}


def _watch(source: VideoSource, witness: Witness, scheme: str) -> Iterator[Measure]:
    began = time.monotonic()
    if not witness.news.wait(FIRST_PICTURE_SECONDS) or witness.trouble:
        text = witness.trouble or "The camera gave no picture in time."
        yield failed("pictures", text, CHECK_CAMERA)
        return
    after, spent, watched = time.monotonic() - began, time.process_time(), time.monotonic()
    time.sleep(WATCH_SECONDS)
    share = (time.process_time() - spent) / (time.monotonic() - watched)
    text, figures = witness.summary()
    text += f", the first after {after:.1f} s"
    if source.capabilities.transcoded:
        text += "; encoded here, since browsers cannot show what the camera sends"
    yield measured("pictures", text, **figures, first_picture_seconds=round(after, 2))
    yield _encoder(source, scheme, share)
    yield _memory(Path("/proc/self"))
    yield _delay(witness.since(watched), scheme)
    yield _keyframe(source, witness)
    yield _bitrate(source, witness)
    yield _small(source)


def _encoder(source: VideoSource, scheme: str, share: float) -> Measure:
    if scheme in NOT_ENCODED_HERE and not source.capabilities.transcoded:
        return not_here("picture-encoder", "The camera encodes its pictures itself.", NAME_OWN)
    own: Any = getattr(source, "encoder", None)
    kind = "the chip's encoder" if type(own).__name__ == "HardEncoder" else "the processor (x264)"
    text = f"Pictures are encoded by {kind}; taking and encoding them costs {share:.0%} of one core."
    return measured("picture-encoder", text, encoder=kind, core_percent=round(100 * share, 1))


def _memory(process: Path) -> Measure:
    rows = (line.split() for line in (process / "smaps_rollup").read_text("ascii").splitlines())
    kilobytes = next((int(row[1]) for row in rows if row[0] == "Pss:"), 0)
    text = f"While the camera is open, this program takes {kilobytes / 1000:.0f} MB (PSS)."
    return measured("memory-open", text, megabytes=round(kilobytes / 1000, 1))


def _delay(seen: list[Arrival], scheme: str) -> Measure:
    if scheme in NOT_ENCODED_HERE or len(seen) < KEYFRAME_PICTURES:
        return not_here("delay", "How old its pictures are when they come, this camera does not say.", NAME_OWN)
    ages = sorted(one.age * 1000 for one in seen)
    middle, late = statistics.median(ages), ages[int(len(ages) * 0.95)]
    gap = max((after.at - before.at for before, after in itertools.pairwise(seen)), default=0.0) * 1000
    text = (
        f"A picture is {middle:.0f} ms old once encoded (19 of 20: {late:.0f} ms); the longest pause was {gap:.0f} ms."
    )
    return measured("delay", text, median_ms=round(middle, 1), p95_ms=round(late, 1), longest_pause_ms=round(gap, 1))


def _keyframe(source: VideoSource, witness: Witness) -> Measure:
    """Asks right after a keyframe came by itself, so that the next of those cannot be taken for the answer."""
    if not source.capabilities.askable:
        text = "This camera takes no requests: the pictures since its last one are kept."
        remedy = "Let the camera send a keyframe every second or two: its own page calls that I-frame interval, or GOP."
        return not_here("keyframes", text, remedy)
    patience = witness.patience()
    gap = _own_interval(witness, 2 * patience)
    if gap < 2 * patience:
        text = f"They come by themselves every {gap:.1f} s, too often to tell."
        return not_here("keyframes", text, "Try again with more pictures a second, where the camera has them.")
    asked_at = time.monotonic()
    source.request_keyframe()
    if not witness.next_keyframe(patience):
        return failed("keyframes", "A keyframe was asked for, and none came in time.", LOOK_AT_LOG)
    after = (witness.keyframes[-1] - asked_at) * 1000
    later = next((place for place, one in enumerate(witness.since(asked_at), 1) if one.keyframe), 0)
    text = f"one comes when it is asked for: picture {later}, after {after:.0f} ms"
    return measured("keyframes", text, after_ms=round(after), after_pictures=later)


def _own_interval(witness: Witness, enough: float) -> float:
    """Seconds between keyframes that nobody asked for, just after one of them came; in the beginning an encoder may make
    some more while it finds its rate. `enough`: no longer one is looked for."""
    gap, longest = 0.0, max(LONGEST_INTERVAL_SECONDS, enough)
    for _ in range(TRIES):
        if not witness.next_keyframe(longest):
            return longest
        gap = witness.keyframes[-1] - witness.keyframes[-2]
        if gap >= enough:
            break
    return gap


def _bitrate(source: VideoSource, witness: Witness) -> Measure:
    if not source.capabilities.adjustable:
        return not_here("bitrate", "This camera sends as much as it likes.", "Set its bit rate on its own page.")
    usual = _rate(witness, lambda: None)
    asked = round(usual * LOW_SHARE)
    low = _rate(witness, lambda: source.set_bitrate(asked))
    again = _rate(witness, lambda: source.set_bitrate(round(usual)))
    figures = {"before_bits": round(usual), "asked_bits": asked, "low_bits": round(low), "again_bits": round(again)}
    text = f"Asked for {asked / 1000:.0f} kbit/s instead of {usual / 1000:.0f}, it sends {low / 1000:.0f}"
    if low > usual * FOLLOWED_SHARE:
        return failed("bitrate", f"{text}: it does not follow.", "Point the camera at something that moves.", **figures)
    return measured("bitrate", f"{text}, and {again / 1000:.0f} when asked for that again.", **figures)


def _rate(witness: Witness, change: Callable[[], None]) -> float:
    """From one keyframe to another, where they come often enough: each is ten times a common picture, and one more or less
    of them would hide what is asked about."""
    change()
    time.sleep(SETTLE_SECONDS)
    begin = end = witness.keyframes[-1] if witness.next_keyframe(LONGEST_INTERVAL_SECONDS) else time.monotonic()
    while end - begin < WATCH_SECONDS and witness.next_keyframe(LONGEST_INTERVAL_SECONDS):
        end = witness.keyframes[-1]
    return witness.bitrate(begin, end if end > begin else time.monotonic())


def _small(source: VideoSource) -> Measure:
    small = source.small if isinstance(source, HasSmall) else None
    if small is None:
        remedy = "Ask for it in the camera's address, where it has one: camera:?small=640x360"
        return not_here("small-pictures", "There is no small rendition.", remedy)
    witness = Witness()
    small.start(witness.emit, witness.report)
    try:
        if not witness.news.wait(FIRST_PICTURE_SECONDS) or witness.trouble:
            return failed("small-pictures", witness.trouble or "The camera gave no picture in time.", LOOK_AT_LOG)
        time.sleep(WATCH_SECONDS)
        text, figures = witness.summary()
        return measured("small-pictures", f"{text}, beside the large ones", **figures)
    finally:
        small.stop()
