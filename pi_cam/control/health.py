"""How the machine is, in a few numbers that somebody far away can read."""

from __future__ import annotations

import shutil
from pathlib import Path

from pi_cam.about import ROOT, Started

HEAT = "sys/class/thermal/thermal_zone0/temp"
"""Thousandths of a degree Celsius (Linux, Documentation/driver-api/thermal/sysfs-api.rst)."""

COLDEST, HOTTEST = -100.0, 250.0


def health(folder: Path, started: Started, root: Path = ROOT) -> dict[str, int | float | None]:
    """`uptime_seconds` of the program, `temperature` in degrees Celsius, and of the disk on which the data folder is
    `disk_free` and `disk_size` in bytes; None for what the machine does not say. `root`: what stands in front of /sys."""
    free, size = _disk(folder)
    return {
        "uptime_seconds": int(started.seconds_ago()),
        "temperature": temperature(root),
        "disk_free": free,
        "disk_size": size,
    }


def temperature(root: Path = ROOT) -> float | None:
    """Degrees Celsius; None where the machine does not say."""
    try:
        degrees = int((root / HEAT).read_text("ascii")) / 1000
    except (OSError, ValueError):
        return None
    return round(degrees, 1) if COLDEST <= degrees <= HOTTEST else None


def _disk(folder: Path) -> tuple[int | None, int | None]:
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return None, None
    return usage.free, usage.total
