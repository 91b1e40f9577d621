"""The button and the light on a Raspberry Pi's header: a person presses and looks."""

from __future__ import annotations

import os
import queue

import pytest

from pi_cam.control.light import PATTERNS, Sign
from pi_cam.control.pins import Button, Light

pytestmark = pytest.mark.hardware

BUTTON_PIN = os.environ.get("PI_CAM_BUTTON_PIN", "GPIO17")
LIGHT_PIN = os.environ.get("PI_CAM_LIGHT_PIN", "GPIO27")
PERSON_SECONDS = 30.0
LOOK_SECONDS = 4.0


def ask(capsys: pytest.CaptureFixture[str], sentence: str) -> None:
    with capsys.disabled():
        print(f"\n{sentence}")  # noqa: T201 - the person reads this


@pytest.mark.timeout(2 * PERSON_SECONDS + 10)
def test_a_short_press_and_a_long_one(capsys: pytest.CaptureFixture[str]) -> None:
    presses: queue.SimpleQueue[str] = queue.SimpleQueue()
    button = Button(BUTTON_PIN, presses.put)
    button.start()
    try:
        assert button.state()["trouble"] is None
        ask(capsys, f"Press the button on {BUTTON_PIN} shortly, once.")
        assert presses.get(timeout=PERSON_SECONDS) == "short"
        ask(capsys, "Now hold it for four seconds.")
        assert presses.get(timeout=PERSON_SECONDS) == "long"
        assert presses.empty(), "the contact bounced through"
    finally:
        button.stop()


@pytest.mark.timeout(LOOK_SECONDS * len(PATTERNS) + 30)
def test_every_sign_of_the_light(capsys: pytest.CaptureFixture[str]) -> None:
    signs: list[Sign] = ["off"]
    light = Light(LIGHT_PIN, lambda: signs[0])
    light.start()
    try:
        assert light.state()["trouble"] is None
        for sign in PATTERNS:
            ask(capsys, f"Look at the light on {LIGHT_PIN} for {LOOK_SECONDS:.0f} s: {sign}.")
            signs[0] = sign
            light._ended.wait(LOOK_SECONDS)
    finally:
        light.stop()
