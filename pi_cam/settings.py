"""Settings as rows: name, type, default, range and help. Validation, environment and documentation derive from the row."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from pi_cam.errors import SettingError

Value = int | float | str | bool

ENVIRONMENT_PREFIX = "PI_CAM_"


@dataclass(frozen=True, slots=True)
class Setting:
    """One row. The type of `default` is the type of the setting; `low` and `high` bound numbers, `choices` words, and
    `pattern`, a regular expression, whole texts."""

    name: str
    default: Value
    help: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    pattern: str = ""

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return ENVIRONMENT_PREFIX + self.name.upper()

    def parse(self, text: str) -> Value:
        """The value that `text` stands for. Raises `SettingError` with a sentence that names the setting."""
        value = self._convert(text.strip())
        if isinstance(value, int | float) and not isinstance(value, bool):
            if self.low is not None and not value >= self.low:  # so that NaN is refused too
                raise SettingError(f"{self.variable} must be at least {self.low:g}.")
            if self.high is not None and value > self.high:
                raise SettingError(f"{self.variable} must be at most {self.high:g}.")
        if self.pattern and not re.fullmatch(self.pattern, str(value)):
            raise SettingError(f"{self.variable} makes no sense: {self.help}")
        if self.choices and value not in self.choices:
            raise SettingError(f"{self.variable} must be one of: {', '.join(self.choices)}.")
        return value

    def _convert(self, text: str) -> Value:
        if isinstance(self.default, bool):
            words = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
            if text.lower() not in words:
                raise SettingError(f"{self.variable} must be yes or no.")
            return words[text.lower()]
        if isinstance(self.default, str):
            return text
        kind = int if isinstance(self.default, int) else float
        try:
            return kind(text)
        except ValueError:
            raise SettingError(f"{self.variable} must be a number.") from None


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "source", "camera:", "The camera's address, where `--source` does not say it (and no process list shows it)."
    ),
    Setting("viewers_max", 8, "Most people who may watch at once; one more is told to come back later.", 1, 100),
    Setting("connect_seconds", 12.0, "A viewer whose connection is not up by then is let go.", 1, 60),
    Setting("grace_seconds", 5.0, "How long the camera stays open after the last viewer has left.", 0, 600),
    Setting(
        "ice_servers",
        "",
        "STUN servers, separated by spaces, such as stun:stun.example.org:3478. None by default.",
        pattern=r"(stun:[\w.:\[\]-]+( +|$))*",
    ),
    Setting("session_hours", 720.0, "How long a person stays signed in on a device that is in use.", 1, 8760),
    Setting(
        "tunnel_host",
        "",
        "The public name under which a tunnel leads here, such as camera.example.org.",
        pattern=r"([a-z0-9-]+\.)+[a-z0-9-]+|",
    ),
    Setting(
        "behind_proxy",
        False,
        "Whether nginx on this machine ends TLS in front of `--port` (deploy/nginx). "
        "Then cookies are Secure, and the address that nginx saw counts in slowing down guesses.",
    ),
    Setting("log_level", "info", "How much is logged.", choices=("debug", "info", "warning", "error")),
)


class Settings:
    """The values in force."""

    def __init__(self, values: Mapping[str, Value] | None = None) -> None:
        self._values: dict[str, Value] = {row.name: row.default for row in SETTINGS}
        for name, value in (values or {}).items():
            if name not in self._values:
                raise SettingError(f"There is no setting named {name}.")
            self._values[name] = value

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Defaults, overridden by `PI_CAM_*`. Raises `SettingError` for a value that makes no sense."""
        return cls({row.name: row.parse(environment[row.variable]) for row in SETTINGS if row.variable in environment})

    def integer(self, name: str) -> int:
        """The value of a whole-number setting."""
        return int(self._values[name])

    def number(self, name: str) -> float:
        """The value of a numeric setting."""
        return float(self._values[name])

    def text(self, name: str) -> str:
        """The value of a text setting."""
        return str(self._values[name])

    def flag(self, name: str) -> bool:
        """The value of a yes-or-no setting."""
        return bool(self._values[name])


def markdown() -> str:
    """`docs/settings.md`."""
    lines = [
        "# Settings",
        "",
        "Each is set by its environment variable. This page is made from `pi_cam/settings.py` by `make docs`.",
        "",
        "| variable | default | range | what it does |",
        "|---|---|---|---|",
    ]
    for row in SETTINGS:
        bounds = ", ".join(row.choices) or (f"{row.low:g} to {row.high:g}" if row.low is not None else "")
        lines.append(f"| `{row.variable}` | {row.default!r} | {bounds} | {row.help} |")
    return "\n".join(lines) + "\n"
