"""The machine: its clock, memory and power."""

from __future__ import annotations

import glob
import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pi_cam.about import is_raspberry_pi
from pi_cam.control.findings import Finding, Level, Place, output_of
from pi_cam.trust.authority import RELEASED

CLOCK_GOOD_FOR = timedelta(days=20 * 365.25)
MEMORY_NEEDED = 64 << 20
MEMORY_WANTED = 160 << 20
CMA_NEEDED = 64 << 20
"""Buffers of a camera and of the encoder for 1920x1080 lie in the contiguous memory (CMA): 3 MB for each picture."""

VIDEO_DEVICES = ("/dev/video", "/dev/media")

NOW_BITS = {
    0: "The voltage is too low now.",
    1: "The processor is slowed now.",
    2: "The processor is throttled now.",
    3: "It is too hot now.",
}
"""Of `vcgencmd get_throttled`; the same, shifted by 16, for since the start (Raspberry Pi documentation, "vcgencmd")."""


def time(place: Place) -> list[Finding]:
    """A clock that can be right, and that follows another one."""
    remedy = (
        "Connect this machine to a network with a time server, or set the clock by hand, with the present time in the place "
        'of this one: sudo date --set="2026-11-24 6pm"'
    )
    try:
        shown = datetime.fromtimestamp(place.now(), UTC)
    except (OverflowError, ValueError, OSError):
        return [Finding("time", "missing", "The clock shows a time that cannot be.", remedy)]
    if not RELEASED <= shown <= RELEASED + CLOCK_GOOD_FOR:
        return [Finding("time", "missing", f"The clock is wrong: it shows {shown:%Y-%m-%d}.", remedy)]
    follows = _follows_time_server(place.root)
    if follows is None:
        return [Finding("time", "ok", "The clock can be right; whether it follows a time server is not known.")]
    if not follows:
        return [Finding("time", "optional", "The clock follows no time server.", "Run: sudo timedatectl set-ntp true")]
    return [Finding("time", "ok", "The clock follows a time server.")]


def _follows_time_server(root: Path) -> bool | None:
    if (root / "run/systemd/timesync/synchronized").exists():
        return True
    said = output_of("timedatectl", "show", "-p", "NTPSynchronized")
    return None if said is None or "=" not in said else said.strip().endswith("=yes")


def memory(place: Place) -> list[Finding]:
    """What is free, swap, and on a Raspberry Pi what only the camera can use."""
    sizes = _sizes((place.root / "proc/meminfo").read_text("ascii"))
    free, whole, swap = (sizes.get(name, 0) for name in ("MemAvailable", "MemTotal", "SwapTotal"))
    remedy = "End other programs, or use a machine with more memory."
    text = f"{free >> 20} MB of {whole >> 20} MB of memory are free, and {swap >> 20} MB of swap are there."
    level: Level = "ok" if free >= MEMORY_WANTED else "optional" if free >= MEMORY_NEEDED else "missing"
    findings = [Finding("memory", level, text, "" if level == "ok" else remedy)]
    if is_raspberry_pi(place.root) and sizes.get("CmaTotal"):
        findings.append(_contiguous(sizes["CmaTotal"], sizes.get("CmaFree", 0), _video_in_use(place.root)))
    return findings


def _contiguous(whole: int, free: int, in_use: bool) -> Finding:
    """While a camera is open little is free, and rightly so: then only the whole counts."""
    text = f"{free >> 20} MB of the {whole >> 20} MB that cameras can use are free."
    if whole < CMA_NEEDED:
        return Finding(
            "memory", "optional", text, "Write dtoverlay=vc4-kms-v3d,cma-128 into /boot/firmware/config.txt."
        )
    if in_use:
        text = f"{free >> 20} MB of the {whole >> 20} MB that cameras can use are free, and one is open."
        return Finding("memory", "ok", text)
    if free >= CMA_NEEDED:
        return Finding("memory", "ok", text)
    remedy = "Where the camera does not start: end programs that show or encode pictures, or start this machine again."
    return Finding("memory", "optional", text, remedy)


def _video_in_use(root: Path) -> bool:
    """Whether a process, of those that we may look into, has a device of Video4Linux open."""
    return any(_leads_to(path).startswith(VIDEO_DEVICES) for path in glob.iglob(f"{root}/proc/[0-9]*/fd/*"))


def _leads_to(link: str) -> str:
    try:
        return os.readlink(link)
    except OSError:  # closed meanwhile
        return ""


def _sizes(meminfo: str) -> dict[str, int]:
    """Name → bytes (proc_meminfo(5))."""
    rows = (line.split() for line in meminfo.splitlines())
    return {row[0].rstrip(":"): int(row[1]) * 1024 for row in rows if len(row) == 3 and row[2] == "kB"}


def power(place: Place) -> list[Finding]:
    """Of a Raspberry Pi: whether its supply is strong enough, and it is cool enough."""
    if not is_raspberry_pi(place.root) or shutil.which("vcgencmd") is None:
        return []
    _, _, word = (output_of("vcgencmd", "get_throttled") or "").strip().partition("=")
    try:
        bits = int(word, 16)
    except ValueError:
        text = "vcgencmd does not say how the power supply is."
        return [Finding("power", "optional", text, "Let the user that runs pi-cam be in the group video.")]
    remedy = "Use the power supply that belongs to this Raspberry Pi, and give it air."
    if now := [what for bit, what in NOW_BITS.items() if bits >> bit & 1]:
        return [Finding("power", "optional", text, remedy) for text in now]
    if bits >> 16:
        return [Finding("power", "optional", "Since the start the voltage was too low, or it was too hot.", remedy)]
    return [Finding("power", "ok", "The power supply is strong enough, and it is cool enough.")]
