"""The rows as they are now beside how they were last seen: what changed, by whom, how long ago. One thread at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Protocol

from pi_cam.remote.configurable import Item
from pi_cam.remote.merging import VERSIONS_END, digest
from pi_cam.remote.rows import KEPT, Row, Rows, Settled
from pi_cam.setting import Value
from pi_cam.trust.entry import CLOCK_IS_SET

NAME_SHOWN, WHY_SHOWN = 64, 300
OUTCOMES_MOST = 20


class Place(Protocol):
    """What is needed of `Configurable`."""

    def items(self) -> dict[str, Item]:
        """All rows."""

    def change(self, name: str, value: object, before: Value) -> Value:
        """Sets one."""


class Known:
    """`rows` and `settled` as in `Rows`, `items` as the last look found them."""

    def __init__(
        self,
        kept: Rows,
        place: Place,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.items: dict[str, Item] = {}
        self.rows: dict[str, Row] = {}
        self.settled: dict[str, Settled] = {}
        self._kept = kept
        self._place = place
        self._clock = clock
        self._monotonic = monotonic
        self._loaded = False
        self._looked = False
        self._marks: dict[str, float] = {}
        """When rows were changed, by the clock that nobody sets; of this run only."""

    def load(self, *, again: bool = False) -> None:
        """What was kept; read once, or `again`. Raises `StoreError`."""
        if again or not self._loaded:
            self.rows, self.settled = self._kept.load()
            self._loaded = True

    def look(self, by: str) -> None:
        """Finds what changed since the last look. What changed while this program did not run, changed nobody knows when.
        Raises `StoreError`, `NotReady`."""
        items, now = self._place.items(), self.now()
        seen = by != "" or self._looked
        changed = [
            Row(name, item.value, row.version + 1 if row else 1, by, now if seen else None)
            for name, item in items.items()
            if (row := self.rows.get(name)) is None or row.value != item.value
        ]
        gone = self.rows.keys() - items.keys()
        if changed or gone:
            self._kept.save(changed, gone)
            for row in changed:
                self._take(row, 0.0 if seen else None)
            for name in gone:
                del self.rows[name]
        self.items, self._looked = items, True

    def settle(self, settled: Settled, row: Row | None, seconds_ago: float) -> None:
        """Keeps what became of an edit, and the row that it changed. Raises `StoreError`."""
        self._kept.save([row] if row else [], settled=settled)
        if row is not None:
            self._take(row, seconds_ago)
        self.settled[settled.key] = settled
        while len(self.settled) > KEPT:
            del self.settled[next(iter(self.settled))]

    def jump(self, row: Row, version: int) -> None:
        """To the version after this one. Raises `StoreError`."""
        higher = replace(row, version=version + 1)
        self._kept.save([higher])
        self.rows[row.name] = higher

    def may_jump(self, name: str, version: int) -> Row | None:
        """The row, unless that makes no sense."""
        row = self.rows.get(name)
        return row if row is not None and row.version <= version < VERSIONS_END - 1 else None

    def age(self, row: Row) -> float | None:
        """How long ago it was changed, in seconds; None when nobody knows."""
        if row.name in self._marks:
            return max(0.0, self._monotonic() - self._marks[row.name])
        return self.seconds_since(row.at)

    def seconds_since(self, at: float | None) -> float | None:
        """By the clock that may be wrong; None when it cannot be."""
        now = self.now()
        return now - at if at is not None and now is not None and now >= at else None

    def now(self) -> float | None:
        """None until the clock is set."""
        now = self._clock()
        return now if now >= CLOCK_IS_SET else None

    def digest(self) -> str:
        """Of all rows."""
        return digest({name: row.version for name, row in self.rows.items()})

    def told(self, item: Item) -> dict[str, Any]:
        """A row, as the portal is told it."""
        row = self.rows[item.name]
        return {
            "name": item.name,
            "value": row.value,
            "version": row.version,
            "seconds_ago": self.age(row),
            "by": row.by[:NAME_SHOWN],
            "title": item.title,
            "help": item.help,
            "kind": item.kind,
            "low": item.low,
            "high": item.high,
            "choices": list(item.choices),
            "restart": item.restart,
            "editable": item.editable,
        }

    def outcomes(self, heard: Iterable[str]) -> list[dict[str, Any]]:
        """What became of the edits whose end the portal did not hear; the oldest of them."""
        return [self._outcome(one) for key, one in self.settled.items() if key not in heard][:OUTCOMES_MOST]

    def _outcome(self, one: Settled) -> dict[str, Any]:
        other = one.other and {
            "value": one.other.value,
            "by": one.other.by[:NAME_SHOWN],
            "seconds_ago": self.seconds_since(one.other.at),
        }
        why = one.why[:WHY_SHOWN]
        return {"key": one.key, "result": one.result, "why": why, "version": one.version, "other": other}

    def _take(self, row: Row, seconds_ago: float | None) -> None:
        self.rows[row.name] = row
        self._marks.pop(row.name, None)
        if seconds_ago is not None:
            self._marks[row.name] = self._monotonic() - seconds_ago
