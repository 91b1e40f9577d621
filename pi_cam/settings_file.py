"""`settings.json` in the data folder, and the one before it: reading, versions, and writing that survives a power cut."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pi_cam import durable
from pi_cam.errors import StoreError

NAME = "settings.json"
PREVIOUS = "settings.previous.json"
DAMAGED = "settings.damaged.json"
MAX_BYTES = 256 * 1024

Values = dict[str, Any]


def _from_flat(content: Values) -> Values:
    """Version 1 was the values alone."""
    return {"version": 2, "values": content}


MIGRATIONS: dict[int, Callable[[Values], Values]] = {1: _from_flat}
"""Each brings a file of this version one further; entries are never changed once released."""

VERSION = max(MIGRATIONS) + 1


class _Unusable(ValueError):
    """Why a file is of no use, as the end of a sentence."""


@dataclass(slots=True)
class Content:
    """What was found: the `values` to use, not checked yet; the `previous` ones; `problems`, each a sentence."""

    values: Values = field(default_factory=dict)
    previous: Values = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


class SettingsFile:
    """Reads and writes. A file that makes no sense is named, kept, and the one before it used."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._previous = folder / PREVIOUS
        self._damaged = False

    def read(self) -> Content:
        """Never raises: whatever the files are, a camera starts."""
        previous, trouble_before = _read(self._previous)
        values, trouble = _read(self._path)
        content = Content(previous=previous or {})
        self._damaged = trouble is not None
        if values is not None:
            content.values = values
        elif previous is not None:
            content.values = previous
            content.problems.append(f"{NAME} {trouble or 'is missing'}: {PREVIOUS} is used.")
        elif trouble is not None:
            content.problems.append(f"{NAME} {trouble}: the defaults are used.")
        if trouble_before is not None and values is None:
            content.problems.append(f"{PREVIOUS} {trouble_before}.")
        return content

    def write(self, before: Mapping[str, object], values: Mapping[str, object]) -> None:
        """Puts `before`, the good values until now, beside the new ones. Raises `StoreError`; then nothing has changed."""
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self._damaged:
                durable.replace(self._path.with_name(DAMAGED), self._path.read_bytes()[:MAX_BYTES])
            if self._path.exists() or self._previous.exists():  # the first one has none before it
                durable.replace(self._previous, _text(before))
            durable.replace(self._path, _text(values))
            self._damaged = False
        except OSError as error:
            raise StoreError(f"The settings cannot be written: {error.strerror}.") from error


def _text(values: Mapping[str, object]) -> bytes:
    return (json.dumps({"version": VERSION, "values": dict(values)}, indent=2) + "\n").encode()


def _read(path: Path) -> tuple[Values | None, str | None]:
    """Its values, or why there are none; neither when there is no such file."""
    try:
        with path.open("rb") as file:
            return _values(file.read(MAX_BYTES + 1)), None
    except FileNotFoundError:
        return None, None
    except OSError as error:
        return None, f"cannot be read ({error.strerror})"
    except _Unusable as error:
        return None, str(error)


def _values(data: bytes) -> Values:
    if len(data) > MAX_BYTES:
        raise _Unusable("is far too long")
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        raise _Unusable("is not JSON") from None
    if not isinstance(content, dict):
        raise _Unusable("is not a JSON object")
    values = _migrated(content).get("values")
    if not isinstance(values, dict):
        raise _Unusable("has no object named values")
    return values


def _migrated(content: Values) -> Values:
    version = content.get("version", 1)
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise _Unusable("has a version that makes no sense")
    if version > VERSION:
        raise _Unusable("was written by a newer version of pi-cam")
    for number in range(version, VERSION):
        content = MIGRATIONS[number](content)
    return content
