"""The commands of the guides in docs/deploy, as a reader would type them."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parents[2]
FOLDER = HERE / "docs/deploy"
DEBIAN = FOLDER / "portal-on-debian.md"
BLOCK = re.compile(r"^```sh(?P<kind>[^\n]*)\n(?P<commands>.*?)^```$", re.DOTALL | re.MULTILINE)
OUTSIDE = "outside"
"""Behind `sh`, where a block needs the Internet's far end, such as a public name."""


def blocks(guide: Path, *, outside: bool = True) -> list[str]:
    """In order. `outside` False: without those that need it."""
    found = BLOCK.finditer(guide.read_text("utf-8"))
    return [one["commands"] for one in found if outside or OUTSIDE not in one["kind"]]


def block_with(guide: Path, words: str) -> str:
    """The one in which these stand."""
    (found,) = [one for one in blocks(guide) if words in one]
    return found
