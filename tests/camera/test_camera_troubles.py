"""The real picamera2 on the real libcamera, when something goes wrong: busy, unplugged, hanging, missing."""

from __future__ import annotations

import itertools
import subprocess
import threading
import time
from math import inf
from pathlib import Path
from typing import Any

import pytest

from pi_cam.capture import camera, camera_opening
from tests.camera import virtual_camera
from tests.camera.watcher import Watcher, descriptors, make, watching


def test_a_camera_in_use_is_said_and_costs_no_descriptors() -> None:
    with watching(make()) as first:
        first.wait_for_pictures(5)
        before = descriptors()
        with watching(make()) as second:
            second.wait(lambda: len(second.reports) >= 2)
            assert set(second.reports) == {camera_opening.BUSY}
        assert descriptors() <= before
        first.wait_for_pictures(5)


def test_a_camera_that_was_in_use_is_watched_once_it_is_free() -> None:
    source, other = make(), make()
    with watching(source) as first:
        first.wait_for_pictures(5)
        seen = Watcher()
        other.start(seen.emit, seen.report)
        seen.wait(lambda: seen.reports == [camera_opening.BUSY])
    try:
        seen.wait_for_pictures(5)
    finally:
        other.stop()
    assert seen.reports[-1] is None


def test_an_id_that_no_camera_has() -> None:
    with watching(make("camera:?id=Virtual9")) as seen:
        seen.wait(lambda: bool(seen.reports))
    assert seen.reports == ["No camera here has the Id 'Virtual9'; there are: Virtual1, Virtual0."]


def test_a_camera_that_stands_still_is_reported_and_opened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera, "SILENCE_SECONDS", 1.0)
    with watching(make()) as seen:
        seen.wait_for_pictures(10)
        virtual_camera.sensor_clock_runs.clear()
        try:
            seen.wait(lambda: camera.SILENT in seen.reports)
        finally:
            virtual_camera.sensor_clock_runs.set()
        before = len(seen.units)
        seen.wait(lambda: any(unit.keyframe for unit in seen.units[before:]))
        seen.wait_for_pictures(10)
    assert seen.reports[0] is seen.reports[-1] is None
    assert all(one.pts < other.pts for one, other in itertools.pairwise(seen.units))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_the_camera_thread_dies_and_the_camera_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it does for any exception in picamera2's event loop; `Picamera2.stop` would then wait for ever."""
    monkeypatch.setattr(camera, "SILENCE_SECONDS", 1.0)
    source = make()
    with watching(source) as seen:
        seen.wait_for_pictures(10)
        device: Any = source._device
        monkeypatch.setattr(device._camera, "pre_callback", lambda _: 1 / 0, raising=False)
        seen.wait(lambda: camera.SILENT in seen.reports)
        seen.wait_for_pictures(10)
        begun = time.monotonic()
    assert time.monotonic() - begun < 2


def test_a_subscriber_that_raises_does_not_kill_the_camera() -> None:
    source, seen = make(), Watcher()
    bad = itertools.cycle([True, False])

    def emit(unit: object) -> None:
        if next(bad):
            raise ValueError("not expected of an emit")
        seen.emit(unit)  # type: ignore[arg-type]

    source.start(emit, seen.report)
    try:
        seen.wait_for_pictures(10)
    finally:
        source.stop()


def test_stop_does_not_wait_for_a_driver_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    import libcamera

    release, hangs = libcamera.Camera.release, threading.Event()

    def hanging_release(one: object) -> None:
        hangs.wait(20)
        release(one)

    monkeypatch.setattr(libcamera.Camera, "release", hanging_release)
    source = make()
    with watching(source) as seen:
        seen.wait_for_pictures(5)
        begun = time.monotonic()
    assert 1 < time.monotonic() - begun < 2
    assert begun - 1 < source.beat() < time.monotonic() - 1, "a hanging driver's thread comes round no more"
    with watching(source) as again:
        again.wait(lambda: again.reports == [camera.STILL_CLOSING])
        hangs.set()
        assert again.wait_for_pictures(5)[0].keyframe
        assert source.beat() > time.monotonic() - 2
    assert again.reports == [camera.STILL_CLOSING, None]
    assert source.beat() == inf, "closed, it waits for nothing"


def test_without_picamera2_the_sentence_says_what_to_install() -> None:
    code = "from pi_cam.capture.source import open_source; open_source('camera:', by_operator=True)"
    system_python = Path("/usr/bin/python3")  # the root's own, outside of the virtual environment
    answer = subprocess.run([system_python, "-c", code], check=False, capture_output=True, text=True, timeout=60)
    assert "MissingPart: The camera needs picamera2: sudo apt install python3-picamera2" in answer.stderr
