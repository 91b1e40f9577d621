"""The journal: who watched, talked, started, stopped and changed what, in rows that cannot be altered unnoticed."""

from __future__ import annotations

import contextlib
import logging
import queue
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from pi_cam import database
from pi_cam.errors import StoreError
from pi_cam.journal.actions import Entry, Result, Row
from pi_cam.journal.folding import Folding
from pi_cam.journal.ledger import Filter, Ledger

log = logging.getLogger(__name__)

WAITING_MAX = 2000
TOGETHER = 200
PRUNE_SECONDS = 600.0
CLOCK_JUMP_SECONDS = 60.0
RETRY_SECONDS = 5.0
FLUSH_SECONDS = 2.0
STOP_SECONDS = 1.0
PAGE_ROWS = 500
ANCHOR_SECONDS = 1.0
"""How often it is written down, outside the database, how far the journal goes: another write to the card."""
DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Keep:
    """How long rows are kept, and how many at most."""

    days: int
    rows_max: int


@dataclass(frozen=True, slots=True)
class Figures:
    """Since the start: rows written, events that no row could be written for, and all events by their action."""

    rows: int
    lost: int
    events: Counter[str]


class Journal:
    """Takes entries from any thread and writes them in one of its own: whoever appends neither waits for a disk nor hears of
    its troubles. What cannot be kept is counted, and the next row that can be written says how many are missing."""

    def __init__(
        self,
        ledger: Ledger,
        keep: Callable[[], Keep] | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Without `keep` no row is ever taken away."""
        self._ledger = ledger
        self._keep = keep
        self._clock = clock
        self._monotonic = monotonic
        self._waiting: queue.Queue[Entry | threading.Event | None] = queue.Queue(WAITING_MAX)
        self._folding = Folding()
        self._lost = 0
        self._lost_ever = 0
        self._rows = 0
        self._events: Counter[str] = Counter()
        self._counting = threading.Lock()
        self._problem: str | None = None
        self._thread: threading.Thread | None = None
        self._held: sqlite3.Connection | None = None
        self._retry_at = -1.0
        self._unanchored = False
        self._anchored_at = -ANCHOR_SECONDS
        self._pruned: tuple[float, float] | None = None
        """When rows were last taken away: by the monotonic clock, and by the other one."""

    def start(self) -> None:
        """Begins to write. A disk that says no is a `problem`, and is tried again; a camera starts without a journal."""
        self._open()
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Writes what waits, and ends."""
        thread, self._thread = self._thread, None
        if thread is not None:
            with contextlib.suppress(queue.Full):  # a disk that hangs
                self._waiting.put(None, timeout=STOP_SECONDS)
            thread.join(STOP_SECONDS)
        held, self._held = self._held, None
        if held is not None:
            held.close()

    def state(self) -> dict[str, object]:
        """Whether it writes, and what is wrong."""
        return {"running": self._thread is not None, "problem": self._problem, "lost": self._lost}

    def problem(self) -> str | None:
        """Why rows cannot be written, in a sentence; None while they can."""
        return self._problem

    def figures(self) -> Figures:
        """Counters, from any thread."""
        with self._counting:
            return Figures(self._rows, self._lost_ever, self._events.copy())

    def append(
        self,
        action: str,
        *,
        actor: str = "",
        camera: str = "",
        address: str = "",
        result: Result = "ok",
        **detail: Any,
    ) -> None:
        """One more row, soon. `action` is a word of `actions.ACTIONS`; `detail` holds plain values. From any thread; returns
        at once and never raises. Secrets are blotted out, but do not belong here in the first place."""
        entry = Entry(self._clock(), action, actor, camera, address, result, detail)
        with self._counting:
            self._events[action] += 1
        try:
            self._waiting.put_nowait(entry)
        except queue.Full:
            self._lose(1)

    def flush(self, seconds: float = FLUSH_SECONDS) -> None:
        """Waits until what was appended before is written, but not for ever."""
        written = threading.Event()
        if self._thread is not None:
            try:
                self._waiting.put(written, timeout=seconds)
            except queue.Full:
                return
            written.wait(seconds)

    def rows(self, wanted: Filter, limit: int) -> list[Row]:
        """The newest first. Raises `StoreError`."""
        self.flush()
        return self._ledger.rows(wanted, limit)

    def oldest(self, after: int, limit: int) -> list[Row]:
        """The first rows behind row `after`, oldest first, with all that was appended before. Raises `StoreError`."""
        self.flush()
        return self._ledger.rows(Filter(after=after), limit, newest_first=False)

    def last(self) -> tuple[int, bytes]:
        """Number and hash of the newest row; 0 and nothing where there is none. Raises `StoreError`."""
        newest = self.rows(Filter(), 1)
        return (newest[0].id, newest[0].hash) if newest else (0, b"")

    def all_rows(self, wanted: Filter) -> Iterator[Row]:
        """From the oldest on, in pages: no transaction stays open while somebody reads slowly. Raises `StoreError`."""
        self.flush()
        while page := self._ledger.rows(wanted, PAGE_ROWS, newest_first=False):
            yield from page
            wanted = replace(wanted, after=page[-1].id)

    def _run(self) -> None:
        going_on = True
        while going_on:
            entries, marks, going_on = self._next_entries()
            try:
                now = self._monotonic()
                self._write([*entries, *self._folding.due(now, all_of_them=not going_on)])
                self._prune(now)
                self._keep_anchor(now, at_once=not going_on)
            except Exception:  # an edge: whatever goes wrong with one row, the next ones are still to be written
                log.exception("the journal failed")
                self._lose(len(entries))
            for mark in marks:
                mark.set()

    def _next_entries(self) -> tuple[list[Entry], list[threading.Event], bool]:
        """What came, once something came or is due; who waits for it; False as the third at the end."""
        due = self._folding.next_due()
        idle = ANCHOR_SECONDS if self._unanchored else PRUNE_SECONDS
        soon = idle if due is None else min(idle, max(due - self._monotonic(), 0.0))
        entries: list[Entry] = []
        marks: list[threading.Event] = []
        try:
            item = self._waiting.get(timeout=RETRY_SECONDS if self._lost else soon)
            while item is not None:
                if isinstance(item, threading.Event):
                    marks.append(item)
                elif (entry := self._folding.admit(item, self._monotonic())) is not None:
                    entries.append(entry)
                if len(entries) >= TOGETHER:
                    return entries, marks, True
                item = self._waiting.get_nowait()
        except queue.Empty:
            return entries, marks, True
        return entries, marks, False

    def _write(self, entries: list[Entry]) -> None:
        with self._counting:
            lost, self._lost = self._lost, 0
        if lost:
            entries = [Entry(self._clock(), "gap", result="failed", detail={"count": lost}), *entries]
        if not entries:
            return
        try:
            if self._held is None and not self._open():
                raise StoreError(self._problem or "")
            self._ledger.add(entries)
            self._rows += len(entries)
            self._unanchored = True
            self._problem = None
        except StoreError as error:
            self._lose(len(entries) - bool(lost), again=lost)
            self._trouble(error)

    def _keep_anchor(self, now: float, *, at_once: bool) -> None:
        if not self._unanchored or not (at_once or now - self._anchored_at >= ANCHOR_SECONDS):
            return
        self._anchored_at = now
        try:
            self._ledger.keep_anchor()
            self._unanchored = False
        except (StoreError, database.Damaged) as error:  # a full disk: the next time
            log.warning("the journal's anchor could not be written", extra={"trouble": str(error)})

    def _open(self) -> bool:
        now = self._monotonic()
        if now < self._retry_at:
            return False
        try:
            self._ledger.open(self._clock())
            self._held = self._ledger.hold()
        except StoreError as error:
            self._retry_at = now + RETRY_SECONDS
            self._trouble(error)
            return False
        return True

    def _prune(self, now: float) -> None:
        """By age only while the clock is steady: after a jump, not before the next time."""
        if (
            self._keep is None
            or self._held is None
            or (self._pruned is not None and now - self._pruned[0] < PRUNE_SECONDS)
        ):
            return
        wall, keep = self._clock(), self._keep()
        steady = (
            self._pruned is not None and abs((wall - self._pruned[1]) - (now - self._pruned[0])) < CLOCK_JUMP_SECONDS
        )
        self._pruned = (now, wall)
        try:
            self._ledger.prune(keep.rows_max, wall - keep.days * DAY_SECONDS if steady else None)
        except StoreError as error:
            self._trouble(error)

    def _lose(self, count: int, again: int = 0) -> None:
        """`again`: of those that were lost before, and that no row tells of yet."""
        with self._counting:
            self._lost += count + again
            self._lost_ever += count

    def _trouble(self, error: StoreError) -> None:
        if self._problem is None:
            log.error("the journal cannot be written", extra={"problem": str(error)})
        self._problem = str(error)
