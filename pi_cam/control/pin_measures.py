"""The button and the light on their pins: a person presses, and looks."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator

from pi_cam.control.light import Sign
from pi_cam.control.measures import ASK, NOT_ASKED, Measure, Person, failed, measured, not_here
from pi_cam.control.pins import Button, Light
from pi_cam.control.presses import Press

PRESS_SECONDS = 20.0
LOOK_SECONDS = 3.0
NAME_PIN = "Name its pin in the settings, then try again."
CHECK_WIRES = "Look at the wires, and at the pin that the settings name: the button is between it and ground."
ASKED: tuple[tuple[Press, str], ...] = (
    ("short", "Press the button once, shortly."),
    ("long", "Now hold it for four seconds."),
)
SIGNS: tuple[Sign, ...] = ("watched", "privacy")


def button(pin: str, person: Person) -> Iterator[Measure]:
    """One line. `pin`: as the settings name it."""
    if not pin:
        yield not_here("button", "The settings name no pin with a button.", NAME_PIN)
        return
    presses: queue.SimpleQueue[Press] = queue.SimpleQueue()
    device = Button(pin, presses.put)
    device.start()
    try:
        trouble = device.state()["trouble"]
        if trouble:
            yield failed("button", str(trouble), CHECK_WIRES)
        elif not person.is_there:
            yield not_here("button", f"The pin can be read. {NOT_ASKED}", ASK)
        else:
            yield _pressed(presses, person)
    finally:
        device.stop()


def _pressed(presses: queue.SimpleQueue[Press], person: Person) -> Measure:
    for wanted, text in ASKED:
        person.tell(f"{text} ({PRESS_SECONDS:.0f} s)")
        try:
            came = presses.get(timeout=PRESS_SECONDS)
        except queue.Empty:
            return failed("button", f"Nobody pressed it within {PRESS_SECONDS:.0f} s.", CHECK_WIRES)
        if came != wanted:
            return failed("button", f"A {wanted} press was taken for a {came} one.", "Try again.")
    if not presses.empty():
        return failed(
            "button", "One press was taken for several.", "Try another button: the contact of this one is worn."
        )
    return measured("button", "A short press and a long one were told apart.", presses=len(ASKED))


def light(pin: str, person: Person) -> Iterator[Measure]:
    """One line."""
    if not pin:
        yield not_here("light", "The settings name no pin with a lamp.", NAME_PIN)
        return
    signs: list[Sign] = ["off"]
    device = Light(pin, lambda: signs[0])
    device.start()
    try:
        trouble = device.state()["trouble"]
        if trouble:
            yield failed("light", str(trouble), CHECK_WIRES)
        elif not person.is_there:
            yield not_here("light", f"The pin can be driven. {NOT_ASKED}", ASK)
        else:
            yield _looked(signs, person)
    finally:
        device.stop()


def _looked(signs: list[Sign], person: Person) -> Measure:
    person.tell("Look at the light: it is lit for some seconds, then it gives two flashes again and again.")
    for sign in SIGNS:
        signs[0] = sign
        time.sleep(LOOK_SECONDS)
    if not person.asked("Did it?"):
        return failed("light", "The light does not show what it is told to.", CHECK_WIRES)
    return measured("light", "The light shows what it is told to.", signs=len(SIGNS))
