"""What the journal can say, and one row of it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pi_cam.logs import blotted
from web.journal.words import ACTIONS

__all__ = ("ACTIONS", "COMMAND_LINE", "FOLDED", "RESULTS", "Entry", "Result", "Row", "detail_text", "plain")

Result = Literal["ok", "refused", "failed"]
RESULTS: tuple[Result, ...] = ("ok", "refused", "failed")

FOLDED = frozenset(
    {"setup-refused", "signed-in", "sign-in-refused", "code-asked", "signed-out", "started", "stopped", "watched"}
    | {
        "stopped-watching",
        "snapshot-taken",
        "listened",
        "talked",
        "stopped-talking",
        "journal-exported",
        "report-made",
        "refused",
        "tunnel-up",
        "tunnel-down",
        "portal-journal-behind",
        "portal-journal-differs",
        "portal-keys-changed",
        "portal-keys-refused",
    }
)
"""What may come often: then one row with a count stands for many. Whatever changes rights or settings always has its own."""

COMMAND_LINE = "command line"
"""The actor of what is done by `pi-cam` in a terminal of this machine."""

MAX_WORD = 100
MAX_DETAIL = 1000

_QUERY = re.compile(r"(\w+://[^\s?#]*)[?#]\S*")
"""What stands behind a camera's address: there is no end to the words under which cameras take a password there."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What happened, before it has its place in the chain. `at`: seconds since 1970, UTC, as the clock then said."""

    at: float
    action: str
    actor: str = ""
    camera: str = ""
    address: str = ""
    result: Result = "ok"
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it stands in the file; `detail` is JSON text, `hash` 32 bytes."""

    id: int
    at: float
    actor: str
    action: str
    camera: str
    address: str
    result: str
    detail: str
    hash: bytes

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "id": self.id,
            "at": self.at,
            "actor": self.actor,
            "action": self.action,
            "camera": self.camera,
            "address": self.address,
            "result": self.result,
            "detail": self._values(),
        }

    def _values(self) -> dict[str, Any]:
        try:
            values = json.loads(self.detail)
        except (ValueError, TypeError, RecursionError):  # somebody wrote into the file
            values = None
        return values if isinstance(values, dict) else {"altered": str(self.detail)}


def plain(text: object) -> str:
    """Bounded, without secrets, and such that every database and page can hold it."""
    cleaned = _QUERY.sub(r"\1?…", str(blotted(str(text)[: 10 * MAX_WORD])))
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in cleaned)[:MAX_WORD]


def detail_text(detail: Mapping[str, Any]) -> str:
    """JSON of plain values without secrets, at most `MAX_DETAIL` characters."""
    values = {plain(name): _plain_value(value) for name, value in detail.items()}
    text = json.dumps(blotted(values), ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text if len(text) <= MAX_DETAIL else '{"too_long":true}'


def _plain_value(value: object) -> object:
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return value if abs(value) < 2**53 else "…"  # NaN is not less either
    return plain(value)
