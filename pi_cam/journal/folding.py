"""Many rows of one kind become one with a count, so that nobody can fill the disk or drive older rows out of the journal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from pi_cam.journal.actions import FOLDED, Entry

ROWS_A_WINDOW = 5
WINDOW_SECONDS = 60.0
LONGEST_SECONDS = 3600.0
STRANGERS_BURST = 60
STRANGERS_SECONDS = 60.0
"""Refusals, whatever their keys: a burst, then one row in so many seconds."""

KEYS_MAX = 1024

Key = tuple[str, str, str, str]
OVERFLOW: Key = ("", "", "", "")
MANY: Mapping[str, Any] = MappingProxyType({"why": "too many at once; from several addresses or under several names"})


@dataclass(slots=True)
class _Window:
    ends_at: float
    seconds: float
    rows_left: int
    count: int = 0
    last: Entry | None = None

    def fold(self, entry: Entry) -> None:
        self.count += 1
        self.last = entry


class Folding:
    """At most `ROWS_A_WINDOW` rows a minute for one actor, address, action and camera; the rest is one row at the end of the
    window: so that somebody watched, or talked, stands there for each camera. While it goes on, each window is twice as long
    as the one before, up to an hour. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._windows: dict[Key, _Window] = {}
        self._allowance = float(STRANGERS_BURST)
        self._refilled_at: float | None = None

    def admit(self, entry: Entry, now: float) -> Entry | None:
        """The entry when it has a row of its own, None when it was only counted."""
        if entry.action not in FOLDED:
            return entry
        key = (entry.actor, entry.address, entry.action, entry.camera)
        window = self._windows.get(key)
        may = (window is None or window.rows_left > 0) and self._may_have_a_row(entry, now)
        if window is None and (not may or len(self._windows) >= KEYS_MAX):
            self._fold_apart(entry, now)
            return None
        if window is None:
            window = self._windows[key] = _Window(now + WINDOW_SECONDS, WINDOW_SECONDS, ROWS_A_WINDOW)
        if may:
            window.rows_left -= 1
            return entry
        window.fold(entry)
        return None

    def due(self, now: float, *, all_of_them: bool = False) -> list[Entry]:
        """A row for each window that is over and in which something was only counted."""
        rows = []
        for key, window in list(self._windows.items()):
            if not all_of_them and now < window.ends_at:
                continue
            if window.last is None:
                del self._windows[key]
                continue
            rows.append(replace(window.last, detail={**window.last.detail, "count": window.count}))
            seconds = min(2 * window.seconds, LONGEST_SECONDS)
            self._windows[key] = _Window(now + seconds, seconds, 0)
        return rows

    def next_due(self) -> float | None:
        """When to ask again."""
        return min((window.ends_at for window in self._windows.values()), default=None)

    def _may_have_a_row(self, entry: Entry, now: float) -> bool:
        if entry.result == "ok" and entry.actor:
            return True
        passed = now - (now if self._refilled_at is None else self._refilled_at)
        self._allowance = min(self._allowance + passed / STRANGERS_SECONDS, STRANGERS_BURST)
        self._refilled_at = now
        if self._allowance < 1:
            return False
        self._allowance -= 1
        return True

    def _fold_apart(self, entry: Entry, now: float) -> None:
        window = self._windows.setdefault(OVERFLOW, _Window(now + WINDOW_SECONDS, WINDOW_SECONDS, 0))
        window.fold(Entry(entry.at, "refused", result="refused", detail=MANY))
