"""Tells the setup code in `pi-cam-setup.txt` on the boot partition, and on the screen, for as long as there is no owner; and
what could not be used of a customisation file, to an owner as well.

Runs as root, on an image only (pi-cam-setup-text.service): `python -I -m pi_cam.setup_wizard.setup_text`. Whoever can read
the boot partition holds the card in their hands.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from pi_cam import boot_partition, durable, privileges
from pi_cam.trust.setup_code import ALPHABET

COMPLAINTS, TOLD = "data/first-boot.txt", "data/first-boot.told"
"""What `first_boot` has to say; and how much of that an owner was told."""

CODE_BYTES = 16
CODE = re.compile(f"[{ALPHABET}]{{4}}-[{ALPHABET}]{{4}}")
NAME_BYTES = 64
OWN_NAME = re.compile(r"pi-cam-[a-z2-7]{6}\.local")
TEXT_BYTES = 64 << 10

WITH_CODE = """Caméra Connectée

Ouvrez cette adresse dans un navigateur, chez vous :
Open this address in a browser, at home:

    {address}/setup#code={code}

Le code de configuration / The setup code:  {code}

Il fait de vous le propriétaire de la caméra. Ce fichier disparaît ensuite.
It makes you the owner of the camera. This file then disappears.
"""
WITH_OWNER = """Caméra Connectée

Vous pouvez supprimer ce fichier : il ne reviendra pas.
You may delete this file: it does not come back.
"""
HEADING = """
Tout n’a pas pu être repris du fichier de personnalisation :
Not all of the customisation file could be used:

"""


class SetupText:
    """`root`: what stands in front of /boot, /data and /run. `as_user`: by which the camera's word is read; `writable`: by
    which the boot partition, where `is_there`, is written; `is_running`: whether the camera is, and not between
    two starts."""

    def __init__(
        self,
        root: Path = Path("/"),
        *,
        as_user: Callable[[], AbstractContextManager[None]] = privileges.as_user,
        writable: Callable[[], AbstractContextManager[None]] = boot_partition.writable,
        is_there: Callable[[], bool] = boot_partition.is_there,
        is_running: Callable[[], bool] = lambda: _succeeds(
            "/usr/bin/systemctl", "--quiet", "is-active", "pi-cam.service"
        ),
    ) -> None:
        self._root, self._as_user, self._writable = root, as_user, writable
        self._is_there, self._is_running = is_there, is_running
        self._file = root / "boot/firmware/pi-cam-setup.txt"
        self._screen = root / "run/issue.d/pi-cam.issue"
        self._complaints, self._told = root / COMPLAINTS, root / TOLD

    def tell(self) -> None:
        """What there is to tell now; takes away the rest. Raises `OSError`."""
        code = self.code()
        if code:
            self._show(code)
            text = WITH_CODE.format(address=self._address(), code=code) + _list(_read(self._complaints))
            self._put(text)
        elif self._is_running():
            self._screen.unlink(missing_ok=True)
            self._tell_owner()

    def code(self) -> str:
        """The setup code that the camera tells; empty where it tells none. The folder is the camera user's, who may have put
        anything there: what is no code is none."""
        said = self._said("setup-code", CODE_BYTES)
        return said if CODE.fullmatch(said) else ""

    def _said(self, name: str, most: int) -> str:
        try:
            with self._as_user(), privileges.open_file(self._root / "run/pi-cam" / name) as file:
                return file.read(most).decode("ascii").removesuffix("\n")
        except (OSError, UnicodeDecodeError):
            return ""

    def _tell_owner(self) -> None:
        """Until the person deletes the file, or has another customisation file read in which all is well."""
        complaints = _read(self._complaints)
        if complaints and _read(self._told) != complaints:
            if self._put(WITH_OWNER + _list(complaints)):
                durable.replace(self._told, complaints.encode())
        elif complaints and self._is_there() and not self._file.exists():
            self._told.unlink()
            self._complaints.unlink()
        elif not complaints:
            self._told.unlink(missing_ok=True)
            if self._is_there() and self._file.exists():
                with self._writable():
                    self._file.unlink()

    def _put(self, text: str) -> bool:
        """Whether it stands there: with the ends of lines that every computer knows."""
        text = text.replace("\n", "\r\n")
        if not self._is_there():
            return False
        if _read(self._file) != text:
            with self._writable():
                durable.replace(self._file, text.encode())
        return True

    def _show(self, code: str) -> None:
        self._screen.parent.mkdir(mode=0o755, exist_ok=True)
        durable.replace(self._screen, f"\n{self._address()}/setup   {code}\n\n".encode())
        self._screen.chmod(0o644)

    def _address(self) -> str:
        """Of this camera, whatever else is in the home, as it tells it (`control/name_notice.py`)."""
        said = self._said("name", NAME_BYTES)
        return f"https://{said if OWN_NAME.fullmatch(said) else f'{os.uname().nodename}.local'}"


def _list(complaints: str) -> str:
    return HEADING + "".join(f"  - {line}\n" for line in complaints.splitlines()) if complaints else ""


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(TEXT_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""


def _succeeds(*command: str) -> bool:
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def main() -> int:
    """The status is 0: a card that cannot be written is told in the log, and the camera is none the worse."""
    try:
        SetupText().tell()
    except OSError as error:
        sys.stderr.write(f"The setup code cannot be told: {error}.\n")
    with contextlib.suppress(OSError):
        subprocess.run(["/usr/sbin/agetty", "--reload"], check=False, capture_output=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
