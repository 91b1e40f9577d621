"""gpiozero's devices on the kernel's own lines, whatever the machine.

The factories that gpiozero brings first ask which Raspberry Pi this is, and refuse any other machine; and the library below
the usual one is not packaged for each of ours. Only this module and `pins` know gpiozero.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Any

from gpiozero import PinFixedPull, PinInvalidBounce, PinInvalidEdges, PinInvalidFunction, PinInvalidPin, PinSetInput
from gpiozero.pins import Factory, Pin, PinInfo

from pi_cam.control.gpio_lines import Line, Pull, chips, place_of

log = logging.getLogger(__name__)

STOP_SECONDS = 1.0


class LineFactory(Factory):  # type: ignore[misc]  # gpiozero has no types
    """Pins by the names of `gpio_lines.place_of`. The kernel itself refuses a line that is taken, by us or another."""

    def pin(self, name: str) -> LinePin:
        """Raises `PinInvalidPin`, `OSError`."""
        try:
            device, number = place_of(name, chips())
        except LookupError as error:
            raise PinInvalidPin(f"{name} is not a valid pin name") from error
        return LinePin(self, name, Line(device, number))

    def reserve_pins(self, requester: object, *names: str) -> None:
        """Done by the kernel."""

    def release_pins(self, reserver: object, *names: str) -> None:
        """Done by the kernel."""

    @staticmethod
    def ticks() -> float:
        """Seconds of the clock that the kernel's events have."""
        return time.monotonic()

    @staticmethod
    def ticks_diff(later: float, earlier: float) -> float:
        """Seconds."""
        return later - earlier


class LinePin(Pin):  # type: ignore[misc]
    """One line. While `when_changed` is set, a thread waits for its edges."""

    def __init__(self, factory: LineFactory, name: str, line: Line) -> None:
        super().__init__()
        self._factory = factory
        self._info = PinInfo(0, name, frozenset({name}), "", 0, 0, frozenset({"gpio"}))
        self._line = line
        self._changed: Callable[[float, bool], None] | None = None
        self._thread: threading.Thread | None = None
        self._ended = -1

    @property
    def factory(self) -> LineFactory:
        """That made it."""
        return self._factory

    @property
    def info(self) -> Any:
        """Its name, above all."""
        return self._info

    def close(self) -> None:
        """Gives the line back."""
        self._set_when_changed(None)
        self._line.close()

    def _get_function(self) -> str:
        return "output" if self._line.is_output else "input"

    def _set_function(self, value: str) -> None:
        if value not in ("input", "output"):
            raise PinInvalidFunction(f'invalid function "{value}" for pin {self._info.name}')
        if value == "output":
            self._line.drive()
        else:
            self._line.listen("floating")

    def _get_state(self) -> bool:
        return self._line.value

    def _set_state(self, value: bool) -> None:
        if not self._line.is_output:
            raise PinSetInput(f"cannot set state of pin {self._info.name}")
        self._line.value = bool(value)

    def _get_pull(self) -> Pull:
        return self._line.pull

    def _set_pull(self, value: Pull) -> None:
        if self._line.is_output:
            raise PinFixedPull(f"cannot set pull on non-input pin {self._info.name}")
        self._line.listen(value)

    def _get_bounce(self) -> None:
        return None

    def _set_bounce(self, value: float | None) -> None:
        if value is not None:
            raise PinInvalidBounce("what a contact means is for control.presses to say")

    def _get_edges(self) -> str:
        return "both"

    def _set_edges(self, value: str) -> None:
        if value != "both":
            raise PinInvalidEdges(f"pin {self._info.name} tells of both edges")

    def _get_when_changed(self) -> Callable[[float, bool], None] | None:
        return self._changed

    def _set_when_changed(self, value: Callable[[float, bool], None] | None) -> None:
        self._changed = value
        if value is not None and self._thread is None:
            self._line.listen(self._line.pull, edges=True)
            self._ended = os.eventfd(0, os.EFD_CLOEXEC)
            self._thread = threading.Thread(target=self._watch, name="pin", daemon=True)
            self._thread.start()
        elif value is None and self._thread is not None:
            os.eventfd_write(self._ended, 1)
            self._thread.join(STOP_SECONDS)
            self._thread = None
            os.close(self._ended)

    def _watch(self) -> None:
        try:
            while (change := self._line.changes(self._ended)) is not None:
                if self._changed is not None:
                    self._changed(*change)
        except OSError as error:  # an adapter that was unplugged
            log.warning("a pin is gone", extra={"pin": self._info.name, "trouble": error.strerror})
