"""A version of the program as deploy/install.sh lays one out: site-packages in a virtual environment of Debian's Python."""

from __future__ import annotations

import compileall
import os
import platform
import sys
from pathlib import Path

from pi_cam.errors import UpdateRefused
from pi_cam.updates import wholeness

PYTHON = "/usr/bin/python3"
COMMAND = "#!{python}\nimport sys\n\nfrom pi_cam.cli import main\n\nsys.exit(main())\n"


class Environment:
    """A `slots.Layout`. `system_packages`: whether the modules of Debian are seen (those of the Raspberry Pi's camera)."""

    def __init__(self, system_packages: bool) -> None:
        self._system_packages = system_packages

    @classmethod
    def like(cls, version: Path) -> Environment:
        """As a version that runs."""
        try:
            lines = (version / "pyvenv.cfg").read_text("utf-8").lower().splitlines()
        except (OSError, ValueError):
            lines = []
        return cls("include-system-site-packages = true" in lines)

    def files(self, folder: Path) -> Path:
        """Where a package's files go."""
        return folder / f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"

    def complete(self, folder: Path, place: Path) -> None:
        """Makes what a package cannot hold: links to Debian's Python, the command, byte-code (without it each start takes
        long). `place`: what `folder` will be called. Raises `UpdateRefused`, `OSError`."""
        packages = self.files(folder)
        if not (packages / "pi_cam/cli.py").is_file():
            raise UpdateRefused("This update holds no pi-cam.")
        shown = "true" if self._system_packages else "false"
        exact = platform.python_version()
        lines = ("home = /usr/bin", f"include-system-site-packages = {shown}", f"version = {exact}")
        _write(folder / "pyvenv.cfg", "\n".join(lines) + "\n")
        (folder / "bin").mkdir()
        (folder / "bin/python3").symlink_to(PYTHON)
        (folder / "bin/python").symlink_to("python3")
        _write(folder / "bin/pi-cam", COMMAND.format(python=place / "bin/python"))
        (folder / "bin/pi-cam").chmod(0o755)
        compileall.compile_dir(packages, quiet=2, stripdir=str(folder), prependdir=str(place))
        wholeness.note(folder)
        os.sync()  # half a file of byte-code is no program


def _write(path: Path, text: str) -> None:
    path.write_text(text, "utf-8")
