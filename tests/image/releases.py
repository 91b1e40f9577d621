"""Signed updates for the machines that the image makes: of the very program that is in it, with a higher number each."""

from __future__ import annotations

import shutil
from pathlib import Path

from pi_cam.updates import maker

KEYS = "etc/pi-cam/update-keys"
"""Where a machine has the keys that it trusts beside the program's own."""

PACKAGES = "lib/python3.13/site-packages"
BUILT_IN = "usr/lib/pi-cam/built-in"
NUMBER = "pi_cam/updates/release"


class Releases:
    """`folder`: theirs. `system`: that of the image."""

    def __init__(self, system: Path, folder: Path, machine: str = "x86_64") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self._tree = folder, folder / "tree"
        self._words = ("any", machine, "cpython-3.13")
        shutil.copytree(system / BUILT_IN / PACKAGES, self._tree, ignore=shutil.ignore_patterns("__pycache__"))
        self.public = maker.make_key(folder / "key")
        maker.make_key(folder / "other")
        self._made: dict[int, Path] = {}
        self._key, self._other = maker.load_key(folder / "key"), maker.load_key(folder / "other")

    def trust(self, root: Path) -> None:
        """Has a machine that is off believe them."""
        (root / KEYS).mkdir(exist_ok=True)
        (root / KEYS / "tests.pem").write_text(self.public, "ascii")

    def number(self, number: int) -> Path:
        """A good one, made once."""
        if number not in self._made:
            self._made[number] = self.make(number)
        return self._made[number]

    def make(self, number: int, broken: tuple[str, str] | None = None, *, stranger: bool = False) -> Path:
        """A package. `broken`: a file of the program, and what is added to it; `stranger`: signed by another's key."""
        (self._tree / NUMBER).write_text(f"{number}\n", "ascii")
        whole = (self._tree / broken[0]).read_text("utf-8") if broken else ""
        if broken:
            (self._tree / broken[0]).write_text(whole + broken[1], "utf-8")
        path = self.folder / f"{number}{'-broken' * bool(broken)}{'-stranger' * stranger}.pi-cam"
        key = self._other if stranger else self._key
        maker.pack(self._tree, path, key, f"0.1.{number}", number, words=self._words, preset=0)
        if broken:
            (self._tree / broken[0]).write_text(whole, "utf-8")
        return path
