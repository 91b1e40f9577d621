"""Keeps the portal's copy of this device's settings and cameras right, and does what the owner changed there (ADR 18).

After each presence the portal says the digest of what it knows, or that edits wait. When that is not the device's own
digest, both exchange what the other lacks. Whatever got lost on the way is said again, and nothing is done twice.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

from pi_cam.errors import Conflict, NotReady, PiCamError, PortalRefused, StoreError
from pi_cam.remote.budget import Budget
from pi_cam.remote.configurable import CAMERA_NAME, CLOSED, MOVED
from pi_cam.remote.known import Known, Place
from pi_cam.remote.merging import Edit, answer_from, judge
from pi_cam.remote.portal_answers import Client
from pi_cam.remote.rows import Other, Result, Row, Rows, Settled
from pi_cam.setting import Value
from pi_cam.store import Store

log = logging.getLogger(__name__)

ROUNDS = 12
TRIES = 3
MESSAGE_BYTES = 40 * 1024
"""The portal takes 64 KiB at once."""

OVERTAKEN = "It was changed at home after that."
SHOWN = 10


class Configuration:
    """Any thread but the media loop's. `note`: `Journal.append`."""

    def __init__(self, known: Known, place: Place, note: Callable[..., None], budget: Budget | None = None) -> None:
        self._known = known
        self._place = place
        self._note = note
        self._budget = budget or Budget()
        self._lock = threading.Lock()
        self._told: dict[str, int] = {}
        self._heard: set[str] = set()
        self._spoken_with: Client | None = None

    @classmethod
    def over(cls, store: Store, place: Place, note: Callable[..., None]) -> Configuration:
        """That of this device."""
        return cls(Known(Rows(store), place), place, note)

    def edited(self, by: str) -> None:
        """Somebody at home changed something. Never raises: what was changed is changed, and is found later, too."""
        try:
            with self._lock:
                self._known.load()
                if self._known.rows:  # else no portal was ever told anything
                    self._known.look(by)
        except PiCamError as error:
            log.warning("a change was not noted for the portal", extra={"trouble": str(error)})

    def recent(self) -> list[Settled]:
        """What became of the portal's last edits, the newest first. Raises `StoreError`."""
        with self._lock:
            self._known.load(again=True)
            return list(self._known.settled.values())[: -SHOWN - 1 : -1]

    def exchange(self, client: Client, answer: Mapping[str, Any]) -> None:
        """`answer`: what the portal said when it was told that this device is there. Raises `PortalUnreachable`,
        `StoreError`, `NotReady`; `PortalRefused` when this device belongs to nobody there any more."""
        told = answer.get("configuration")
        if not isinstance(told, str):
            return  # a portal that keeps none
        with self._lock:
            is_new = client is not self._spoken_with  # another start, with other words for the rows; or another portal
            self._known.load(again=is_new)
            self._known.look("")
            if is_new:
                self._told.clear()
            elif told == self._known.digest():
                return
        try:
            self._talk(client)
        except PortalRefused as error:
            if error.code == "unpaired":
                raise
            log.warning("the portal did not take the configuration", extra={"trouble": str(error)})
        self._spoken_with = client

    def _talk(self, client: Client) -> None:
        told_again = False
        for _ in range(ROUNDS):
            with self._lock:
                message, versions, keys = self._message()
            answer = answer_from(client.say("config", message))
            with self._lock:
                self._told |= versions
                self._heard |= keys
                moved = [self._jump(name, version) for name, version in answer.behind.items()]
                moved += [self._settle(edit) for edit in answer.edits]
                if any(moved) or self._is_something_unsaid():
                    continue
                if answer.digest == self._known.digest() or told_again:
                    return
                told_again = True
                self._told.clear()

    def _message(self) -> tuple[dict[str, Any], dict[str, int], set[str]]:
        """What to say, the versions of its rows, and the edits whose end it tells."""
        outcomes = self._known.outcomes(self._heard)
        rows: list[dict[str, Any]] = []
        room = MESSAGE_BYTES - len(json.dumps(outcomes))
        for name, item in self._known.items.items():
            if self._told.get(name, 0) < self._known.rows[name].version:
                row = self._known.told(item)
                room -= len(json.dumps(row))
                if rows and room < 0:
                    break
                rows.append(row)
        message = {"names": list(self._known.items), "rows": rows, "outcomes": outcomes}
        return message, {row["name"]: row["version"] for row in rows}, {one["key"] for one in outcomes}

    def _is_something_unsaid(self) -> bool:
        rows, settled = self._known.rows, self._known.settled
        return (
            any(self._told.get(one, 0) < row.version for one, row in rows.items()) or not settled.keys() <= self._heard
        )

    def _jump(self, name: str, version: int) -> bool:
        """The portal saw a higher version: of a database that was since replaced by an older copy."""
        row = self._known.may_jump(name, version)
        if row is None or not self._budget.take():
            return False
        self._known.jump(row, version)
        return True

    def _settle(self, edit: Edit) -> bool:
        """Does what the portal asks for, once. False: not now. Raises `StoreError`."""
        if edit.key in self._known.settled:
            self._heard.discard(edit.key)  # what became of it did not arrive
            return True
        if not self._budget.take():
            return False
        try:
            self._done(edit)
        except NotReady as error:
            log.warning("an edit of the portal waits", extra={"trouble": str(error)})
            return False
        return True

    def _done(self, edit: Edit) -> None:
        for _ in range(TRIES):
            self._known.look("")
            row, item = self._known.rows.get(edit.name), self._known.items.get(edit.name)
            if row is None or item is None or not item.editable:
                return self._end(edit, "refused", row, why=CLOSED)
            verdict = judge(row.version, row.value, self._known.age(row), edit)
            if verdict == "overtaken":
                return self._end(edit, "overtaken", row, why=OVERTAKEN)
            try:
                after = row.value if verdict == "same" else self._place.change(edit.name, edit.value, row.value)
            except Conflict:
                continue  # somebody at home was quicker: look again
            except (StoreError, NotReady):
                raise
            except PiCamError as error:
                return self._end(edit, "refused", row, why=str(error))
            return self._end(edit, "applied", row, after)
        return self._end(edit, "refused", self._known.rows.get(edit.name), why=MOVED)

    def _end(self, edit: Edit, result: Result, row: Row | None, after: Value | None = None, why: str = "") -> None:
        """`row`: as it was before."""
        now, other, changed = self._known.now(), None, None
        if row is not None and result != "refused" and edit.base != row.version and row.value != edit.value:
            other = Other(row.value, row.by, row.at)
        if row is not None and after is not None and after != row.value:
            changed = Row(row.name, after, row.version + 1, edit.by, now and now - edit.seconds_ago)
        since = changed or row
        version = since.version if since else 0
        settled = Settled(edit.key, edit.name, edit.value, edit.by, result, why, version, other, now)
        self._known.settle(settled, changed, edit.seconds_ago)
        self._write_down(settled, row)

    def _write_down(self, settled: Settled, row: Row | None) -> None:
        camera = CAMERA_NAME.fullmatch(settled.name)
        self._note(
            "setting-changed-from-portal",
            actor=settled.by,
            camera=camera[1] if camera else "",
            result="ok" if settled.result == "applied" else "refused",
            name=settled.name,
            before=row and row.value,
            after=settled.value,
            **({"why": settled.why} if settled.why else {}),
        )
