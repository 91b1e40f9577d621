"""What the portal makes of what a device says of its configuration, and of what the owner edits here (ADR 18).

The device decides: it alone knows whether somebody at home changed the row, too. Here an edit waits until the device told
what became of it. Nothing here asks the database.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from web.portal.devices.setting_models import DeviceSetting, SettingEdit

EDITS_AT_ONCE = 50
KEPT_EDITS = 200
WAITING, REPLACED, APPLIED, REFUSED, OVERTAKEN = "waiting", "replaced", "applied", "refused", "overtaken"
PORTAL, HOME = "portal", "home"

Value = int | float | str | bool


@dataclass(slots=True)
class Configuration:
    """Of one device: its rows by name, and the edits that are remembered, oldest first."""

    device_id: str
    rows: dict[str, DeviceSetting] = field(default_factory=dict)
    edits: list[SettingEdit] = field(default_factory=list)

    def waiting(self) -> dict[str, SettingEdit]:
        """What the device did not hear of yet, or did not answer, by row."""
        return {edit.name: edit for edit in self.edits if edit.state == WAITING}

    def digest(self) -> str:
        """Of all rows: as the device makes it."""
        lines = "\n".join(f"{name} {row.version}" for name, row in sorted(self.rows.items()))
        return hashlib.sha256(lines.encode()).hexdigest()[:32]

    def propose(self, row: DeviceSetting, value: Value, base: int, by: str, now: datetime) -> SettingEdit:
        """An edit made here. One that waits for the same row is replaced by it."""
        before = self.waiting().get(row.name)
        if before is not None:
            before.state, before.settled_at = REPLACED, now
        if self._led_to(row.name, row.version):
            base = row.version  # what it meets was made here, too, and earlier: two pages of one owner are no conflict
        edit = SettingEdit(
            device_id=self.device_id,
            key=secrets.token_hex(16),
            name=row.name,
            value=written(value),
            origin=PORTAL,
            state=WAITING,
            why="",
            base=base,
            made_by=by,
            made_at=now,
        )
        self.edits.append(edit)
        self._forget()
        return edit

    def take(self, said: Mapping[str, Any], now: datetime) -> dict[str, int]:
        """What the device says. Answers in which rows it is behind: it is told the version that is known here."""
        for outcome in said["outcomes"]:
            self._end(outcome, now)
        behind: dict[str, int] = {}
        for row in said["rows"]:
            known = self.rows.get(row["name"])
            if known is None or row["version"] > known.version:
                self._keep(known, row, now)
            elif row["version"] < known.version or written(row["value"]) != known.value:
                behind[known.name] = known.version
            else:
                _describe(known, row)
        for name in self.rows.keys() - set(said["names"]):
            del self.rows[name]
        for position, name in enumerate(said["names"]):
            if name in self.rows:
                self.rows[name].position = position
        self._forget()
        return behind

    def for_device(self, now: datetime) -> list[dict[str, Any]]:
        """The edits that wait, as a device takes them."""
        return [
            {
                "key": edit.key,
                "name": edit.name,
                "value": json.loads(edit.value),
                "base": edit.base,
                "seconds_ago": max(0.0, (now - edit.made_at).total_seconds()) if edit.made_at else 0.0,
                "by": edit.made_by,
            }
            for edit in list(self.waiting().values())[:EDITS_AT_ONCE]
        ]

    def _end(self, outcome: Mapping[str, Any], now: datetime) -> None:
        edit = next((one for one in self.edits if one.key == outcome["key"] and one.origin == PORTAL), None)
        if edit is None or edit.state not in (WAITING, REPLACED):
            return
        edit.state, edit.why, edit.version, edit.settled_at = outcome["result"], outcome["why"], outcome["version"], now
        other = outcome["other"]
        if other is not None:
            edit.other_value, edit.other_by = written(other["value"]), other["by"]
            edit.other_at = _moment(other["seconds_ago"], now)
        later = self.waiting().get(edit.name)
        if later is not None and edit.state == APPLIED and later.base < outcome["version"]:
            later.base = outcome["version"]  # it was made by whoever knew of this one

    def _keep(self, known: DeviceSetting | None, row: Mapping[str, Any], now: datetime) -> None:
        at = _moment(row["seconds_ago"], now)
        if known is None:
            known = self.rows[row["name"]] = DeviceSetting(device_id=self.device_id, name=row["name"], position=0)
        elif written(row["value"]) != known.value and not self._led_to(row["name"], row["version"]):
            self.edits.append(self._at_home(known, row, at, now))
        known.value, known.version = written(row["value"]), row["version"]
        known.edited_at, known.edited_by = at, row["by"]
        _describe(known, row)

    def _forget(self) -> None:
        """The oldest go, but none that waits."""
        ended = [edit for edit in self.edits if edit.state != WAITING]
        for edit in ended[:-KEPT_EDITS]:
            self.edits.remove(edit)

    def _led_to(self, name: str, version: int) -> bool:
        """Whether an edit from here is what the device tells now."""
        found = (one for one in self.edits if one.name == name and one.version == version)
        return any(edit.origin == PORTAL and edit.state == APPLIED for edit in found)

    def _at_home(self, known: DeviceSetting, row: Mapping[str, Any], at: datetime | None, now: datetime) -> SettingEdit:
        return SettingEdit(
            device_id=self.device_id,
            key=secrets.token_hex(16),
            name=known.name,
            value=written(row["value"]),
            origin=HOME,
            state=APPLIED,
            why="",
            base=known.version,
            version=row["version"],
            made_by=row["by"],
            made_at=at,
            settled_at=now,
        )


def written(value: Value) -> str:
    """As it is kept."""
    return json.dumps(value, ensure_ascii=False)


def _describe(known: DeviceSetting, row: Mapping[str, Any]) -> None:
    known.title, known.help, known.kind = row["title"], row["help"], row["kind"]
    known.low, known.high, known.choices = row["low"], row["high"], json.dumps(row["choices"], ensure_ascii=False)
    known.restart, known.editable = row["restart"], row["editable"]


def _moment(seconds_ago: float | None, now: datetime) -> datetime | None:
    return None if seconds_ago is None else now - timedelta(seconds=seconds_ago)
