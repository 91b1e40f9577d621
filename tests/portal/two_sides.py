"""A device and a portal that edit the same rows, on a clock of the test's own; whatever passes between them may get lost."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from pi_cam.errors import Conflict, PortalUnreachable, SettingError
from pi_cam.migrations import MIGRATIONS
from pi_cam.remote.budget import Budget
from pi_cam.remote.configurable import MOVED, Item
from pi_cam.remote.configuration import Configuration
from pi_cam.remote.known import Known
from pi_cam.remote.portal_answers import Client
from pi_cam.remote.rows import Rows
from pi_cam.setting import Value
from pi_cam.store import Store
from web.portal.devices import merging
from web.portal.devices.config_speech import ConfigSchema
from web.portal.devices.setting_models import SettingEdit

TRUE_START = 1_800_000_000.0
MOST = 5
OWNER, AT_HOME = "z***@example.org", "Ada"


class MemoryStore:
    """The device's tables without a disk; what was committed stays when the device starts again."""

    def __init__(self) -> None:
        self._database = sqlite3.connect(":memory:")
        self._database.row_factory = sqlite3.Row
        for script in MIGRATIONS:
            self._database.executescript(script)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        with self._database:
            yield self._database

    def close(self) -> None:
        self._database.close()


class Board:
    """Rows with a number each; more than `MOST` is refused."""

    def __init__(self, *names: str) -> None:
        self.values: dict[str, Value] = dict.fromkeys(names, 0)

    def items(self) -> dict[str, Item]:
        return {
            name: Item(name, value, name.title(), kind="integer", low=0, high=MOST, editable=True)
            for name, value in self.values.items()
        }

    def change(self, name: str, value: object, before: Value) -> Value:
        if self.values[name] != before:
            raise Conflict(MOVED)
        if not isinstance(value, int) or value > MOST:
            raise SettingError(f"{name} must be at most {MOST}.")
        self.values[name] = value
        return value


@dataclass(frozen=True)
class HomeEdit:
    """`at`: the true time. `version`: of the row since."""

    name: str
    value: Value
    at: float
    version: int


class World:
    """`fates`: what becomes of the next messages: "ok", "lost" (never arrives), "deaf" (its answer does not), or a row that
    somebody at home changes while the answer is under way."""

    address = "https://portal.example"

    def __init__(self, *names: str) -> None:
        self.elapsed = 0.0
        self.store = MemoryStore()
        self.board = Board(*names)
        self.portal = merging.Configuration("device")
        self.seen: dict[str, int] = {}
        self.home: list[HomeEdit] = []
        self.notes: list[dict[str, Any]] = []
        self.fates: list[str] = []
        self.clock_is_set = self.everything_is_dated = True
        self.booted_at = 0.0
        self.boot()

    def boot(self, clock_is_set: bool = True) -> None:
        """The device starts: from then on it has what its store has, and a clock that may begin in 1970."""
        self.clock_is_set = clock_is_set
        self.everything_is_dated &= clock_is_set
        self.booted_at = self.elapsed
        kept = Rows(cast(Store, self.store))
        self.known = Known(kept, self.board, self.wall, self.monotonic)
        self.device = Configuration(self.known, self.board, self._note, Budget(self.monotonic))

    def monotonic(self) -> float:
        return self.elapsed - self.booted_at

    def wall(self) -> float:
        return (TRUE_START if self.clock_is_set else 0.0) + self.elapsed

    def now(self) -> datetime:
        return datetime.fromtimestamp(TRUE_START, UTC) + timedelta(seconds=self.elapsed)

    def edit_while_off(self, name: str, value: int) -> None:
        """Somebody writes into the file of settings; nobody sees when."""
        self.boot()
        self.everything_is_dated = False
        self.edit_at_home(name, value, by="")

    def edit_at_home(self, name: str, value: int, by: str = AT_HOME) -> None:
        if self.board.values[name] == value:
            return
        self.board.values[name] = value
        self.device.edited(by)
        if name in self.known.rows:
            version = self.known.rows[name].version
            self.home.append(HomeEdit(name, value, self.elapsed, version))

    def look_at_the_page(self) -> None:
        """Somebody opens the page at the portal: what they edit there later is made upon these versions."""
        self.seen = {name: row.version for name, row in self.portal.rows.items()}

    def edit_at_the_portal(self, name: str, value: int) -> SettingEdit | None:
        if name not in self.seen:
            return None
        return self.portal.propose(self.portal.rows[name], value, self.seen[name], OWNER, self.now())

    def exchange(self, *fates: str) -> bool:
        """Presence, and what follows. False when a message got lost."""
        self.fates = list(fates)
        waits = bool(self.portal.waiting())
        try:
            self.device.exchange(cast(Client, self), {"configuration": "edits" if waits else self.portal.digest()})
        except PortalUnreachable:
            return False
        return True

    def say(self, noun: str, body: dict[str, Any]) -> dict[str, Any]:
        assert noun == "config"
        fate = self.fates.pop(0) if self.fates else "ok"
        if fate == "lost":
            raise PortalUnreachable("lost")
        said = cast(dict[str, Any], ConfigSchema().load(json.loads(json.dumps(body))))
        behind = self.portal.take(said, self.now())
        answer = {"digest": self.portal.digest(), "behind": behind, "edits": self.portal.for_device(self.now())}
        if fate in self.board.values:
            self.edit_at_home(fate, (cast(int, self.board.values[fate]) + 1) % MOST)
        if fate == "deaf":
            raise PortalUnreachable("deaf")
        return cast(dict[str, Any], json.loads(json.dumps(answer)))

    def _note(self, action: str, **detail: Any) -> None:
        assert action == "setting-changed-from-portal"
        self.notes.append(detail)
