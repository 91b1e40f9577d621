"""What is built, and from what."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent
NAMES = ("pc-amd64", "virt-arm64", "rpi-arm64")


class CannotBuild(Exception):
    """The text is one sentence that says what to do."""


@dataclass(frozen=True, slots=True)
class Target:
    """A row of `targets/`. `architecture`: Debian's word; `wheels`: Python's."""

    name: str
    description: str
    architecture: str
    wheels: str
    packages: tuple[str, ...]
    boot: str
    """`efi`, or `raspberry-pi`."""
    command_line: str
    efi_program: str = ""
    efi_name: str = ""
    from_debian: tuple[str, ...] = ()
    """Python distributions that come from Debian here, and not as wheels."""
    archive: str = ""
    """Where another archive is needed beside Debian's: the variable that names its address."""
    archive_key: str = ""
    archive_packages: tuple[str, ...] = ()
    """What comes from there."""

    @classmethod
    def load(cls, name: str) -> Target:
        """Reads `targets/NAME/target.toml`."""
        row = tomllib.loads((HERE / "targets" / name / "target.toml").read_text("utf-8"))
        lists = {key: tuple(value) for key, value in row.items() if isinstance(value, list)}
        return cls(name=name, **{**row, **lists})

    @property
    def folder(self) -> Path:
        """Where its own files are."""
        return HERE / "targets" / self.name


def version() -> str:
    """The camera's."""
    found = re.search(r'__version__ = "([^"]+)"', (CHECKOUT / "pi_cam/__init__.py").read_text("utf-8"))
    if found is None:
        raise CannotBuild("pi_cam/__init__.py names no version.")
    return found[1]


@cache
def epoch() -> int:
    """The time that everything in the image bears, in seconds since 1970: `SOURCE_DATE_EPOCH`, or the last commit's."""
    named = os.environ.get("SOURCE_DATE_EPOCH", "")
    if named.isdecimal():
        return int(named)
    asked = ["git", "-C", str(CHECKOUT), "log", "-1", "--format=%ct"]
    said = subprocess.run(asked, check=False, capture_output=True, text=True).stdout.strip()
    if not said.isdecimal():
        raise CannotBuild("This is no git checkout: set SOURCE_DATE_EPOCH to the time that the image shall bear.")
    return int(said)


def call(*command: str | Path, **variables: str) -> None:
    """A failure raises `CalledProcessError`; what the program says goes to our own stderr."""
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch()), "LC_ALL": "C.UTF-8", "TZ": "UTC", **variables}
    subprocess.run([str(word) for word in command], check=True, env=environment)
