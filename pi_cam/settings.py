"""Settings as rows: name, type, default, range and help. Validation, API and documentation derive from it."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from pi_cam.errors import SettingError
from pi_cam.setting import Setting, Value
from pi_cam.setting_rows import SETTINGS
from pi_cam.settings_file import NAME as FILE
from pi_cam.settings_file import Content, SettingsFile

log = logging.getLogger(__name__)

SetBy = Literal["default", "file", "environment"]

ROWS: dict[str, Setting] = {row.name: row for row in SETTINGS}

Listener = Callable[[Mapping[str, Value]], None]


class Settings:
    """The values in force: the environment's, else the file's, else the defaults. Any thread may ask and change."""

    def __init__(
        self,
        values: Mapping[str, Value] | None = None,
        *,
        environment: Mapping[str, str] | None = None,
        file: SettingsFile | None = None,
    ) -> None:
        """`values` are those of the file. Raises `SettingError` for a name or a variable that makes no sense."""
        set_outside = environment or {}
        self._environment = {
            row.name: row.parse(set_outside[row.variable]) for row in SETTINGS if row.variable in set_outside
        }
        for name in values or {}:
            _row(name)
        self._stored: dict[str, Value] = dict(values or {})
        self._kept: dict[str, object] = {}
        self._file = file
        self._problems: list[str] = []
        self._listeners: list[Listener] = []
        self._lock = threading.Lock()
        self._values: dict[str, Value] = {row.name: self.saved(row.name) for row in SETTINGS}

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Defaults, overridden by `PI_CAM_*`. Raises `SettingError` for a value that makes no sense."""
        return cls(environment=environment)

    @classmethod
    def load(cls, folder: Path, environment: Mapping[str, str] = os.environ) -> Settings:
        """Those of a data folder. What is wrong with its file is logged and told by `problems`; a variable that makes no
        sense raises `SettingError`."""
        file = SettingsFile(folder)
        content = file.read()
        settings = cls(_usable(content), environment=environment, file=file)
        settings._kept = {name: value for name, value in content.values.items() if name not in ROWS}
        settings._problems = content.problems
        for problem in content.problems:
            log.warning("settings", extra={"problem": problem})
        return settings

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

    def saved(self, name: str) -> Value:
        """The value that the next start begins with; another one than that in force while a restart is waited for."""
        return self._environment.get(name, self._stored.get(name, ROWS[name].default))

    def waiting(self, name: str) -> bool:
        """Whether its new value waits for a restart."""
        return self.saved(name) != self._values[name]

    def set_by(self, name: str) -> SetBy:
        """What decides its value."""
        if name in self._environment:
            return "environment"
        return "file" if name in self._stored else "default"

    def problems(self) -> list[str]:
        """What is wrong with the file, each in a sentence."""
        return list(self._problems)

    def shown(self) -> dict[str, Value | None]:
        """What the next start begins with, by name; None for a secret."""
        return {row.name: None if row.secret else self.saved(row.name) for row in SETTINGS}

    def watch(self, listener: Listener) -> None:
        """`listener` is called with what changed, after each change, in the thread that changed it."""
        self._listeners.append(listener)

    def change(
        self,
        wanted: Mapping[str, object],
        check: Callable[[str, Value, Value], None] = lambda name, before, after: None,
    ) -> dict[str, tuple[Value, Value]]:
        """Checks all, writes, and only then lets them hold; None takes a setting back to its default. What changed: name →
        before and after. `check(name, before, after)` may refuse by raising, while nobody else changes anything. Raises
        that, `SettingError` and `StoreError`; then nothing has changed."""
        with self._lock:
            stored = dict(self._stored)
            for name, value in wanted.items():
                row = self._changeable(name)
                stored.pop(name, None)
                if value is not None:
                    stored[name] = row.accept(value)
                check(name, self.saved(name), stored.get(name, row.default))
            before = {name: self.saved(name) for name in wanted}
            if stored != self._stored:
                self._write(stored)
            changed = {name: (old, self.saved(name)) for name, old in before.items() if old != self.saved(name)}
            self._values.update({name: new for name, (_, new) in changed.items() if not ROWS[name].restart})
        for listener in self._listeners if changed else ():
            listener({name: new for name, (_, new) in changed.items()})
        return changed

    def _changeable(self, name: str) -> Setting:
        row = _row(name)
        if row.operator:
            raise SettingError(f"{name} cannot be changed here: it is set where the camera is started.")
        if name in self._environment:
            raise SettingError(f"{name} cannot be changed here: the environment variable {row.variable} sets it.")
        return row

    def _write(self, stored: dict[str, Value]) -> None:
        if self._file is not None:
            self._file.write({**self._kept, **self._stored}, {**self._kept, **stored})
            self._problems = [_unknown(name) for name in self._kept]
        self._stored = stored


def _row(name: str) -> Setting:
    if name not in ROWS:
        raise SettingError(f"There is no setting named {name[:100]}.")
    return ROWS[name]


def _unknown(name: str) -> str:
    return f"{FILE} has {name[:100]}, which is no setting; it is kept as it is."


def _usable(content: Content) -> dict[str, Value]:
    """The values that make sense. Of each other one the last good value, else the default; it is named in `problems`."""
    good: dict[str, Value] = {}
    for name, value in content.values.items():
        if name not in ROWS:
            content.problems.append(_unknown(name))
            continue
        try:
            good[name] = ROWS[name].accept(value)
        except SettingError as error:
            content.problems.append(f"{FILE}: {error} {_instead(name, content.previous, good)}")
    return good


def _instead(name: str, previous: Mapping[str, object], good: dict[str, Value]) -> str:
    try:
        good[name] = ROWS[name].accept(previous.get(name))
    except SettingError:
        return "Its default is used."
    return "Its last good value is used."


def markdown() -> str:
    """`docs/settings.md`."""
    lines = [
        "# Settings",
        "",
        "Each is set by its environment variable, else by `PATCH /api/v1/settings`, which keeps it in `settings.json` in",
        "the data folder. The portal that the device belongs to is told those that are shown or edited there, and no other.",
        "This page is made from `pi_cam/setting_rows.py` by `make docs`.",
        "",
        "| variable | default | range | restart | at the portal | what it does |",
        "|---|---|---|---|---|---|",
    ]
    for row in SETTINGS:
        bounds = ", ".join(row.choices) or (f"{row.low:g} to {row.high:g}" if row.low is not None else "")
        restart = "yes" if row.restart else ""
        lines.append(f"| `{row.variable}` | {row.default!r} | {bounds} | {restart} | {row.at_portal} | {row.help} |")
    return "\n".join(lines) + "\n"
