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
LONGEST_INTERVAL_SECONDS = 5.0
TRIES = 3


def try_camera(address: str) -> list[Finding]:
    """Two lines: the pictures, and whether a keyframe comes when it is asked for. Takes up to fifteen seconds."""
    try:
        source = open_source(address, by_operator=True)
        witness = _Witness()
        source.start(witness.emit, witness.report)
        try:
            return _watch(source, witness)
        finally:
            source.stop()
    except PiCamError as error:
        return [Finding("pictures", "missing", str(error))]


class _Witness:
    """Takes what a source emits, from its threads."""

    def __init__(self) -> None:
        self.trouble: str | None = None
        self.news = threading.Event()
        self.keyframes: list[float] = []
        self._meter = StreamMeter()
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

    def summary(self) -> str:
        """What flows."""
        with self._keyframe:
            size, fps, bitrate = self._meter.parameters, self._meter.fps(), self._meter.bitrate()
        shape = f"H.264 {size.width}x{size.height}" if size else "H.264"
        return f"{shape}, {fps or 0:g} pictures a second, {(bitrate or 0) / 1e6:.1f} Mbit/s"


def _watch(source: VideoSource, witness: _Witness) -> list[Finding]:
    began = time.monotonic()
    if not witness.news.wait(FIRST_PICTURE_SECONDS) or witness.trouble:
        return [Finding("pictures", "missing", witness.trouble or "The camera gave no picture in time.")]
    after = time.monotonic() - began
    time.sleep(WATCH_SECONDS)
    text = f"{witness.summary()}, the first after {after:.1f} s"
    if source.capabilities.transcoded:
        text += "; encoded here, since browsers cannot show what the camera sends"
    return [Finding("pictures", "ok", text), _keyframe(source, witness)]


def _keyframe(source: VideoSource, witness: _Witness) -> Finding:
    """Asks right after a keyframe came by itself, so that the next of those cannot be taken for the answer."""
    if not source.capabilities.askable:
        return Finding(
            "keyframes", "optional", "This camera takes no requests: the pictures since its last one are kept."
        )
    gap = _own_interval(witness)
    if gap < 2 * KEYFRAME_SECONDS:
        return Finding("keyframes", "optional", f"They come by themselves every {gap:.1f} s, too often to tell.")
    source.request_keyframe()
    if not witness.next_keyframe(KEYFRAME_SECONDS):
        return Finding("keyframes", "missing", "A keyframe was asked for, and none came in time.")
    return Finding("keyframes", "ok", "one comes when it is asked for")


def _own_interval(witness: _Witness) -> float:
    """Seconds between keyframes that nobody asked for, just after one of them came; in the beginning an encoder may make
    some more while it finds its rate."""
    gap = 0.0
    for _ in range(TRIES):
        if not witness.next_keyframe(LONGEST_INTERVAL_SECONDS):
            return LONGEST_INTERVAL_SECONDS
        gap = witness.keyframes[-1] - witness.keyframes[-2]
        if gap >= 2 * KEYFRAME_SECONDS:
            break
    return gap
