"""`pi-cam doctor --full`: opens the camera, watches it for some seconds, and says what came."""

from __future__ import annotations

import threading
import time

from pi_cam.capture.source import VideoSource, open_source
from pi_cam.control.findings import Finding
from pi_cam.errors import PiCamError, SourceError
from pi_cam.media.units import AccessUnit, AudioPacket
from pi_cam.meter import StreamMeter

FIRST_PICTURE_SECONDS = 10.0
WATCH_SECONDS = 3.0
KEYFRAME_SECONDS = 1.0
KEYFRAME_PICTURES = 3
"""A source may let so many pictures pass before the one that was asked for (capture.source)."""

LONGEST_INTERVAL_SECONDS = 5.0
TRIES = 3

CHECK_CAMERA = "Look whether the camera is on, and whether its address, name and password are right; then try again."


def try_camera(address: str) -> list[Finding]:
    """Two lines: the pictures, and whether a keyframe comes when it is asked for. Takes up to fifteen seconds, and more
    where a camera sends few pictures."""
    try:
        source = open_source(address, by_operator=True)
        witness = Witness()
        source.start(witness.emit, witness.report)
        try:
            return _watch(source, witness)
        finally:
            source.stop()
    except PiCamError as error:
        return [Finding("pictures", "missing", str(error), CHECK_CAMERA)]


class Witness:
    """Takes what a source emits, from its threads."""

    def __init__(self, meter: StreamMeter | None = None) -> None:
        self.trouble: str | None = None
        self.news = threading.Event()
        self.keyframes: list[float] = []
        self._meter = meter or StreamMeter()
        self._keyframe = threading.Condition()

    def emit(self, unit: AccessUnit | AudioPacket) -> None:
        """A picture, or sound, which is not looked at."""
        if isinstance(unit, AudioPacket):
            return
        with self._keyframe:
            self._meter.count(unit)
            if unit.keyframe:
                self.keyframes.append(time.monotonic())
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

    def summary(self) -> str:
        """What flows."""
        with self._keyframe:
            size, fps, bitrate = self._meter.parameters, self._meter.fps(), self._meter.bitrate()
        shape = f"H.264 {size.width}x{size.height}" if size else "H.264"
        return f"{shape}, {fps or 0:g} pictures a second, {(bitrate or 0) / 1e6:.1f} Mbit/s"


def _watch(source: VideoSource, witness: Witness) -> list[Finding]:
    began = time.monotonic()
    if not witness.news.wait(FIRST_PICTURE_SECONDS) or witness.trouble:
        text = witness.trouble or "The camera gave no picture in time."
        return [Finding("pictures", "missing", text, CHECK_CAMERA)]
    after = time.monotonic() - began
    time.sleep(WATCH_SECONDS)
    text = f"{witness.summary()}, the first after {after:.1f} s"
    if source.capabilities.transcoded:
        text += "; encoded here, since browsers cannot show what the camera sends"
    return [Finding("pictures", "ok", text), _keyframe(source, witness)]


def _keyframe(source: VideoSource, witness: Witness) -> Finding:
    """Asks right after a keyframe came by itself, so that the next of those cannot be taken for the answer."""
    if not source.capabilities.askable:
        text = "This camera takes no requests: the pictures since its last one are kept."
        remedy = "Let the camera send a keyframe every second or two: its own page calls that I-frame interval, or GOP."
        return Finding("keyframes", "optional", text, remedy)
    patience = witness.patience()
    gap = _own_interval(witness, 2 * patience)
    if gap < 2 * patience:
        text = f"They come by themselves every {gap:.1f} s, too often to tell."
        return Finding(
            "keyframes", "optional", text, "Try again with more pictures a second, where the camera has them."
        )
    source.request_keyframe()
    if not witness.next_keyframe(patience):
        text, remedy = "A keyframe was asked for, and none came in time.", "Start pi-cam again, and look at its log."
        return Finding("keyframes", "missing", text, remedy)
    return Finding("keyframes", "ok", "one comes when it is asked for")


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
