"""The journal of all devices: a page, and files."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, request, stream_with_context

from web.journal.words import ACTIONS
from web.portal.accounts.people import person
from web.portal.database import db
from web.portal.devices.journal import choice, export, wholeness
from web.portal.devices.journal.intake import CLOCK_OFF, KEPT_ROWS, REFUSALS
from web.portal.devices.journal.models import JournalRow
from web.portal.errors import Refused
from web.portal.rendering import render
from web.portal.rules import rule
from web.portal.services import services

blueprint = Blueprint("journal", __name__)

LATE = timedelta(minutes=10)


@blueprint.get("/journal")
@rule("person")
def journal() -> str:
    """Newest first, with what can be said of each device's chain; with `look=again`, of all of its rows as they are now."""
    chosen = choice.made(person(), request.args.to_dict())
    rows, older = choice.page(chosen)
    kept = {name: value for name, value in _address(chosen).items() if value}
    return render(
        "portal/journal.html",
        rows=[_shown(row) for row in rows],
        older=f"/journal?{urlencode(kept | {'before': older})}" if older else None,
        saved={name: f"/journal/export?{urlencode(kept | {'format': name})}" for name in export.FORMATS},
        asked=chosen.asked,
        devices=chosen.seen,
        names={device.id: device.name for device in chosen.seen},
        cameras=chosen.cameras,
        actions=ACTIONS,
        chains=wholeness.of(chosen.owned, rows, again=request.args.get("look") == "again"),
        counts_for=wholeness.COUNTS_FOR,
        refusals=REFUSALS,
        late_since=services().clock() - LATE,
        kept_rows=KEPT_ROWS,
    )


@blueprint.get("/journal/export")
@rule("person")
def save() -> Response:
    """All rows that were chosen, sent as they are read."""
    arguments = request.args.to_dict()
    found = export.FORMATS.get(arguments.pop("format", ""))
    if found is None:
        raise Refused(choice.NO_SENSE)
    mimetype, ending, write = found
    pieces = stream_with_context(write(choice.made(person(), arguments)))
    db.session.rollback()  # nothing is held while somebody reads slowly
    disposition = f"attachment; filename=journal.{ending}"
    return Response(pieces, mimetype=mimetype, headers={"Content-Disposition": disposition})


def _address(chosen: choice.Choice) -> dict[str, str]:
    asked = chosen.asked
    days = {"from": asked["since"], "to": asked["until"]}
    return {name: asked[name] for name in ("device", "camera", "person", "action")} | days


def _shown(row: JournalRow) -> dict[str, Any]:
    seconds = row.shown_at.timestamp()
    return {
        "device": row.device_id,
        "seq": row.seq,
        "at": seconds,
        "clock_was_wrong": abs(row.at / 1000 - seconds) > CLOCK_OFF.total_seconds(),
        "actor": row.actor,
        "action": row.action,
        "camera": row.camera,
        "result": row.result,
        "detail": _values(row.detail),
    }


def _values(text: str) -> dict[str, str]:
    """For people: a device may say anything."""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        return {"…": text[:200]} if text else {}
    return {name: _value(value) for name, value in values.items() if value not in (None, "", [])}


def _value(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
