"""Rows as a file, one piece of text after the other: device by device, oldest first."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

from sqlalchemy import and_, or_, select
from webauthn.helpers import bytes_to_base64url

from web.journal.spreadsheet import harmless, line
from web.portal.database import db
from web.portal.devices.journal.choice import Choice
from web.portal.devices.journal.models import JournalEnds, JournalRow
from web.portal.devices.models import Device
from web.portal.services import services

PAGE_ROWS = 1_000
COLUMNS = ("device", "name", "number", "time", "at", "actor", "action", "camera", "result", "detail", "hash")


def as_json_lines(choice: Choice) -> Iterator[str]:
    """JSON, one object a line. `"kind": "row"`; of a device whose rows are all there, first its two ends
    (`"kind": "device"`), so that `pi-cam journal compare` can check them."""
    if choice.is_all:
        for device, ends in _ends(choice.owned):
            yield _written(_described(device, ends))
    for row in _rows(choice):
        own = {"hash": bytes_to_base64url(row.hash), "time": row.shown_at.isoformat()}
        yield _written({"kind": "row", "device": row.device_id, **asdict(row.forwarded()), **own})


def as_csv(choice: Choice) -> Iterator[str]:
    """RFC 4180, every field quoted; none that a spreadsheet would take for a formula."""
    names = {device.id: device.name for device in choice.seen}
    yield line(COLUMNS)
    for row in _rows(choice):
        texts = map(harmless, (row.actor, row.action, row.camera, row.result, row.detail))
        start = (row.device_id, harmless(names.get(row.device_id, "")), row.seq, row.shown_at.isoformat(), row.at)
        yield line([*start, *texts, bytes_to_base64url(row.hash)])


FORMATS: dict[str, tuple[str, str, Callable[[Choice], Iterator[str]]]] = {
    "json": ("application/jsonl", "jsonl", as_json_lines),
    "csv": ("text/csv", "csv", as_csv),
}
"""Each with its media type and the end of the file's name."""


def _rows(choice: Choice) -> Iterator[JournalRow]:
    """In pages: no transaction stays open while somebody reads slowly."""
    after: tuple[str, int] | None = None
    while True:
        conditions = list(choice.conditions)
        if after is not None:
            name, seq = after
            same = and_(JournalRow.device_id == name, JournalRow.seq > seq)
            conditions.append(or_(JournalRow.device_id > name, same))
        statement = (
            select(JournalRow).where(*conditions).order_by(JournalRow.device_id, JournalRow.seq).limit(PAGE_ROWS)
        )
        rows = list(db.session.scalars(statement))
        db.session.rollback()
        yield from rows
        if len(rows) < PAGE_ROWS:
            return
        after = rows[-1].device_id, rows[-1].seq


def _ends(devices: list[Device]) -> list[tuple[Device, JournalEnds]]:
    wanted = select(JournalEnds).where(JournalEnds.device_id.in_([device.id for device in devices]))
    ends = {one.device_id: one for one in db.session.scalars(wanted)}
    return [(device, ends[device.id]) for device in devices if device.id in ends]


def _described(device: Device, ends: JournalEnds) -> dict[str, Any]:
    head = None
    if ends.signed_seq is not None and ends.signed_hash is not None and ends.signature is not None:
        signed = {"seq": ends.signed_seq, "hash": bytes_to_base64url(ends.signed_hash), "at": ends.signed_at}
        head = {**signed, "signature": bytes_to_base64url(ends.signature)}
    return {
        "kind": "device",
        "device": device.id,
        "name": device.name,
        "portal": services().settings.url,
        "before": {"seq": ends.before_seq, "hash": bytes_to_base64url(ends.before_hash)},
        "head": head,
    }


def _written(said: dict[str, Any]) -> str:
    return json.dumps(said) + "\n"
