"""What a package says about itself: a canonical JSON object, which is what is signed."""

from __future__ import annotations

import json
import platform
import re
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pi_cam.errors import UpdateRefused

NAME = "pi-cam"
MAX_BYTES = 16 * 1024
MAX_PAYLOAD = 512 * 1024 * 1024
MAX_UNPACKED = 2 * 1024 * 1024 * 1024
MAX_RELEASE = 2**31 - 1
ANY = "any"
_WORD = re.compile(r"[a-z0-9][a-z0-9_.+-]{0,63}")
_VERSION = re.compile(r"[0-9][0-9A-Za-z.+-]{0,63}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
UNREADABLE = "This update's description makes no sense: it is damaged, or for a newer pi-cam."


@dataclass(frozen=True, slots=True)
class Manifest:
    """`release` counts up and decides what is newer; `version` is for people. `minimum_release`: the oldest release that can
    be updated to this one. `board`, `arch` and `python`: where it runs (`any`, or a word of `Machine`). `size` and `sha256`
    are the payload's, `unpacked` the sum of its files, all in bytes."""

    version: str
    release: int
    minimum_release: int
    board: str
    arch: str
    python: str
    size: int
    sha256: str
    unpacked: int

    def encoded(self) -> bytes:
        """One object has one form: sorted keys, no blanks, ASCII."""
        return _canonical({"name": NAME, **asdict(self)})

    @classmethod
    def parse(cls, data: bytes) -> Manifest:
        """Raises `UpdateRefused` for all that is not exactly what `encoded` makes."""
        try:
            content = json.loads(data)
            if not isinstance(content, dict) or content.pop("name", None) != NAME:
                raise UpdateRefused("This is not an update of pi-cam.")
            manifest = cls(**content)
            if not manifest._makes_sense() or manifest.encoded() != data:
                raise UpdateRefused(UNREADABLE)
        except (ValueError, TypeError, RecursionError) as error:
            if isinstance(error, UpdateRefused):
                raise
            raise UpdateRefused(UNREADABLE) from None
        return manifest

    def _makes_sense(self) -> bool:
        return (
            _matches(_VERSION, self.version)
            and all(_matches(_WORD, word) for word in (self.board, self.arch, self.python))
            and _matches(_DIGEST, self.sha256)
            and _between(self.release, 1, MAX_RELEASE)
            and _between(self.minimum_release, 0, self.release)
            and _between(self.size, 1, MAX_PAYLOAD)
            and _between(self.unpacked, 0, MAX_UNPACKED)
        )


@dataclass(frozen=True, slots=True)
class Machine:
    """Where the program runs, and the number of the `release` that does; 0 for one that was not made as a release."""

    board: str
    arch: str
    python: str
    release: int

    @classmethod
    def here(cls, release: int, model: Path = Path("/sys/firmware/devicetree/base/model")) -> Machine:
        """This machine."""
        try:
            raspberry = model.read_bytes().startswith(b"Raspberry Pi")
        except OSError:
            raspberry = False
        python = f"{sys.implementation.name}-{sys.version_info.major}.{sys.version_info.minor}"
        return cls("raspberry-pi" if raspberry else "pc", platform.machine().lower(), python, release)

    def admit(self, manifest: Manifest) -> None:
        """Raises `UpdateRefused` when it is for another machine, or not newer."""
        for own, wanted in ((self.board, manifest.board), (self.arch, manifest.arch), (self.python, manifest.python)):
            if wanted not in (ANY, own):
                raise UpdateRefused(f"This update is for another machine ({wanted}); this one is {own}.")
        if manifest.release < self.release:
            raise UpdateRefused(
                f"This update (release {manifest.release}) is older than what runs (release {self.release})."
            )
        if manifest.release == self.release:
            raise UpdateRefused(f"Release {self.release} runs already.")
        if self.release < manifest.minimum_release:
            raise UpdateRefused(f"This update needs release {manifest.minimum_release} first; {self.release} runs.")


def _canonical(content: dict[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def _matches(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _between(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
