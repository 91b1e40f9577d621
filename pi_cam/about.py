"""What this is, and until when it is looked after."""

from __future__ import annotations

import platform
import time
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

MODEL = "PC"
"""Of a machine that does not say what it is."""

SUPPORT_UNTIL = date(2031, 11, 1)
"""The last day of security updates for this version; SECURITY.md says the same."""

POLICY_PATH = "/security-policy"

ROOT = Path("/")


@dataclass(frozen=True, slots=True)
class Started:
    """When the program was; `at` in seconds since 1970, as the clock then said."""

    at: float = field(default_factory=time.time)
    monotonic: float = field(default_factory=time.monotonic)

    def seconds_ago(self) -> float:
        """Whatever the clock did since."""
        return time.monotonic() - self.monotonic


def model(root: Path = ROOT) -> str:
    """The machine's own name for itself, such as `Raspberry Pi 5 Model B Rev 1.0`. `root`: what stands in front of /proc."""
    try:
        said = (root / "proc/device-tree/model").read_bytes()
    except OSError:
        return MODEL
    return said.decode(errors="replace").strip("\0 \n") or MODEL


def is_raspberry_pi(root: Path = ROOT) -> bool:
    """Whether it is one."""
    return model(root).startswith("Raspberry Pi")


def python() -> str:
    """Its version."""
    return platform.python_version()
