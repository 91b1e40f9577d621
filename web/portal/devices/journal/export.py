"""Rows as a file, one piece of text after the other: device by device, oldest first."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

from sqlalchemy import Row, and_, or_, select
from webauthn.helpers import bytes_to_base64url

from web.journal.forwarded import Forwarded
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
    ends = [_written(_described(*found)) for found in _ends(choice.owned)] if choice.is_all else []
    return chain(ends, map(_as_json, _rows(choice)))


def as_csv(choice: Choice) -> Iterator[str]:
    """RFC 4180, every field quoted; none that a spreadsheet would take for a formula."""
    names = {device.id: harmless(device.name) for device in choice.seen}

    def written(row: Row[Any]) -> str:
        start = (row.device_id, names.get(row.device_id, ""), row.seq, row.shown_at.isoformat(), harmless(str(row.at)))
        texts = map(harmless, (row.actor, row.action, row.camera, row.result, row.detail))
        return line([*start, *texts, row.hash.hex()])

    return chain([line(COLUMNS)], map(written, _rows(choice)))


FORMATS: dict[str, tuple[str, str, Callable[[Choice], Iterator[str]]]] = {
    "json": ("application/jsonl", "jsonl", as_json_lines),
    "csv": ("text/csv", "csv", as_csv),
}
"""Each with its media type and the end of the file's name."""


def _as_json(row: Row[Any]) -> str:
    said = {name: getattr(row, name) for name in Forwarded.__slots__}
    own = {"hash": bytes_to_base64url(row.hash), "time": row.shown_at.isoformat()}
    return _written({"kind": "row", "device": row.device_id, **said, **own})


def _rows(choice: Choice) -> Iterator[Row[Any]]:
    """In pages: no connection is held while somebody reads slowly."""
    table = JournalRow.__table__
    after: tuple[str, int] | None = None
    while True:
        conditions = list(choice.conditions)
        if after is not None:
            name, seq = after
            same = and_(JournalRow.device_id == name, JournalRow.seq > seq)
            conditions.append(or_(JournalRow.device_id > name, same))
        statement = select(table).where(*conditions).order_by(JournalRow.device_id, JournalRow.seq).limit(PAGE_ROWS)
        with db.engine.connect() as connection:
            rows = connection.execute(statement).all()
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
