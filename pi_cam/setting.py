"""One setting as a row: name, type, default, range and help; and what makes a value one that it may have."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from pi_cam.errors import SettingError

Value = int | float | str | bool
Kind = Literal["boolean", "integer", "number", "text"]
AtPortal = Literal["hidden", "shown", "edited"]

ENVIRONMENT_PREFIX = "PI_CAM_"
MAX_TEXT = 1000
KINDS: dict[type, Kind] = {bool: "boolean", int: "integer", float: "number", str: "text"}


@dataclass(frozen=True, slots=True)
class Setting:
    """One row. `title` and `help`: what people read. The type of `default` is the type of the setting; `low` and `high`
    bound numbers, `choices` words, and `pattern`, a regular expression, whole texts. `restart`: a new value waits for the
    next start. `secret`: its value is not shown. `operator`: only whoever has the machine sets it, never the API.
    `local_to_leave`: a value that anybody with the right may set, and that is left in the local network only. `at_portal`:
    whether the portal that this device belongs to is told the value, and whether the owner may change it there. Never so
    what opens the house: ways in, second lock, microphone, and how long the journal remembers."""

    name: str
    title: str
    default: Value
    help: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    pattern: str = ""
    restart: bool = False
    secret: bool = False
    operator: bool = False
    local_to_leave: Value | None = None
    at_portal: AtPortal = "hidden"

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return ENVIRONMENT_PREFIX + self.name.upper()

    @property
    def kind(self) -> Kind:
        """Its type, in a word."""
        return KINDS[type(self.default)]

    def parse(self, text: str) -> Value:
        """The value that `text` of the environment stands for. Raises `SettingError`, which names the variable."""
        return self._checked(self._convert(text.strip()), self.variable)

    def accept(self, value: object) -> Value:
        """A value from JSON, checked. Raises `SettingError`, which names the setting."""
        if self.kind == "number" and type(value) is int and abs(value) < 2**63:
            value = float(value)
        if not isinstance(value, int | float | str) or type(value) is not type(self.default):
            wanted = {"boolean": "yes or no", "text": "a text"}.get(self.kind, "a number")
            raise SettingError(f"{self.name} must be {wanted}.")
        return self._checked(value, self.name)

    def _checked(self, value: Value, called: str) -> Value:
        if isinstance(value, int | float) and not isinstance(value, bool):
            if self.low is not None and not value >= self.low:  # so that NaN is refused too
                raise SettingError(f"{called} must be at least {self.low:g}.")
            if self.high is not None and value > self.high:
                raise SettingError(f"{called} must be at most {self.high:g}.")
        if isinstance(value, str) and (len(value) > MAX_TEXT or not value.isprintable()):
            raise SettingError(f"{called} must be one line of at most {MAX_TEXT} characters.")
        if self.pattern and not re.fullmatch(self.pattern, str(value)):
            raise SettingError(f"{called} must be in the form that its description gives.")
        if self.choices and value not in self.choices:
            raise SettingError(f"{called} must be one of: {', '.join(self.choices)}.")
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
