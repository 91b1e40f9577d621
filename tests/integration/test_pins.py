"""The button and the light through gpiozero itself, on its own simulated pins."""

from __future__ import annotations

import builtins
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import gpiozero
import pytest
from gpiozero.pins.mock import MockFactory

from pi_cam.control.light import PATTERNS, Sign, lit
from pi_cam.control.pins import FAILED, Button, Light
from pi_cam.control.presses import BOUNCE_SECONDS, LONG_SECONDS
from pi_cam.errors import CameraPrivate, NotReady
from tests.unit.clock import Clock


@pytest.fixture
def pins(monkeypatch: pytest.MonkeyPatch) -> Iterator[MockFactory]:
    factory = MockFactory()
    monkeypatch.setattr(gpiozero.Device, "pin_factory", factory)
    yield factory
    factory.close()


class Acts:
    """What was done, and a way to wait for it."""

    def __init__(self, error: Exception | None = None) -> None:
        self.done: list[str] = []
        self.came = threading.Event()
        self._error = error

    def __call__(self, press: str) -> None:
        self.done.append(press)
        self.came.set()
        if self._error is not None:
            raise self._error

    def wait(self) -> None:
        assert self.came.wait(5)
        self.came.clear()


def eventually(true: Callable[[], bool]) -> None:
    pause = threading.Event()
    deadline = time.monotonic() + 5
    while not true():
        assert time.monotonic() < deadline
        pause.wait(0.01)


def test_a_press_on_the_pin(pins: MockFactory) -> None:
    acts = Acts(CameraPrivate())  # what it cannot do ends nothing
    button = Button("GPIO17", acts)
    button.start()
    pin = pins.pin("GPIO17")
    assert pin.pull == "up"
    for _ in range(2):
        eventually(lambda: button._edges.empty())
        threading.Event().wait(2 * BOUNCE_SECONDS)
        pin.drive_low()
        threading.Event().wait(3 * BOUNCE_SECONDS)
        pin.drive_high()
        acts.wait()
    assert acts.done == ["short", "short"]
    button.stop()
    pin.drive_low()
    assert "button" not in {thread.name for thread in threading.enumerate()}
    assert button.state() == {"pin": "GPIO17", "trouble": None}


def test_whatever_a_press_raises_the_next_one_counts(pins: MockFactory) -> None:
    """A long press is hard privacy: its thread must outlive whatever else fails."""
    acts = Acts(TimeoutError("nobody translated it"))
    button = Button("GPIO17", acts)
    button.start()
    pin = pins.pin("GPIO17")
    for _ in range(2):
        eventually(lambda: button._edges.empty())
        threading.Event().wait(2 * BOUNCE_SECONDS)
        pin.drive_low()
        threading.Event().wait(3 * BOUNCE_SECONDS)
        pin.drive_high()
        acts.wait()
        eventually(lambda: button.state()["trouble"] == FAILED)
    assert acts.done == ["short", "short"]
    button.stop()


def test_a_light_that_fails_for_a_while_goes_on(pins: MockFactory) -> None:
    asked = 0

    def sign() -> Sign:
        nonlocal asked
        asked += 1
        if asked == 2:
            raise OSError(5, "Input/output error")
        return "talking" if asked > 2 else "ready"

    light = Light("GPIO18", sign)
    light.start()
    eventually(lambda: asked > 3)
    assert light.state()["trouble"] is None
    light._device.close()  # the pin is gone
    eventually(lambda: light.state()["trouble"] == FAILED)
    before = asked
    eventually(lambda: asked > before)
    light.stop()


def test_a_long_press_on_the_pin(pins: MockFactory) -> None:
    clock, acts = Clock(), Acts()
    button = Button("GPIO17", acts, clock)
    button.start()
    pin = pins.pin("GPIO17")
    eventually(lambda: button._edges.empty())
    clock.now += 2 * BOUNCE_SECONDS
    threading.Event().wait(2 * BOUNCE_SECONDS)
    pin.drive_low()
    eventually(lambda: button._edges.empty())
    clock.now += 2 * BOUNCE_SECONDS
    threading.Event().wait(3 * BOUNCE_SECONDS)
    clock.now += LONG_SECONDS
    pin.drive_high()  # it counts as soon as it is looked at, and not by its end
    acts.wait()
    assert acts.done == ["long"]
    button.stop()


@pytest.mark.parametrize("thing", [Button, Light])
def test_without_a_pin_there_is_nothing(thing: Any) -> None:
    nothing = thing("", lambda *_: pytest.fail("asked"))
    nothing.start()
    assert nothing.state() == {"pin": "", "trouble": None}
    nothing.stop()


@pytest.mark.parametrize("thing", [Button, Light])
def test_a_pin_that_something_else_has(pins: MockFactory, thing: Any) -> None:
    with gpiozero.DigitalOutputDevice("GPIO17"):
        refused = thing("GPIO17", lambda *_: "off")
        refused.start()
        said = "The pin GPIO17 cannot be used: there is none of this name, or something else has it."
        assert refused.state()["trouble"] == said
        refused.stop()


def test_a_machine_without_pins(monkeypatch: pytest.MonkeyPatch) -> None:
    """A PC: gpiozero is there, and finds none."""
    monkeypatch.setattr(gpiozero.Device, "pin_factory", None)
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "nonsense")
    button = Button("GPIO17", Acts())
    button.start()
    assert "cannot be used" in str(button.state()["trouble"])
    button.stop()


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    load = builtins.__import__

    def missing(name: str, *rest: Any) -> Any:
        if name == "gpiozero":
            raise ImportError(name)
        return load(name, *rest)

    monkeypatch.setattr(builtins, "__import__", missing)
    light = Light("GPIO27", lambda: "off")
    light.start()
    assert "sudo apt install python3-gpiozero" in str(light.state()["trouble"])
    light.stop()


def test_the_light_follows_and_is_dark_in_the_end(pins: MockFactory) -> None:
    signs: list[Sign | None] = ["watched"]

    def sign() -> Sign:
        if signs[0] is None:
            raise NotReady("too busy")
        return signs[0]

    light = Light("GPIO27", sign)
    light.start()
    pin = pins.pin("GPIO27")
    eventually(lambda: pin.state == 1)
    signs[0] = "off"
    eventually(lambda: pin.state == 0)
    signs[0] = None
    eventually(lambda: pin.state == 1)  # a fault begins lit
    light.stop()
    assert "light" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize("sign", list(PATTERNS))
def test_patterns(sign: Sign) -> None:
    seconds, seen = 0.0, []
    while seconds < 10:
        is_lit, left = lit(sign, seconds)
        assert left > 0
        seen.append((round(seconds, 2), is_lit))
        seconds += left
    expected = {
        "off": [False],
        "ready": [True, False] * 2,
        "watched": [True],
        "privacy": [True, False, True, False] * 4,
        "talking": [True, False] * 20,
        "fault": [True, False] * 5,
        "reset": [True, False] * 100,
    }[sign]
    assert [is_lit for _, is_lit in seen][: len(expected)] == expected


def test_no_two_signs_look_alike() -> None:
    looks = {sign: tuple(lit(sign, n / 20)[0] for n in range(80)) for sign in PATTERNS}
    assert len(set(looks.values())) == len(PATTERNS)
