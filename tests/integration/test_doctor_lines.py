"""What goes wrong in one look hides no other, hangs nobody, and reaches no terminal."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pi_cam.control import doctor as lines_of
from pi_cam.control.doctor import Checkup, tried
from pi_cam.control.findings import Finding, Place
from pi_cam.control.patience import NoAnswer, Patient
from pi_cam.errors import NotReady
from tests.looking import doctor, looked_at, module, only
from tests.server import serving

OK = [Finding("x", "ok", "fine")]


def test_what_cannot_be_looked_at_is_said_and_hides_nothing_else(place: Place) -> None:
    before = looked_at(place)
    (place.root / "proc/meminfo").unlink()
    said = "This could not be looked at: No such file or directory."
    assert only("memory", before, looked_at(place))[0]["text"] == said


class OfALibrary(Exception):
    """Not one of ours."""


def test_whatever_a_library_raises_is_a_line(place: Place) -> None:
    def probe(_: Place) -> list[Finding]:
        raise OfALibrary

    (found,) = tried("sound", probe, place)
    assert (found.name, found.level, found.text) == ("sound", "missing", "This could not be looked at: OfALibrary.")
    assert found.remedy


@pytest.mark.parametrize(
    ("library", "text", "line"),
    [
        ("av", "raise RuntimeError('no such instruction')", "encoder"),
        ("picamera2", "class Picamera2: pass", "camera"),
        ("sounddevice", "def query_devices(): return [{}]\nclass PortAudioError(Exception): pass", "sound"),
    ],
)
def test_the_command_goes_on_after_it(tmp_path: Path, data: Path, library: str, text: str, line: str) -> None:
    lines = doctor(data, environment=module(tmp_path, library, text))
    assert lines[line][0]["text"].startswith("This could not be looked at: ")
    assert "database" in lines


def test_a_probe_that_hangs_is_given_up_and_not_begun_again(place: Place) -> None:
    go_on, begun = threading.Event(), []

    def probe(_: Place) -> list[Finding]:
        begun.append(1)
        go_on.wait(10)
        return OK

    patient = Patient(probe, seconds=0.05)
    for _ in range(3):
        (found,) = tried("camera", patient, place)
        assert (found.level, found.text) == ("missing", "This did not answer within 0.05 seconds.")
    assert len(begun) == 1
    go_on.set()
    while begun == [1]:
        if tried("camera", patient, place) == OK:
            break
    assert tried("camera", patient, place) == OK


def test_what_a_probe_raises_reaches_the_one_that_asked(place: Place) -> None:
    def probe(_: Place) -> list[Finding]:
        raise OfALibrary

    with pytest.raises(OfALibrary):
        Patient(probe)(place)
    with pytest.raises(NoAnswer):
        Patient(lambda _: (threading.Event().wait(0.5) and []) or [], seconds=0)(place)


def test_every_probe_of_anothers_library_has_a_limit() -> None:
    limited = {name for name, probe in lines_of.PROBES if isinstance(probe, Patient)}
    assert limited == {"camera", "encoder", "webrtc", "sound", "tunnel"}


def test_the_running_device_looks_once_in_five_seconds() -> None:
    looks, clock = [], [0.0]

    def look() -> list[Finding]:
        looks.append(clock[0])
        return [Finding("x", "ok", str(len(looks)))]

    checkup = Checkup(look, lambda: clock[0])
    for second in (0.0, 1.0, 4.9, 5.0, 9.9, 10.1):
        clock[0] = second
        checkup.findings()
    assert looks == [0.0, 5.0, 10.1]


def test_of_many_who_ask_one_looks_and_one_waits() -> None:
    go_on, looking, looks = threading.Event(), threading.Event(), []

    def look() -> list[Finding]:
        looks.append(1)
        looking.set()
        go_on.wait(10)
        return OK

    checkup = Checkup(look)
    with ThreadPoolExecutor(4) as askers:
        first = askers.submit(checkup.findings)
        assert looking.wait(5)
        second = askers.submit(checkup.findings)
        while checkup._askers._value:
            time.sleep(0.001)
        with pytest.raises(NotReady):
            checkup.findings()
        go_on.set()
        assert first.result(5) == second.result(5) == OK
    assert len(looks) == 1


def test_who_does_not_wait_gets_what_was_found_a_moment_ago() -> None:
    clock, go_on, looking = [0.0], threading.Event(), threading.Event()

    def look() -> list[Finding]:
        if clock[0]:
            looking.set()
            go_on.wait(10)
        return [Finding("x", "ok", str(clock[0]))]

    checkup = Checkup(look, lambda: clock[0])
    checkup.findings()
    with ThreadPoolExecutor(2) as askers:
        clock[0] = 10.0
        waiting = [askers.submit(checkup.findings) for _ in range(2)]
        assert looking.wait(5)
        while checkup._askers._value:
            time.sleep(0.001)
        assert checkup.findings() == [Finding("x", "ok", "0.0")]
        clock[0] = 20.0
        with pytest.raises(NotReady):
            checkup.findings()
        go_on.set()
        assert all(one.result(5) for one in waiting)


def test_a_look_that_fails_keeps_no_place() -> None:
    answers: list[Callable[[], list[Finding]]] = [lambda: OK, *[lambda: 1 / 0] * 5]  # type: ignore[list-item]  # it raises

    checkup = Checkup(lambda: answers.pop()())
    for _ in range(5):
        with pytest.raises(ZeroDivisionError):
            checkup.findings()
    assert checkup.findings() == OK


HANGS = """import time
class Picamera2:
    @staticmethod
    def global_camera_info(): time.sleep(20)
"""


def test_a_camera_that_hangs_holds_up_nobody_else(tmp_path: Path) -> None:
    environment = module(tmp_path, "picamera2", HANGS)
    with serving(tmp_path / "data", "synthetic:", owner=True, environment=environment) as server:
        token = server.token("configure")

        def ask(_: int) -> int:
            return server.request("GET", "/api/v1/system/doctor", token=token).status

        with ThreadPoolExecutor(150) as askers:
            asked = [askers.submit(ask, number) for number in range(150)]
            time.sleep(1)
            began = time.monotonic()
            assert server.request("GET", "/healthz").status == 200
            assert time.monotonic() - began < 3
            answers = [one.result(30) for one in asked]
        assert set(answers) == {200, 503}
        busy = server.request("GET", "/api/v1/system/doctor", token=token)
        found = {one["name"]: one["text"] for one in busy.json()["findings"]}
    assert found["camera"] == "This did not answer within 8 seconds."


def test_nothing_that_a_file_says_steers_the_terminal() -> None:
    line = str(Finding("settings", "optional", "has \x1b[2J\r\u202ered", "é → \x07"))
    assert line == f"optional settings: has \\x1b[2J\\r\\u202ered\n{'':8} → é → \\x07"
