"""The transcoder alone: it drops rather than lags, survives damage, and ends."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import cast

import av

from pi_cam.capture.timeline import Timeline
from pi_cam.capture.transcode import MAX_WAITING, UNDECODED_SECONDS, Transcoder, ticks_of, usual_bitrate
from pi_cam.errors import SourceUnsupported
from pi_cam.media.units import AccessUnit
from tests.clips import made, real_clip


class Slow:
    """Takes units, but the first only once it is let go."""

    def __init__(self) -> None:
        self.units: list[AccessUnit] = []
        self.came = threading.Semaphore(0)
        self.go_on = threading.Event()

    def emit(self, unit: AccessUnit) -> None:
        self.units.append(unit)
        self.came.release()
        assert self.go_on.wait(20)


def feed(path: Path, slow: Slow) -> tuple[Transcoder, int]:
    """Gives the transcoder the first picture, and all others while it is busy with that."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        transcoder = Transcoder(stream, Timeline(), slow.emit, 500_000)
        packets = [packet for packet in container.demux(stream) if packet.size]
        given = 0
        for packet in packets:
            transcoder.take(packet, ticks_of(packet), 100 + given / 25)
            given += 1
            if not slow.units and packet is packets[min(given, 4) - 1] and given >= 4:
                assert slow.came.acquire(timeout=20)
    return transcoder, given


def test_pictures_are_dropped_when_it_is_too_slow(tmp_path: Path) -> None:
    path = made(tmp_path / "a.avi", codec="mjpeg", options={}, width=160, height=120, seconds=2)
    slow = Slow()
    transcoder, given = feed(path, slow)
    assert transcoder.dropped >= given - 8
    slow.go_on.set()
    transcoder.close()
    assert len(slow.units) <= 8


def test_a_stream_of_dependent_pictures_is_taken_up_at_a_keyframe() -> None:
    slow = Slow()
    transcoder, given = feed(real_clip("bikes"), slow)
    assert given > 200
    assert transcoder.dropped > given - 3 * MAX_WAITING
    slow.go_on.set()
    transcoder.close()


def test_damage_is_survived() -> None:
    units: list[AccessUnit] = []
    enough = threading.Semaphore(0)

    def emit(unit: AccessUnit) -> None:
        units.append(unit)
        enough.release()

    with av.open(str(real_clip("bikes"))) as container:
        stream = container.streams.video[0]
        transcoder = Transcoder(stream, Timeline(), emit, None)
        transcoder.request_keyframe()
        transcoder.set_bitrate(300_000)
        for index, packet in enumerate(container.demux(stream)):
            if not packet.size or index > 120:
                break
            if index % 10 == 5:
                damaged = cast("av.Packet[av.VideoStream]", av.Packet(b"\xff" * packet.size))
                damaged.is_keyframe = packet.is_keyframe
                transcoder.take(damaged, ticks_of(packet), 100 + index / 25)
            else:
                transcoder.take(packet, ticks_of(packet), 100 + index / 25)
            if index > 5 and index % 10 != 5:
                enough.acquire(timeout=0.2)
    transcoder.close()
    transcoder.close()
    assert len(units) > 50
    assert units[0].keyframe


def test_the_usual_bitrate_fits_the_picture() -> None:
    assert usual_bitrate(1280, 720, 30) == 1_935_360
    assert usual_bitrate(160, 120, 5) == 300_000
    assert usual_bitrate(3840, 2160, 60) == 6_000_000


def test_pictures_of_which_none_can_be_decoded_are_told() -> None:
    with av.open(str(real_clip("bikes"))) as container:
        transcoder = Transcoder(container.streams.video[0], Timeline(), lambda unit: None, None)
    arrived, patience = 100.0, time.monotonic() + 20
    while transcoder.failure is None and time.monotonic() < patience:
        packet = cast("av.Packet[av.VideoStream]", av.Packet(b"\xff" * 100))
        packet.is_keyframe = True
        transcoder.take(packet, None, arrived)
        arrived += 1
    transcoder.close()
    assert isinstance(transcoder.failure, SourceUnsupported)
    assert arrived > 100 + UNDECODED_SECONDS
