"""Taking rows in: all of a batch, or none; each once; only those that continue the chain."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert, select
from webauthn.helpers import bytes_to_base64url

from web.journal.forwarded import HEAD_PURPOSE, Forwarded, beginning, head_text
from web.portal.database import db
from web.portal.devices import proofs
from web.portal.devices.claims import YES_WITHIN
from web.portal.devices.journal.models import JournalEnds, JournalRow
from web.portal.devices.models import Device
from web.portal.errors import NotSignedIn, Refused
from web.portal.services import services

CLOCK_OFF = timedelta(minutes=2)
"""So far clocks may be apart."""

KEPT_ROWS = 20_000
"""Of each device; the oldest go first."""

NOT_SIGNED = "The end of this journal was not signed by this device."
MISSING = "Rows before these are missing."
ALTERED = "A row does not fit the one before it."
OTHER = "There is another row with this number already."
REFUSALS = {"missing": MISSING, "altered": ALTERED, "other": OTHER}
"""Why rows were refused; the device and its owner get to see it."""


class Misfit(Refused):
    """Rows that do not continue the chain. `seq`: the first of them."""

    code = "journal"

    def __init__(self, why: str, seq: int) -> None:
        super().__init__(REFUSALS[why])
        self.why = why
        self.seq = seq


def held(device: Device) -> dict[str, Any]:
    """What the portal has, for the device: `{"seq", "hash"}`."""
    ends = db.session.get(JournalEnds, device.id)
    seq, row_hash = (ends.last_seq, ends.last_hash) if ends else (0, beginning(services().settings.url, device.id))
    return {"seq": seq, "hash": bytes_to_base64url(row_hash)}


def note_head(device: Device, head: dict[str, Any]) -> None:
    """Keeps the device's signed end. An older one than the one that is there changes nothing. Raises `Refused` for one that
    it did not sign; the view commits."""
    _check_head(device, head)
    _keep_head(_ends(device), head)


def take(device: Device, batch: dict[str, Any]) -> None:
    """Adds the rows of a `BatchSchema`; those that are here already are left out. Raises `Misfit`, with nothing added but
    the note that it was so, `Refused`; the view commits."""
    _check_head(device, batch["head"])
    ends = _ends(device)
    try:
        rows = _fitting(device, ends, batch)
    except Misfit as misfit:
        ends.refused_at, ends.refused_seq, ends.refused_why = services().clock(), misfit.seq, misfit.why
        db.session.commit()
        raise
    if rows:
        db.session.execute(insert(JournalRow), rows)
        ends.last_seq, ends.last_hash = rows[-1]["seq"], rows[-1]["hash"]
        _forget_oldest(device, ends)
    _keep_head(ends, batch["head"])


def _fitting(device: Device, ends: JournalEnds, batch: dict[str, Any]) -> list[dict[str, Any]]:
    """The new rows of the batch, as the table has them. Raises `Misfit`."""
    previous, given = batch["previous"], batch["rows"]
    if given[0]["seq"] > ends.last_seq + 1:
        raise Misfit("missing", ends.last_seq + 1)
    known = _known(device, ends, given[0]["seq"] - 1, given[-1]["seq"])
    seq, new = given[0]["seq"] - 1, []
    now = services().clock()
    if known.get(seq, previous) != previous:
        raise Misfit("other" if seq < ends.last_seq else "altered", given[0]["seq"])
    for row in given:
        said = {name: value for name, value in row.items() if name != "hash"}
        if row["seq"] != seq + 1 or Forwarded(**said).hash(previous) != row["hash"]:
            raise Misfit("altered", seq + 1)
        if known.get(row["seq"], row["hash"]) != row["hash"]:
            raise Misfit("other", row["seq"])
        if row["seq"] > ends.last_seq:
            shown = shown_at(row["at"], device.claimed_at, now)
            new.append({**row, "device_id": device.id, "previous_hash": previous, "shown_at": shown})
        seq, previous = row["seq"], row["hash"]
    return new


def _known(device: Device, ends: JournalEnds, first: int, last: int) -> dict[int, bytes]:
    """Hashes of those rows from `first` to `last` that are here, and of the one before the first that is kept."""
    found = {ends.before_seq: ends.before_hash, ends.last_seq: ends.last_hash}
    if first < ends.last_seq:
        rows = db.session.execute(
            select(JournalRow.seq, JournalRow.hash).where(
                JournalRow.device_id == device.id, JournalRow.seq.between(first, last)
            )
        )
        found |= {row.seq: row.hash for row in rows}
    return found


def shown_at(at: int, paired_at: datetime, now: datetime) -> datetime:
    """What the device's clock said, where it can be true. Else (1970, another century) the moment at which the row came: so
    nothing sinks to where nobody looks."""
    try:
        said = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)
    except OverflowError:
        return now
    return min(said, now) if paired_at - YES_WITHIN <= said <= now + CLOCK_OFF else now


def _ends(device: Device) -> JournalEnds:
    """Of this device, which is locked: of two batches at the same moment the second sees what the first did."""
    db.session.execute(select(Device.id).where(Device.id == device.id).with_for_update())
    found = db.session.get(JournalEnds, device.id, populate_existing=True)
    if found is None:
        start = beginning(services().settings.url, device.id)
        found = JournalEnds(device_id=device.id, before_seq=0, before_hash=start, last_seq=0, last_hash=start)
        db.session.add(found)
    return found


def _check_head(device: Device, head: dict[str, Any]) -> None:
    what = head_text(device.id, head["seq"], head["hash"], head["at"])
    try:
        proofs.check(device.public_key, bytes_to_base64url(head["signature"]), HEAD_PURPOSE, what)
    except NotSignedIn:
        raise Refused(NOT_SIGNED) from None


def _keep_head(ends: JournalEnds, head: dict[str, Any]) -> None:
    if ends.signed_seq is not None and head["seq"] < ends.signed_seq:
        return
    ends.signed_seq, ends.signed_hash, ends.signed_at = head["seq"], head["hash"], head["at"]
    ends.signature, ends.signed_came_at = head["signature"], services().clock()


def _forget_oldest(device: Device, ends: JournalEnds) -> None:
    before = ends.last_seq - KEPT_ROWS
    if before <= ends.before_seq:
        return
    db.session.flush()
    kept = db.session.execute(
        select(JournalRow.hash).where(JournalRow.device_id == device.id, JournalRow.seq == before)
    ).scalar_one_or_none()
    if kept is None:  # somebody took it away; the page says so
        return
    db.session.execute(delete(JournalRow).where(JournalRow.device_id == device.id, JournalRow.seq <= before))
    ends.before_seq, ends.before_hash = before, kept
