"""Structured logs on stderr: one JSON object a line, without secrets."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

_SECRETS = (
    (re.compile(r"(\w+://).*@"), r"\1…@"),  # name and password in a camera's address, whatever they are made of
    (re.compile(r"pct_[\w-]+"), "pct_…"),
    # What follows may hold spaces and any sign, so that only the end of the line is sure to be its end.
    (re.compile(r"(?i)(authorization|cookie|password|\bsid)(['\"]?\s*[:=]\s*).+"), r"\1\2…"),
)

_SECRET_NAMES = re.compile(r"(?i)authorization|cookie|password|secret|token")


class JsonFormatter(logging.Formatter):
    """Time (UTC), level, logger, message, and whatever was given as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        entry.update({name: value for name, value in vars(record).items() if name not in _STANDARD})
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(blotted(entry), ensure_ascii=False)


RECENT_LINES = 200

_recent: deque[str] = deque(maxlen=RECENT_LINES)


class _Recent(logging.Handler):
    """Keeps the last lines for a report."""

    def emit(self, record: logging.LogRecord) -> None:
        """As `logging` calls it: one thread after the other."""
        _recent.append(self.format(record))


def recent() -> list[str]:
    """The last lines that were logged, oldest first; each is a JSON object."""
    return list(_recent)


def without_secrets(text: str) -> str:
    """The text with passwords in addresses, tokens and credentials blotted out."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


def blotted(value: object) -> object:
    """The same in plain JSON values, without secrets: before they are quoted, so that each line stays JSON."""
    if isinstance(value, Mapping):
        return {str(name): "…" if _SECRET_NAMES.search(str(name)) else blotted(item) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [blotted(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return without_secrets(str(value)).encode(errors="backslashreplace").decode()


def configure_logging(level: str) -> None:
    """Everything goes to stderr, in one form. Libraries below warning are silent."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    kept = _Recent()
    kept.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler, kept], force=True)
    logging.getLogger("pi_cam").setLevel(level.upper())
    logging.getLogger("libav").setLevel(logging.CRITICAL)  # its lines may hold addresses with passwords


def follow(changed: Mapping[str, object]) -> None:
    """Of the settings that changed, the level of this program's log counts at once."""
    if "log_level" in changed:
        logging.getLogger("pi_cam").setLevel(str(changed["log_level"]).upper())
