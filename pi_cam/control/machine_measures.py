"""The machine itself: what it is, how warm it gets, and how well its Wi-Fi hears. Names of networks are not asked for."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterator
from pathlib import Path

import pi_cam
from pi_cam.about import ROOT, model, python
from pi_cam.control.findings import output_of
from pi_cam.control.health import temperature
from pi_cam.control.machine_probes import NOW_BITS
from pi_cam.control.measures import Measure, failed, measured, not_here

COOL = "Give it air, or a heat sink."
POWER = "Use the power supply that belongs to this Raspberry Pi, and give it air."
WEAK_DBM = -75.0
"""Below that, pictures begin to stall (the usual rule of thumb; what counts is the page's own delay)."""


def machine(root: Path = ROOT) -> Iterator[Measure]:
    """What it is; and its memory."""
    kernel, cores = platform.release(), os.cpu_count() or 1
    text = f"{model(root)}, {cores} cores, Linux {kernel}, Python {python()}, pi-cam {pi_cam.__version__}."
    yield measured("machine", text, model=model(root), cores=cores, kernel=kernel, architecture=platform.machine())
    sizes = dict(re.findall(r"^(\w+): +(\d+) kB$", (root / "proc/meminfo").read_text("ascii"), re.MULTILINE))
    whole, free = (int(sizes.get(name, 0)) // 1024 for name in ("MemTotal", "MemAvailable"))
    yield measured("memory", f"{free} MB of {whole} MB are free.", whole_megabytes=whole, free_megabytes=free)


def warmth(before: float | None, root: Path = ROOT) -> Iterator[Measure]:
    """`before`: degrees Celsius at the beginning; now the camera was open for a while."""
    after = temperature(root)
    if before is None or after is None:
        yield not_here(
            "temperature",
            "This machine does not say how warm it is.",
            "Run it on the machine itself: a virtual one has no sensor.",
        )
    else:
        text = f"It was at {before:.0f} °C, and is at {after:.0f} °C after the camera was open."
        yield measured("temperature", text, before_celsius=before, after_celsius=after)
    said = (output_of("vcgencmd", "get_throttled") or "").strip().partition("=")[2]
    if not re.fullmatch(r"0x[0-9a-fA-F]+", said):
        text = "Only a Raspberry Pi says whether it was slowed."
        yield not_here(
            "throttling", text, "On a Raspberry Pi: look whether vcgencmd is there, and works for this user."
        )
        return
    bits = int(said, 16)
    troubles = [text for bit, text in NOW_BITS.items() if (bits | bits >> 16) >> bit & 1]
    if troubles:
        yield failed("throttling", "Now, or since the start: " + " ".join(troubles), POWER, word=said)
    else:
        yield measured("throttling", "Since the start it was neither slowed nor short of power.", word=said)


def wifi(root: Path = ROOT) -> Iterator[Measure]:
    """One line for each radio."""
    radios = sorted(path.parent.name for path in (root / "sys/class/net").glob("*/phy80211"))
    for radio in radios:
        yield _radio(radio, root)
    if not radios:
        yield not_here("wifi", "This machine has no Wi-Fi.", "Plug in an adapter, where it is wanted.")


def _radio(radio: str, root: Path) -> Measure:
    driver = (root / "sys/class/net" / radio / "device/driver").resolve().name
    said = output_of("iw", "dev", radio, "link") or ""
    signal, frequency, rate = (
        _number(pattern, said) for pattern in (r"signal: (-?\d+)", r"freq: (\d+)", r"tx bitrate: ([\d.]+)")
    )
    saves = "on" in (output_of("iw", "dev", radio, "get", "power_save") or "").partition(":")[2]
    if signal is None:
        text = f"The radio {driver} is in no network."
        return not_here(
            "wifi", text, "Join one, where it is wanted (and install iw, which measures it).", driver=driver
        )
    figures: dict[str, bool | float | str] = {"driver": driver, "signal_dbm": signal, "saves_power": saves}
    figures.update({name: value for name, value in (("mhz", frequency), ("sends_mbits", rate)) if value is not None})
    text = f"The radio {driver} hears its network at {signal:.0f} dBm, and saves power: {'yes' if saves else 'no'}."
    if signal < WEAK_DBM:
        return failed("wifi", text, "Bring it nearer to the router, or use a cable.", **figures)
    return measured("wifi", text, **figures)


def _number(pattern: str, text: str) -> float | None:
    found = re.search(pattern, text)
    return float(found[1]) if found else None
