"""Which of two edits of the same row holds, when both sides changed it while they were apart (docs/adr/0018).

A row's version counts its changes, at this device only. An edit of the portal names the version that it was made upon; when
that is the present one, nobody changed the row meanwhile. Else both did, and the newer edit holds. How old each is, is told
in seconds before now, by the clock of whoever made it: no clock needs to be right, as long as it runs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pi_cam.errors import PortalUnreachable
from pi_cam.setting import MAX_TEXT, Value

Verdict = Literal["apply", "same", "overtakes", "overtaken"]

VERSIONS_END = 2**53
"""Whole numbers that every JSON reader keeps."""

EDITS_MOST = 50
EDIT_FIELDS = ("key", "name", "value", "base", "seconds_ago", "by")
NONSENSE = "The portal's answer makes no sense."


@dataclass(frozen=True, slots=True)
class Edit:
    """Of the portal. `key`: its name for it. `base`: the version of the row upon which it was made. `by`: whose, masked."""

    key: str
    name: str
    value: Value
    base: int
    seconds_ago: float
    by: str


def judge(version: int, value: Value, seconds_ago: float | None, edit: Edit) -> Verdict:
    """What becomes of an edit of a row that is at this version, with this value, changed so long ago; None when nobody
    knows: then what was done at home holds."""
    if edit.value == value and isinstance(edit.value, bool) == isinstance(value, bool):
        return "same"
    if edit.base == version:
        return "apply"
    return "overtaken" if seconds_ago is None or seconds_ago <= edit.seconds_ago else "overtakes"


def digest(versions: Mapping[str, int]) -> str:
    """Of all rows: equal on both sides when the portal knows everything."""
    lines = "\n".join(f"{name} {version}" for name, version in sorted(versions.items()))
    return hashlib.sha256(lines.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Answer:
    """Of the portal. `digest`: of the rows that it knows. `behind`: rows of which it has a higher version than it was told,
    or the same with another value. `edits`: those that wait for this device."""

    digest: str
    behind: dict[str, int]
    edits: list[Edit]


def answer_from(found: dict[str, Any]) -> Answer:
    """Taken apart with distrust. Raises `PortalUnreachable`."""
    known, behind, edits = found.get("digest"), found.get("behind"), found.get("edits")
    if not isinstance(known, str) or not isinstance(behind, dict) or not isinstance(edits, list):
        raise PortalUnreachable(NONSENSE)
    if len(edits) > EDITS_MOST or any(not _is_version(version) for version in behind.values()):
        raise PortalUnreachable(NONSENSE)
    return Answer(known, behind, [_edit(one) for one in edits])


def _edit(found: object) -> Edit:
    if not isinstance(found, dict):
        raise PortalUnreachable(NONSENSE)
    fields: tuple[Any, ...] = tuple(found.get(one) for one in EDIT_FIELDS)
    key, name, value, base, ago, by = fields
    words = (_is_line(key, 64), _is_line(name, 80), _is_line(by, 254))
    if not all(words) or not _is_value(value) or not _is_version(base) or not _is_number(ago) or ago < 0:
        raise PortalUnreachable(NONSENSE)
    return Edit(key, name, value, base, float(ago), by)


def _is_line(found: object, longest: int) -> bool:
    return isinstance(found, str) and 0 < len(found) <= longest and found.isprintable()


def _is_version(found: object) -> bool:
    return type(found) is int and 0 <= found < VERSIONS_END


def _is_number(found: object) -> bool:
    return type(found) in (int, float) and abs(found) < VERSIONS_END  # type: ignore[arg-type]  # NaN is not less either


def _is_value(found: object) -> bool:
    return isinstance(found, bool) or _is_number(found) or (isinstance(found, str) and len(found) <= MAX_TEXT)
