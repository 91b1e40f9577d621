"""Pins for a machine without any: the kernel's own simulated chip (gpio-sim), with a finger on one and an eye on another.

Debian's kernels do not have it. It is built for the image's kernel from Debian's own source, once for each, and kept beside
the images; nothing of it is in this repository.

PI_CAM_IMAGES   as in `tests/image/root.py`
"""

from __future__ import annotations

import fcntl
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.image.guest import SHARE, Guest
from tests.image.root import CACHE, HERE

BUTTON, LIGHT = "GPIO17", "GPIO27"
LABEL = "pinctrl-bcm2711"
"""As the chip of a Raspberry Pi 4 calls itself."""

MODULE = "gpio-sim.ko"
EYE, SEEN = "eye.py", "eye.log"
FINGER = "finger"
"""While this file is in the share, the button is held."""

PINS = "/run/pins"
PYTHON = "/opt/pi-cam/current/bin/python"

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
SOURCES = r"import debian, sys, target; print(*debian.sources(target.Target.load(sys.argv[1])), sep='\n')"

MAKEFILE = "obj-m := gpio-sim.o\ngpio-sim-y := gpio-sim-core.o irq_sim.o\n"
"""Debian's kernels lack CONFIG_IRQ_SIM as well: both become one module."""

BUILD = """
set -e
cd /usr/src/gpio-sim
tar --extract --file /usr/src/linux-source-*.tar.xz --strip-components=3 --wildcards \
    'linux-source-*/drivers/gpio/gpio-sim.c' 'linux-source-*/kernel/irq/irq_sim.c'
mv gpio-sim.c gpio-sim-core.c
# irq_to_desc() is for what is built into the kernel.
sed -i 's/handle_simple_irq(irq_to_desc(\\(.*\\)));/generic_handle_irq_safe(\\1);/' irq_sim.c
make -C /lib/modules/$1/build M=$PWD modules
"""

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
    sleep 0.02
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
        time.sleep(0.015)
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
    shutil.copyfile(_module(system), share / MODULE)


def _module(system: Path) -> Path:
    (kernel,) = (path.name for path in (system / "usr/lib/modules").iterdir())
    kept = CACHE / f"gpio-sim-{kernel}.ko"
    with (CACHE / "gpio-sim.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            _build(kernel, kept)
    return kept


def _build(kernel: str, kept: Path) -> None:
    """In a Debian of its own, since a module wants the compiler of its kernel. Takes two minutes."""
    series = ".".join(kernel.split(".")[:2])
    packages = f"linux-headers-{kernel},linux-source-{series},make,xz-utils"
    target = "pc-amd64" if kernel.endswith("amd64") else "virt-arm64"
    asked = [sys.executable, "-c", SOURCES, target]
    lines = subprocess.run(asked, cwd=HERE / "image-build", check=True, capture_output=True, text=True).stdout
    with tempfile.TemporaryDirectory(prefix="pi-cam-gpio-sim-", dir=os.environ.get("PI_CAM_IMAGE_WORK")) as scratch:
        root, listed = Path(scratch) / "root", Path(scratch) / "sources.list"
        listed.write_text(lines, "utf-8")
        options = ["--mode=root", "--format=directory", "--variant=minbase", "--quiet", f"--include={packages}"]
        options += [f"--architectures={kernel.rpartition('-')[2]}", f"--keyring={KEYRING}"]
        options += ['--aptopt=APT::Install-Recommends "false"', "--dpkgopt=force-unsafe-io", "--skip=output/mknod"]
        subprocess.run(["mmdebstrap", *options, "trixie", root, listed], check=True)
        work = root / "usr/src/gpio-sim"
        work.mkdir()
        (work / "Makefile").write_text(MAKEFILE, "ascii")
        subprocess.run(["chroot", root, "sh", "-c", BUILD, "sh", kernel], check=True, stdout=subprocess.DEVNULL)
        shutil.copyfile(work / MODULE, kept.with_suffix(".new"))
    kept.with_suffix(".new").rename(kept)
