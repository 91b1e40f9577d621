"""Pins for a machine without any: the kernel's own simulated chip (gpio-sim), with a finger on one and an eye on another."""

from __future__ import annotations

import itertools
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.image import gpio_sim
from tests.image.gpio_sim import MODULE
from tests.image.guest import SHARE, Guest
from tests.image.root import CACHE

BUTTON, LIGHT = "GPIO17", "GPIO27"
LABEL = "pinctrl-bcm2711"
"""As the chip of a Raspberry Pi 4 calls itself."""

EYE, SEEN = "eye.py", "eye.log"
FINGER = "finger"
"""While this file is in the share, the button is held."""

PINS = "/run/pins"
PYTHON = "/opt/pi-cam/current/bin/python"

SET_UP = f"""
set -e
modprobe configfs
mountpoint -q /sys/kernel/config || mount -t configfs configfs /sys/kernel/config
insmod {SHARE}/{MODULE}
chip=/sys/kernel/config/gpio-sim/pins
mkdir -p $chip/bank0
echo 54 >$chip/bank0/num_lines
echo {LABEL} >$chip/bank0/label
echo 1 >$chip/live
ln -s /sys/devices/platform/$(cat $chip/dev_name)/$(cat $chip/bank0/chip_name) {PINS}
udevadm settle
"""

HOLD = f"""
# Whoever asks the simulated line for a resistor moves it; a finger is stronger than that.
while :; do
    if [ -e {SHARE}/{FINGER} ]; then echo pull-down; else echo pull-up; fi >{PINS}/sim_gpio{BUTTON.removeprefix("GPIO")}/pull
    sleep 0.1
done
"""

UNITS = {
    "pins.service": f"""
[Unit]
DefaultDependencies=no
After=tests.service systemd-udevd.service
Before=pi-cam.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh {SHARE}/pins.sh
""",
    "finger.service": f"""
[Unit]
DefaultDependencies=no
Requires=pins.service
After=pins.service
Before=pi-cam.service
[Service]
Type=exec
ExecStart=/bin/sh {SHARE}/finger.sh
""",
    "eye.service": f"""
[Unit]
DefaultDependencies=no
Requires=pins.service
After=pins.service
Before=pi-cam.service
[Service]
Type=exec
ExecStart={PYTHON} {SHARE}/{EYE}
""",
}

LOOK = f"""
import time
last, said_at = None, 0.0
with open("{SHARE}/{SEEN}", "w", buffering=1) as out:
    while True:
        now, lit = time.monotonic(), open("{PINS}/sim_gpio{LIGHT.removeprefix("GPIO")}/value").read().strip()
        if lit != last or now - said_at > 0.5:
            out.write(f"{{now:.3f}} {{lit}}\\n")
            last, said_at = lit, now
        time.sleep(0.03)
"""


class Seen(NamedTuple):
    """What an eye sees of a lamp: the share of the time that it is lit, and how often it goes on in a second."""

    lit: float
    flashes: float

    @property
    def sign(self) -> str:
        """Which of `control.light.PATTERNS` that is, as a person tells them apart."""
        if self.lit < 0.005:
            return "off"
        if self.lit > 0.97:
            return "watched"
        if self.flashes > 4:
            return "reset"
        if self.lit > 0.3:
            return "talking" if self.flashes > 1 else "fault"
        return "privacy" if self.flashes > 0.6 else "ready"


class Header:
    """The pins of a guest that was started with `UNITS`."""

    def __init__(self, guest: Guest) -> None:
        self._guest = guest
        self._finger = guest.share / FINGER

    @contextmanager
    def held(self) -> Iterator[None]:
        """The button, until the end of the block."""
        self._finger.touch()
        try:
            yield
        finally:
            self._finger.unlink()

    def press(self, seconds: float) -> None:
        """Holds it for so long."""
        with self.held():
            time.sleep(seconds)

    def light(self, seconds: float = 6.0, patience: float = 60.0) -> Seen:
        """Looks at the lamp for so long; waits until somebody can."""
        began, deadline = self._now(), time.monotonic() + seconds + patience
        while not began < (end := self._now()) - seconds:
            began = min(began, end)  # it started again
            assert time.monotonic() < deadline, "nobody looks at the lamp"
            time.sleep(0.1)
        runs = [row for row in self._rows() if row[0] >= began]
        lit = sum(after[0] - before[0] for before, after in itertools.pairwise(runs) if before[1])
        flashes = sum(1 for before, after in itertools.pairwise(runs) if after[1] and not before[1])
        return Seen(lit / (end - began), flashes / (end - began))

    def _rows(self) -> list[tuple[float, bool]]:
        path = self._guest.share / SEEN
        lines = path.read_text("ascii").splitlines()[:-1] if path.exists() else []
        return [(float(at), lit == "1") for at, lit in (line.split() for line in lines)]

    def _now(self) -> float:
        """The guest's own clock, in seconds since it started."""
        rows = self._rows()
        return rows[-1][0] if rows else 0.0

    def shows(self, sign: str, seconds: float = 60.0, look: float = 6.0) -> Seen:
        """Looks until the lamp says so; fails when it does not within `seconds`."""
        deadline = time.monotonic() + seconds
        while (seen := self.light(look, seconds)).sign != sign:
            assert time.monotonic() < deadline, f"the light shows {seen.sign} ({seen}), not {sign}"
        return seen


def put_into(share: Path, system: Path) -> None:
    """What `UNITS` want, for the kernel that is in `system`."""
    (share / "pins.sh").write_text(SET_UP, "utf-8")
    (share / "finger.sh").write_text(HOLD, "utf-8")
    (share / EYE).write_text(LOOK, "utf-8")
    shutil.copyfile(gpio_sim.place(system, CACHE), share / MODULE)
