"""A device's configuration in the database: the rows as it last told them, and the edits of them."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import select

from web.portal.accounts.addresses import masked
from web.portal.accounts.models import User
from web.portal.database import db
from web.portal.devices.merging import REPLACED, WAITING, Configuration, Value
from web.portal.devices.models import Device
from web.portal.devices.setting_models import DeviceSetting, SettingEdit
from web.portal.errors import Refused
from web.portal.services import services

EDITS_WAIT = "edits"
"""Where else the digest of the rows stands: nothing that a device says has this for a digest, so it comes."""

LARGEST, TEXT_MOST = 1e15, 200
"""Of what is edited here: fifty of them together must fit into what a device reads at once."""

DOES_NOT_FIT = "This value does not fit there."


def of(device: Device) -> Configuration:
    """As it is now, whatever was read before."""
    rows = db.session.scalars(
        select(DeviceSetting)
        .where(DeviceSetting.device_id == device.id)
        .order_by(DeviceSetting.position, DeviceSetting.name)
        .execution_options(populate_existing=True)
    )
    edits = db.session.scalars(
        select(SettingEdit)
        .where(SettingEdit.device_id == device.id)
        .order_by(SettingEdit.id)
        .execution_options(populate_existing=True)
    )
    return Configuration(device.id, {row.name: row for row in rows}, list(edits))


def locked(device: Device) -> Configuration:
    """As it is now, and nobody else changes it until the view commits: neither another page nor the device."""
    db.session.flush()
    db.session.refresh(device, ["configuration"], with_for_update=True)
    return of(device)


def exchange(device: Device, said: dict[str, Any]) -> dict[str, Any]:
    """Takes what the device says; what it is told. The view commits."""
    here, now = locked(device), services().clock()
    known, edits = dict(here.rows), list(here.edits)
    behind = here.take(said, now)
    _write(device, here, known, edits)
    return {"digest": here.digest(), "behind": behind, "edits": here.for_device(now)}


def propose(device: Device, wanted: dict[str, tuple[Value, int]], user: User) -> int:
    """Edits made here: name → value and the version that was shown. How many of them say anything new. Raises `Refused`;
    the view commits."""
    here, now = locked(device), services().clock()
    known, edits = dict(here.rows), list(here.edits)
    for name, (value, base) in wanted.items():
        row = here.rows.get(name)
        if row is None or not row.editable or not 0 <= base <= row.version:
            raise Refused(DOES_NOT_FIT)
        _check(row, value)
        here.propose(row, value, base, masked(user.email), now)
    _write(device, here, known, edits)
    return len(wanted)


def withdraw(device: Device, key: str) -> bool:
    """Takes an edit back that waits. False when there is none. The view commits."""
    here = locked(device)
    edit = next((one for one in here.waiting().values() if one.key == key), None)
    if edit is None:
        return False
    edit.state, edit.settled_at = REPLACED, services().clock()
    _write(device, here, dict(here.rows), list(here.edits))
    return True


def value_from(row: DeviceSetting, text: str | None) -> Value:
    """What a form says: a box that is not ticked says nothing. Raises `Refused`."""
    if row.kind == "boolean":
        return text is not None
    try:
        if row.kind == "integer":
            return int(text or "")
        if row.kind == "number":
            return float(text or "")
    except ValueError:
        raise Refused(DOES_NOT_FIT) from None
    return (text or "").strip()


def _check(row: DeviceSetting, value: Value) -> None:
    """What the page can tell at once; the device looks at it in full. Raises `Refused`."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        low, high = (-LARGEST if row.low is None else row.low), (LARGEST if row.high is None else row.high)
        if not low <= value <= high:  # nor is "not a number"
            raise Refused(DOES_NOT_FIT)
    choices = json.loads(row.choices)
    if isinstance(value, str) and (
        len(value) > TEXT_MOST or not value.isprintable() or (choices and value not in choices)
    ):
        raise Refused(DOES_NOT_FIT)


def _write(device: Device, here: Configuration, known: dict[str, DeviceSetting], edits: list[SettingEdit]) -> None:
    for name, row in known.items():
        if name not in here.rows:
            db.session.delete(row)
    for edit in edits:
        if edit not in here.edits:
            db.session.delete(edit)
    db.session.add_all([*here.rows.values(), *here.edits])
    waits = any(edit.state == WAITING for edit in here.edits)
    device.configuration = EDITS_WAIT if waits else here.digest()
    db.session.flush()
