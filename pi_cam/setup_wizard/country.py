"""The country whose rules the radio follows (IEEE 802.11d, ISO 3166-1 alpha-2). Without one it does what is allowed
everywhere. The helper only leaves a word: root's part (pi-cam-country.service) tells the kernel, and keeps it."""

from __future__ import annotations

import re
from pathlib import Path

WORLD = "00"
COUNTRY = re.compile(rf"[A-Z]{{2}}|{WORLD}")
WISHED = Path("/run/pi-cam-netd/country")
IN_FORCE = Path("/run/pi-cam-country/country")
"""Written by root's part, for everybody to read."""


def wish(country: object, path: Path = WISHED) -> None:
    """Raises `ValueError` for what is no country, `OSError`."""
    if not isinstance(country, str) or not COUNTRY.fullmatch(country):
        raise ValueError("no country")
    path.write_text(f"{country}\n", "ascii")
    path.chmod(0o644)  # root without capabilities reads what everybody may


def in_force(path: Path = IN_FORCE) -> str:
    """`WORLD` where none was chosen."""
    try:
        country = path.read_text("ascii").strip()
    except (OSError, ValueError):
        return WORLD
    return country if COUNTRY.fullmatch(country) else WORLD
