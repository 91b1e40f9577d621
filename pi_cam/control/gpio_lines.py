"""The lines of a GPIO chip, through the kernel alone: /dev/gpiochipN, version 2 of its interface (Linux 5.10,
include/uapi/linux/gpio.h). A header's pin is one of them, and so is a pin of an adapter at a PC's USB."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import select
import struct
from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple

Pull = Literal["up", "down", "floating"]

HEADERS = ("pinctrl-rp1", "pinctrl-bcm2711", "pinctrl-bcm2835")
"""Whose chip has the forty pins, by its label: of a Raspberry Pi 5, of a 4, of those before. Line 17 is GPIO17. (Its number
says less: on a 5 it was 4, and is 0.)"""

DEVICES = Path("/dev")
CONSUMER = b"pi-cam"

_CHIP = struct.Struct("32s32sI")
_CONFIG = struct.Struct("QI20x240x")  # flags, number of attributes (none)
_REQUEST = struct.Struct("I252x32sQI20x240xII20xi")  # one offset of 64, consumer, a _CONFIG, lines, buffer, descriptor
_VALUES = struct.Struct("QQ")  # bits, mask
_EVENT = struct.Struct("QIIII24x")  # nanoseconds (monotonic), kind, offset, two counters


def _number(direction: int, number: int, size: int) -> int:
    return direction << 30 | size << 16 | 0xB4 << 8 | number


GET_CHIP = _number(2, 0x01, _CHIP.size)
GET_LINE = _number(3, 0x07, _REQUEST.size)
SET_CONFIG = _number(3, 0x0D, _CONFIG.size)
GET_VALUES = _number(3, 0x0E, _VALUES.size)
SET_VALUES = _number(3, 0x0F, _VALUES.size)

INPUT, OUTPUT, BOTH_EDGES = 1 << 2, 1 << 3, 3 << 4
PULLS: dict[Pull, int] = {"up": 1 << 8, "down": 1 << 9, "floating": 1 << 10}
RISING = 1


class Chip(NamedTuple):
    """A device, what it calls itself, and how many lines it has."""

    path: Path
    label: str
    lines: int


def chips(devices: Path = DEVICES) -> list[Chip]:
    """Those that are there and may be opened, by number."""
    found = []
    for path in sorted(devices.glob("gpiochip*"), key=lambda path: (len(path.name), path.name)):
        with suppress(OSError):
            found.append(_chip(path))
    return found


def _chip(path: Path) -> Chip:
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        _, label, lines = _CHIP.unpack(fcntl.ioctl(descriptor, GET_CHIP, bytes(_CHIP.size)))
    finally:
        os.close(descriptor)
    return Chip(path, label.partition(b"\0")[0].decode("ascii", "replace"), lines)


def place_of(pin: str, there: list[Chip]) -> tuple[Path, int]:
    """The chip's device and the number of the line. `pin`: GPIO17, of a Raspberry Pi's header; gpiochip0/17, of any chip.
    Raises `LookupError`."""
    name, slash, number = pin.partition("/")
    if slash:
        chip = next((chip for chip in there if chip.path.name == name), None)
    else:
        chip = next((chip for label in HEADERS for chip in there if chip.label == label), None)
        number = pin.removeprefix("GPIO")
    if chip is None or not re.fullmatch(r"[0-9]{1,3}", number) or int(number) >= chip.lines:
        raise LookupError(pin)
    return chip.path, int(number)


class Line:
    """One line, ours until `close`: an input that floats at first. Raises `OSError`, with EBUSY where another has it."""

    def __init__(self, device: Path, number: int) -> None:
        self.flags = INPUT | PULLS["floating"]
        chip = os.open(device, os.O_RDWR | os.O_CLOEXEC)
        try:
            asked = _REQUEST.pack(number, CONSUMER, self.flags, 0, 1, 0, 0)
            self._descriptor: int = _REQUEST.unpack(fcntl.ioctl(chip, GET_LINE, asked))[-1]
        finally:
            os.close(chip)

    def close(self) -> None:
        """The line is an input again: a lamp on it is dark."""
        if self._descriptor >= 0:
            with suppress(OSError):
                self.listen("floating")
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)

    @property
    def is_output(self) -> bool:
        """Else it is an input."""
        return bool(self.flags & OUTPUT)

    @property
    def pull(self) -> Pull:
        """Of an input."""
        return next((pull for pull, flag in PULLS.items() if self.flags & flag), "floating")

    @property
    def value(self) -> bool:
        """High, or low."""
        bits, _ = _VALUES.unpack(fcntl.ioctl(self._descriptor, GET_VALUES, _VALUES.pack(0, 1)))
        return bool(bits & 1)

    @value.setter
    def value(self, value: bool) -> None:
        fcntl.ioctl(self._descriptor, SET_VALUES, _VALUES.pack(value, 1))

    def listen(self, pull: Pull, *, edges: bool = False) -> None:
        """An input; with `edges`, `changes` tells of each."""
        self._configure(INPUT | PULLS[pull] | (BOTH_EDGES if edges else 0))

    def drive(self, value: bool = False) -> None:
        """An output, low until told otherwise."""
        self._configure(OUTPUT)
        self.value = value

    def changes(self, until: int) -> tuple[float, bool] | None:
        """Waits for the next: when (monotonic seconds), and to what. None once `until`, a descriptor, can be read."""
        poll = select.poll()
        for descriptor in (self._descriptor, until):
            poll.register(descriptor, select.POLLIN)
        if any(descriptor == until for descriptor, _ in poll.poll()):
            return None
        data = os.read(self._descriptor, _EVENT.size)
        if len(data) < _EVENT.size:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        nanoseconds, kind, *_ = _EVENT.unpack(data)
        return nanoseconds / 1e9, kind == RISING

    def _configure(self, flags: int) -> None:
        fcntl.ioctl(self._descriptor, SET_CONFIG, _CONFIG.pack(flags, 0))
        self.flags = flags
