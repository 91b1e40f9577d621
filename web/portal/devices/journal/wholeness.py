"""Whether a device's rows are as it sent them, up to what it signed.

Twenty thousand rows are a quarter of a second of work: what a worker found whole counts there for a while (`places`). Each
time it looks at the rows that came since, at those that stand on the page, at the signature, and counts all of them; only
when one of these does not fit it looks at all at once. A row that was changed in place, and stands on another page, is
found when all are looked at again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from sqlalchemy import and_, func, or_, select
from webauthn.helpers import bytes_to_base64url

from web.journal.forwarded import HEAD_PURPOSE, Forwarded, first_fault, head_text
from web.portal.database import db
from web.portal.devices import proofs
from web.portal.devices.journal.models import JournalEnds, JournalRow
from web.portal.devices.journal.places import Place, Places
from web.portal.devices.models import Device
from web.portal.errors import NotSignedIn
from web.portal.services import services

NEWEST_ROWS = 2_000
"""So many are looked at when several devices are shown: 20 ms of work."""

COUNTS_FOR = timedelta(minutes=15)
"""So long it counts that all rows were looked at."""

A_MOMENT = timedelta(seconds=10)
"""So long it counts even for somebody who wants to have all of them looked at again."""

Found = tuple[Forwarded, bytes, bytes]
"""A row, the hash of the one before it, and its own."""

_places = Places()


@dataclass(frozen=True, slots=True)
class Wholeness:
    """`first`: from which row on it was looked at. `to`: up to which row all is whole. `fault`: the first row that is
    missing, was changed or does not belong there; None when there is none. `at`: when all of them were looked at. `ends`:
    None when nothing came yet."""

    device: Device
    ends: JournalEnds | None
    first: int = 1
    to: int = 0
    fault: int | None = None
    at: datetime | None = None

    @property
    def missing(self) -> int:
        """How many rows the device signed that are not here yet."""
        return max(0, (self.ends.signed_seq or 0) - self.ends.last_seq) if self.ends else 0

    @property
    def is_all(self) -> bool:
        """Whether every row that is kept was looked at."""
        return self.ends is None or self.first == self.ends.before_seq + 1

    @property
    def place(self) -> Place | None:
        """What counts for a while; None where something is wrong."""
        if self.ends is None or self.at is None or self.fault is not None:
            return None
        return Place(self.first - 1, self.to, self.ends.last_hash, self.at)


@dataclass(frozen=True, slots=True)
class Look:
    """At the rows after number `after`, of `count` that there are. `place`: what counts of those before."""

    ends: JournalEnds
    count: int
    after: int
    place: Place | None


def of(devices: Sequence[Device], shown: Sequence[JournalRow] = (), *, again: bool = False) -> list[Wholeness]:
    """Of one device, all rows; of several, the newest. `shown`: those that stand on the page. `again`: what was found whole
    a while ago does not count. As many statements whatever the number of devices, while nothing is wrong."""
    places = _places.of([device.id for device in devices], services().clock(), A_MOMENT if again else COUNTS_FOR)
    most = None if len(devices) == 1 else NEWEST_ROWS // max(1, len(devices)) or 1
    found = {one.device.id: one for one in _look(devices, places, most)}
    wrong = _misfits(shown)
    doubtful = [device for device in devices if found[device.id].fault is not None or device.id in wrong]
    # With the ends as they are now: rows may have come between one statement and the other.
    found |= {one.device.id: one for one in _look(doubtful, {}, None)}
    for one in found.values():
        _places.note(one.device.id, one.place)
    return list(found.values())


def _look(devices: Sequence[Device], places: Mapping[str, Place], most: int | None) -> list[Wholeness]:
    """`most`: of so many rows, where `places` does not say more; None: of all."""
    if not devices:
        return []
    count = select(func.count()).select_from(JournalRow).where(JournalRow.device_id == JournalEnds.device_id)
    wanted = select(JournalEnds, count.scalar_subquery()).where(JournalEnds.device_id.in_([one.id for one in devices]))
    looks = {
        ends.device_id: _begun(ends, number, places.get(ends.device_id), most)
        for ends, number in db.session.execute(wanted.execution_options(populate_existing=True))
    }
    rows = _rows({name: look.after for name, look in looks.items()})
    return [
        _looked_at(device, looks[device.id], rows.get(device.id, [])) if device.id in looks else Wholeness(device, None)
        for device in devices
    ]


def _begun(ends: JournalEnds, count: int, place: Place | None, most: int | None) -> Look:
    reaches_back = place is not None and (most is not None or place.since <= ends.before_seq)
    if place is not None and reaches_back and ends.before_seq <= place.seq <= ends.last_seq:
        return Look(ends, count, max(ends.before_seq, place.seq - 1), place)
    return Look(ends, count, ends.before_seq if most is None else max(ends.before_seq, ends.last_seq - most), None)


def _looked_at(device: Device, look: Look, rows: list[Found]) -> Wholeness:
    ends, place = look.ends, look.place
    previous = ends.before_hash if look.after == ends.before_seq else rows[0][1] if rows else b""
    known = {look.after: previous} | {row.seq: own for row, _, own in rows}
    to, last_hash, fault = first_fault(((row, own) for row, _, own in rows), look.after, previous)
    if fault is None and (to, last_hash) != (ends.last_seq, ends.last_hash):
        fault = min(to, ends.last_seq) + 1
    if fault is None and not _signature_holds(device, ends, known):
        fault = min(ends.signed_seq or 0, to)
    goes_on = place is None or known.get(place.seq) == place.row_hash
    if fault is None and not (goes_on and look.count == ends.last_seq - ends.before_seq):
        fault = ends.before_seq
    since = max(place.since, ends.before_seq) if place else look.after
    return Wholeness(device, ends, since + 1, to, fault, place.at if place else services().clock())


def _misfits(shown: Sequence[JournalRow]) -> set[str]:
    """The devices of which one of these rows does not fit its hash, or the row before it."""
    hashes = {(row.device_id, row.seq): row.hash for row in shown}
    return {
        row.device_id
        for row in shown
        if row.forwarded().hash(row.previous_hash) != row.hash
        or hashes.get((row.device_id, row.seq - 1), row.previous_hash) != row.previous_hash
    }


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
