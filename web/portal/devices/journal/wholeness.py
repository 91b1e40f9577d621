"""Whether a device's rows are as it sent them, up to what it signed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import and_, or_, select
from webauthn.helpers import bytes_to_base64url

from web.journal.forwarded import HEAD_PURPOSE, Forwarded, first_fault, head_text
from web.portal.database import db
from web.portal.devices import proofs
from web.portal.devices.journal.models import JournalEnds, JournalRow
from web.portal.devices.models import Device
from web.portal.errors import NotSignedIn

NEWEST_ROWS = 2_000
"""So many are looked at when several devices are shown: 20 ms of work."""

Found = tuple[Forwarded, bytes, bytes]
"""A row, the hash of the one before it, and its own."""


@dataclass(frozen=True, slots=True)
class Wholeness:
    """`first`: from which row on it was looked at. `to`: up to which row all is whole. `fault`: the first row that is
    missing or was changed; None when there is none. `ends`: None when nothing came yet."""

    device: Device
    ends: JournalEnds | None
    first: int = 1
    to: int = 0
    fault: int | None = None

    @property
    def missing(self) -> int:
        """How many rows the device signed that are not here yet."""
        return max(0, (self.ends.signed_seq or 0) - self.ends.last_seq) if self.ends else 0

    @property
    def is_all(self) -> bool:
        """Whether every row that is kept was looked at."""
        return self.ends is None or self.first == self.ends.before_seq + 1


def of(devices: Sequence[Device]) -> list[Wholeness]:
    """Of one device, all rows; of several, the newest. As many statements whatever their number."""
    named = [device.id for device in devices]
    ends = {
        one.device_id: one for one in db.session.scalars(select(JournalEnds).where(JournalEnds.device_id.in_(named)))
    }
    since = {
        name: one.before_seq if len(devices) == 1 else max(one.before_seq, one.last_seq - NEWEST_ROWS // len(devices))
        for name, one in ends.items()
    }
    rows = _rows(since)
    return [
        _looked_at(device, ends[device.id], since[device.id], rows.get(device.id, []))
        if device.id in ends
        else Wholeness(device, None)
        for device in devices
    ]


def _looked_at(device: Device, ends: JournalEnds, since: int, rows: list[Found]) -> Wholeness:
    previous = ends.before_hash if since == ends.before_seq else rows[0][1] if rows else b""
    known = {since: previous} | {row.seq: own for row, _, own in rows}
    to, last_hash, fault = first_fault(((row, own) for row, _, own in rows), since, previous)
    if fault is None and (to, last_hash) != (ends.last_seq, ends.last_hash):
        fault = min(to, ends.last_seq) + 1
    if fault is None and not _signature_holds(device, ends, known):
        fault = min(ends.signed_seq or 0, to)
    return Wholeness(device, ends, since + 1, to, fault)


def _signature_holds(device: Device, ends: JournalEnds, known: dict[int, bytes]) -> bool:
    if ends.signed_seq is None or ends.signed_hash is None or ends.signature is None:
        return True
    if known.get(ends.signed_seq, ends.signed_hash) != ends.signed_hash:
        return False
    what = head_text(device.id, ends.signed_seq, ends.signed_hash, ends.signed_at or 0)
    try:
        proofs.check(device.public_key, bytes_to_base64url(ends.signature), HEAD_PURPOSE, what)
    except NotSignedIn:
        return False
    return True


def _rows(since: dict[str, int]) -> dict[str, list[Found]]:
    if not since:
        return {}
    table = JournalRow.__table__.c
    wanted = or_(*(and_(table.device_id == name, table.seq > after) for name, after in since.items()))
    names = ("seq", "at", "actor", "action", "camera", "result", "detail", "previous_hash", "hash", "device_id")
    found = db.session.execute(
        select(*(table[name] for name in names)).where(wanted).order_by(table.device_id, table.seq)
    )
    return {
        device: [(Forwarded(*row[:7]), row[7], row[8]) for row in rows]
        for device, rows in groupby(found, key=lambda row: str(row[9]))
    }
