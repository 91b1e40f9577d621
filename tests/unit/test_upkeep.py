"""A device is tried again, ever less often; each trouble is told once; stopping never hangs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from pi_cam.audio import upkeep as upkeep_module
from pi_cam.audio.troubles import absent, busy
from pi_cam.audio.upkeep import Upkeep, Wait
from pi_cam.errors import PiCamError


class Pauses:
    """Waits no time, and ends after so many pauses."""

    def __init__(self, most: int) -> None:
        self.taken: list[float] = []
        self._most = most

    def __call__(self, seconds: float) -> bool:
        if seconds:
            self.taken.append(seconds)
        return len(self.taken) >= self._most


def kept(session: Callable[[Upkeep], None], pauses: int) -> tuple[list[float], list[str | None]]:
    told: list[str | None] = []
    upkeep: Upkeep

    def report(trouble: PiCamError | None) -> None:
        told.append(None if trouble is None else str(trouble))

    upkeep = Upkeep("input", lambda ended: session(upkeep), report)
    waiting = Pauses(pauses)
    upkeep.run(waiting)
    return waiting.taken, told


def raising(*errors: Exception) -> Callable[[Upkeep], None]:
    left: Iterator[Exception] = iter(errors)

    def session(_: Upkeep) -> None:
        raise next(left)

    return session


def test_pauses_grow_to_half_a_minute_and_the_same_trouble_is_told_once() -> None:
    pauses, told = kept(raising(*[absent("input")] * 7), 7)
    assert pauses == [1, 2, 4, 8, 16, 30, 30]
    assert told == ["No microphone is connected."]


def test_what_a_library_said_is_in_the_log_once(caplog: pytest.LogCaptureFixture) -> None:
    trouble = absent("input")
    trouble.__cause__ = OSError("its own words")
    kept(raising(*[trouble] * 3), 3)
    (line,) = caplog.records
    assert vars(line)["cause"] == "its own words"
    assert vars(line)["trouble"] == "No microphone is connected."


def test_nothing_is_wrong_with_a_device_that_is_not_wanted_any_more() -> None:
    told = threading.Semaphore(0)

    def session(_: Wait) -> None:
        raise absent("input")

    upkeep = Upkeep("input", session, lambda trouble: told.release())
    upkeep.start()
    assert told.acquire(timeout=5)
    assert upkeep.trouble == "No microphone is connected."
    upkeep.stop()
    assert upkeep.trouble is None


def test_another_trouble_is_told() -> None:
    _, told = kept(raising(absent("input"), busy("input"), absent("input")), 3)
    assert told == ["No microphone is connected.", "The microphone is in use by another program.", *told[:1]]


def test_sound_that_flows_ends_the_trouble_and_shortens_the_pause() -> None:
    sessions = iter([False, False, True, False])

    def session(upkeep: Upkeep) -> None:
        if next(sessions):
            upkeep.flowing()
            upkeep.flowing()
        raise absent("input")

    pauses, told = kept(session, 4)
    assert pauses == [1, 2, 1, 2]
    assert told == ["No microphone is connected.", None, "No microphone is connected."]


def test_sound_from_the_beginning_is_nothing_to_tell() -> None:
    def session(upkeep: Upkeep) -> None:
        upkeep.flowing()
        raise busy("input")

    assert kept(session, 1)[1] == ["The microphone is in use by another program."]


def test_a_session_that_made_way_is_called_again_at_once() -> None:
    ends = iter([None, None, absent("input")])

    def session(_: Upkeep) -> None:
        if (error := next(ends)) is not None:
            raise error

    assert kept(session, 1) == ([1], ["No microphone is connected."])


def test_a_fault_of_our_own_is_logged_and_does_not_end_the_thread(caplog: pytest.LogCaptureFixture) -> None:
    pauses, told = kept(raising(ZeroDivisionError("x"), ZeroDivisionError("y")), 2)
    assert pauses == [1, 2]
    assert told == ["The microphone was stopped by a fault of the program; its log says more."]
    assert "ZeroDivisionError" in caplog.text


def test_it_stops_at_once_starts_again_and_forgets_its_trouble() -> None:
    begun = threading.Semaphore(0)

    def session(ended: Wait) -> None:
        begun.release()
        ended(60)

    upkeep = Upkeep("output", session, lambda trouble: None)
    upkeep.stop()
    for _ in range(2):
        upkeep.start()
        upkeep.start()
        assert begun.acquire(timeout=5)
        upkeep.trouble = "x"
        upkeep.stop()
        upkeep.stop()
    assert not begun.acquire(blocking=False)
    upkeep.start()
    assert upkeep.trouble is None
    upkeep.stop()


def test_stopping_does_not_wait_for_a_driver_that_hangs(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(upkeep_module, "STOP_SECONDS", 0.01)
    hangs, told = threading.Event(), list[object]()
    begun = threading.Event()

    def session(ended: Wait) -> None:
        begun.set()
        hangs.wait()
        raise absent("input")

    upkeep = Upkeep("input", session, told.append)
    upkeep.start()
    assert begun.wait(5)
    began = time.monotonic()
    upkeep.stop()
    assert time.monotonic() - began < 1
    assert "does not let go" in caplog.text
    hangs.set()
    for thread in threading.enumerate():
        if thread.name == "microphone":
            thread.join(5)
    assert told == []  # whoever stopped it does not want to know


def test_it_may_be_stopped_from_its_own_thread() -> None:
    done = threading.Event()
    upkeep: Upkeep

    def session(ended: Wait) -> None:
        upkeep.stop()
        done.set()

    upkeep = Upkeep("input", session, lambda trouble: None)
    upkeep.start()
    assert done.wait(5)
