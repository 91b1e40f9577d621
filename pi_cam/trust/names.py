"""What a person may be called."""

from __future__ import annotations

import re

from pi_cam.errors import SettingError

NAME = re.compile(r"[^\s\x00-\x1f\x7f\ud800-\udfff][^\x00-\x1f\x7f\ud800-\udfff]{0,63}")


def checked_name(name: str) -> str:
    """Without blanks around it. Raises `SettingError`. Names are compared without regard to (ASCII) case."""
    name = name.strip()
    if not NAME.fullmatch(name):
        raise SettingError("A name has 1 to 64 characters.")
    return name
