"""The button and the light on the header's pins, by gpiozero, and the threads that drive them."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any

from pi_cam.control.light import Sign, lit
from pi_cam.control.presses import Press, Presses
from pi_cam.errors import MissingPart, PiCamError

log = logging.getLogger(__name__)

STOP_SECONDS = 1.0
GLANCE_SECONDS = 0.5
"""So soon the light follows what changed."""

FAILED = "It failed the last time: the log says how."


class Button:
    """A `Subsystem`. `pin`: as `gpio_lines.place_of`, between which and ground the button is; "" for none. `act` is called
    in its own thread, and whatever it raises is logged."""

    def __init__(self, pin: str, act: Callable[[Press], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._pin = pin
        self._act = act
        self._clock = clock
        self._edges: queue.SimpleQueue[tuple[bool, float] | None] = queue.SimpleQueue()
        self._device: Any = None
        self._thread: threading.Thread | None = None
        self._trouble: str | None = None

    def start(self) -> None:
        """A pin that cannot be used is said, and keeps the camera from nothing."""
        if not self._pin:
            return
        self._device, self._trouble = _opened("DigitalInputDevice", self._pin, pull_up=True, bounce_time=None)
        if self._device is None:
            return
        self._edge(bool(self._device.value))
        self._device.when_activated = lambda: self._edge(True)
        self._device.when_deactivated = lambda: self._edge(False)
        self._thread = threading.Thread(target=self._run, name="button", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Gives the pin back."""
        device, self._device = self._device, None
        if device is not None:
            device.close()
        self._edges.put(None)
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    def state(self) -> dict[str, object]:
        """`trouble`: why there is no button, or what became of the last press, when that is for nobody to expect."""
        return {"pin": self._pin, "trouble": self._trouble}

    def _edge(self, closed: bool) -> None:
        self._edges.put((closed, self._clock()))

    def _run(self) -> None:
        presses = Presses()
        while True:
            with suppress(queue.Empty):
                edge = self._edges.get(timeout=presses.wait(self._clock()))
                if edge is None:
                    return
                presses.edge(*edge)
            press = presses.look(self._clock())
            if press is not None:
                self._do(press)

    def _do(self, press: Press) -> None:
        try:
            self._act(press)
            self._trouble = None
        except PiCamError as error:
            log.warning("the button did nothing", extra={"press": press, "trouble": str(error)})
        except Exception:  # the edge of a thread: whatever became of this press, the next may be for privacy
            self._trouble = FAILED
            log.exception("the button failed", extra={"press": press})


class Light:
    """A `Subsystem`. `pin` as for `Button`, with a lamp between it and ground; `sign()` is asked twice a second, and what it
    raises as a `PiCamError` is a fault."""

    def __init__(self, pin: str, sign: Callable[[], Sign], clock: Callable[[], float] = time.monotonic) -> None:
        self._pin = pin
        self._sign = sign
        self._clock = clock
        self._ended = threading.Event()
        self._device: Any = None
        self._thread: threading.Thread | None = None
        self._trouble: str | None = None

    def start(self) -> None:
        """As `Button.start`."""
        if not self._pin:
            return
        self._device, self._trouble = _opened("DigitalOutputDevice", self._pin)
        if self._device is None:
            return
        self._thread = threading.Thread(target=self._run, name="light", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Dark, and the pin is given back."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)
        device, self._device = self._device, None
        if device is not None:
            device.close()

    def state(self) -> dict[str, object]:
        """`trouble`: why there is no light, or what keeps it from changing."""
        return {"pin": self._pin, "trouble": self._trouble}

    def _run(self) -> None:
        shown: Sign | None = None
        since = 0.0
        while not self._ended.is_set():
            sign, now = self._asked(), self._clock()
            if sign != shown:
                shown, since = sign, now
            is_lit, left = lit(shown, now - since)
            self._show(is_lit)
            self._ended.wait(min(left, GLANCE_SECONDS))

    def _show(self, is_lit: bool) -> None:
        try:
            self._device.value = is_lit
            self._trouble = None
        except Exception:  # the edge of a thread: gpiozero and the kernel raise what they like, and may get over it
            if self._trouble is None:
                log.exception("the light failed")
            self._trouble = FAILED

    def _asked(self) -> Sign:
        try:
            return self._sign()
        except PiCamError:  # whoever would know does not answer
            return "fault"
        except Exception:  # an edge, as above
            log.exception("the light cannot tell")
            return "fault"


@contextmanager
def contact(pin: str) -> Iterator[Callable[[], bool] | None]:
    """What says whether the button on `pin` is closed, until the end of the block; None: there is no such pin."""
    device, _ = _opened("InputDevice", pin, pull_up=True)
    try:
        yield None if device is None else lambda: bool(device.value)
    finally:
        if device is not None:
            device.close()


def _opened(kind: str, pin: str, **options: object) -> tuple[Any, str | None]:
    """The device, or what is wrong, which is logged."""
    try:
        return _device(kind, pin, **options), None
    except MissingPart as error:
        log.warning("a pin cannot be used", extra={"pin": pin, "trouble": str(error)})
        return None, str(error)


def _device(kind: str, pin: str, **options: object) -> Any:
    """Raises `MissingPart` where there is no such pin, or no library for it."""
    try:
        import gpiozero
    except ImportError as error:
        raise MissingPart("The button and the light need gpiozero: sudo apt install python3-gpiozero.") from error
    try:
        factory = gpiozero.Device.pin_factory or _factory()
        return getattr(gpiozero, kind)(pin, pin_factory=factory, **options)
    except (gpiozero.GPIOZeroError, OSError) as error:
        log.info("gpiozero says no", extra={"pin": pin, "said": f"{type(error).__name__}: {error}"})
        raise MissingPart(
            f"The pin {pin} cannot be used: there is none of this name, or something else has it."
        ) from error


@cache
def _factory() -> Any:
    from pi_cam.control.gpio_factory import LineFactory

    return LineFactory()
