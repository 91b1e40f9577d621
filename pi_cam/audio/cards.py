"""What the kernel says about its sound cards, in /proc/asound: names that outlast a restart, and who is in use.

ALSA numbers cards in the order in which they are found; PortAudio names them by that number. A card's id ("Device",
"Headphones") stays with it, and ALSA takes it in the number's place: `hw:Device,0`.
Source: the kernel's Documentation/sound/designs/procfile.rst.
"""

from __future__ import annotations

import re
from pathlib import Path

from pi_cam.audio.troubles import Direction

_NUMBERED = re.compile(r"\(hw:(\d+),(\d+)\)$")
_STABLE = re.compile(r"hw:([^,()]+),(\d+)\)?$")


class Cards:
    """`folder` is the kernel's; tests give one of their own. On a machine without cards it need not exist."""

    def __init__(self, folder: Path = Path("/proc/asound")) -> None:
        self._folder = folder

    def listed(self) -> str:
        """All cards as the kernel describes them: another text means that something was plugged in or unplugged."""
        return _read(self._folder / "cards")

    def stable_name(self, name: str) -> str:
        """PortAudio's `name` with the card's id for its number: the same after a restart."""
        return _NUMBERED.sub(lambda found: f"(hw:{self._id(found[1])},{found[2]})", name)

    def is_gone(self, stable_name: str) -> bool:
        """Whether the card of this device was unplugged; False for what is no card (a sound server)."""
        found = _STABLE.search(stable_name)
        return found is not None and not (self._folder / found[1]).exists()

    def in_use(self, direction: Direction, stable_name: str | None = None) -> bool:
        """Whether a program has this device open, or any device at all. PortAudio does not even list such a one."""
        stream = "c" if direction == "input" else "p"
        found = _STABLE.search(stable_name or "")
        if stable_name and found is None:
            return False
        where = f"{found[1]}/pcm{found[2]}{stream}" if found else f"card*/pcm*{stream}"
        states = [_read(path) for path in self._folder.glob(f"{where}/sub*/status")]
        return any(state and not state.startswith("closed") for state in states)

    def _id(self, number: str) -> str:
        return _read(self._folder / f"card{number}" / "id").strip() or number


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", errors="replace")
    except OSError:
        return ""
