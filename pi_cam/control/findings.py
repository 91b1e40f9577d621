"""What a probe looks at, and what it answers."""

from __future__ import annotations

import os
import subprocess
import time
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from pi_cam.about import ROOT

Level = Literal["ok", "optional", "missing"]

PROGRAM_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, what was found, and what to do about it (empty where nothing is to be done)."""

    name: str
    level: Level
    text: str
    remedy: str = ""

    def as_dict(self) -> dict[str, str]:
        """For JSON."""
        return asdict(self)

    def __str__(self) -> str:
        line = f"{self.level:8} {self.name}: {_visible(self.text)}"
        return f"{line}\n{'':8} → {_visible(self.remedy)}" if self.remedy else line


def _visible(text: str) -> str:
    """What a file or a device put into it steers no terminal."""
    return "".join(repr(sign)[1:-1] if unicodedata.category(sign).startswith("C") else sign for sign in text)


@dataclass(frozen=True, slots=True)
class Place:
    """What is looked at. `folder`: the data folder; `webrtc_lacks`: as `transport.webrtc_seam.missing`; `source`: what
    `serve` opens; `tunnel`: level, text and remedy of each line about it (`remote.tunnel_look`); `now`: seconds since 1970;
    `root`: what stands in front of /proc and /run; `journal_rows_max`: of a longer journal only the newest rows are read."""

    folder: Path
    webrtc_lacks: Callable[[], list[str]]
    source: str = ""
    tunnel: Callable[[], Sequence[tuple[Level, str, str]]] = tuple
    now: Callable[[], float] = time.time
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    root: Path = ROOT
    journal_rows_max: int | None = None


Probe = Callable[[Place], list[Finding]]


def output_of(*command: str) -> str | None:
    """What a program of this machine says; None when it is not there, fails, or takes its time."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PROGRAM_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return done.stdout
