"""The settings and camera names of a device of one's own: as it last told them, and edited here."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, flash, redirect, request
from werkzeug.wrappers import Response as BaseResponse

from web.portal import throttle, typed
from web.portal.accounts.entry import form_page
from web.portal.accounts.people import person
from web.portal.database import db
from web.portal.devices import configuration
from web.portal.devices.merging import PORTAL, WAITING, Configuration, Value
from web.portal.devices.models import Device
from web.portal.devices.pages import own
from web.portal.devices.setting_models import DeviceSetting, SettingEdit
from web.portal.errors import NotFound, Refused
from web.portal.rendering import render
from web.portal.rules import rule
from web.portal.services import services

blueprint = Blueprint("setting_pages", __name__)

HISTORY_SHOWN = 30
CAMERA_PREFIX, CAMERA_SUFFIX = "camera.", ".name"
SENT = "Kept. The camera is told as soon as it is heard of, and this page shows what became of it."
SAME = "Nothing was changed."
TAKEN_BACK = "Taken back."
GONE = "The camera has heard of this change already."


@blueprint.get("/devices/<device_id>/settings")
@rule("person")
def settings(device_id: str) -> str:
    """What the device told, what waits for it, and the last changes."""
    return render("portal/settings.html", **_values(own(device_id), typed.again(request.path)))


@blueprint.post("/devices/<device_id>/settings")
@rule("fresh", page="/devices/{device_id}/settings")
@throttle.by_address
def change(device_id: str) -> BaseResponse:
    """What differs from what was shown is for the device to take."""
    device = own(device_id)
    try:
        wanted = _wanted(configuration.locked(device))
        count = configuration.propose(device, wanted, person()) if wanted else 0
    except Refused as error:
        db.session.rollback()
        return form_page("portal/settings.html", error, **_values(own(device_id), request.form.to_dict()))
    db.session.commit()
    flash(SENT if count else SAME, "good")
    return redirect(f"/devices/{device.id}/settings", 303)


@blueprint.post("/devices/<device_id>/settings/<key>/withdraw")
@rule("person")
def withdraw(device_id: str, key: str) -> BaseResponse:
    """A change of which the device did not hear yet: or it did, and says so later."""
    device = own(device_id)
    if not configuration.withdraw(device, key):
        raise NotFound(GONE)
    db.session.commit()
    flash(TAKEN_BACK, "good")
    return redirect(f"/devices/{device.id}/settings", 303)


def _wanted(here: Configuration) -> dict[str, tuple[Value, int]]:
    """New values, and the versions upon which they were made. Raises `Refused`."""
    wanted: dict[str, tuple[Value, int]] = {}
    for name, row in here.rows.items():
        if row.editable and f"shown.{name}" in request.form:
            base, before = _shown(request.form[f"shown.{name}"])
            value = configuration.value_from(row, request.form.get(f"value.{name}"))
            if value != before:
                wanted[name] = (value, base)
    return wanted


def _shown(text: str) -> tuple[int, object]:
    """Version and value, as the form had them. Raises `Refused`."""
    try:
        base, before = json.loads(text[:5000])
    except (ValueError, TypeError, RecursionError):
        raise Refused(configuration.DOES_NOT_FIT) from None
    if type(base) is not int:
        raise Refused(configuration.DOES_NOT_FIT)
    return base, before


def _values(device: Device, form: dict[str, str]) -> dict[str, Any]:
    """`form`: what was typed and not taken."""
    here = configuration.of(device)
    rows = [_row(row, here, form) for row in here.rows.values()]
    return {
        "device": device,
        "cameras": [row for row in rows if row["camera"]],
        "editable": [row for row in rows if not row["camera"] and row["editable"]],
        "closed": [row for row in rows if not row["camera"] and not row["editable"]],
        "history": [_edit(edit, here) for edit in sorted(here.edits, key=_when)[: -HISTORY_SHOWN - 1 : -1]],
        "seen_at": device.seen_at,
        "now": services().clock(),
    }


def _row(row: DeviceSetting, here: Configuration, form: dict[str, str]) -> dict[str, Any]:
    last = next((edit for edit in reversed(here.edits) if edit.name == row.name and edit.origin == PORTAL), None)
    counts = last is not None and (last.state == WAITING or row.version <= (last.version or 0))
    waiting = here.waiting().get(row.name)
    kept = waiting.value if waiting else row.value
    value = json.loads(kept)
    if f"shown.{row.name}" in form:
        value = f"value.{row.name}" in form if row.kind == "boolean" else form.get(f"value.{row.name}", "")
    return {
        "name": row.name,
        "camera": camera_of(row.name),
        "title": row.title,
        "help": row.help,
        "kind": row.kind,
        "low": row.low,
        "high": row.high,
        "choices": json.loads(row.choices),
        "restart": row.restart,
        "editable": row.editable,
        "value": value,
        "there": json.loads(row.value),
        "shown": form.get(f"shown.{row.name}") or f"[{row.version}, {kept}]",
        "last": _edit(last, here) if last and counts else None,  # until the row is changed again
    }


def _when(edit: SettingEdit) -> tuple[datetime, int]:
    """When it was made, or at least was heard of."""
    at = edit.made_at or edit.settled_at or datetime.min.replace(tzinfo=UTC)
    return at, edit.id


def _edit(edit: SettingEdit, here: Configuration) -> dict[str, Any]:
    row = here.rows.get(edit.name)
    return {
        "key": edit.key,
        "title": row.title if row else edit.name,
        "camera": camera_of(edit.name),
        "value": json.loads(edit.value),
        "origin": edit.origin,
        "state": edit.state,
        "waits": edit.state == WAITING,
        "why": edit.why,
        "by": edit.made_by,
        "at": edit.made_at,
        "version": edit.version,
        "other": json.loads(edit.other_value) if edit.other_value is not None else None,
        "other_by": edit.other_by,
        "other_at": edit.other_at,
    }


def camera_of(name: str) -> str | None:
    """The camera whose name a row is; None for a setting."""
    if name.startswith(CAMERA_PREFIX) and name.endswith(CAMERA_SUFFIX):
        return name[len(CAMERA_PREFIX) : -len(CAMERA_SUFFIX)]
    return None
