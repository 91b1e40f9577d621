"""Which rows somebody sees: all of one's own devices, of others what one did oneself; and which of them were asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate
from sqlalchemy import ColumnElement, and_, false, func, or_, select

from web.journal.words import ACTIONS
from web.portal.accounts.models import User
from web.portal.database import db
from web.portal.devices import rights
from web.portal.devices.journal.models import JournalRow
from web.portal.devices.models import Device, Share
from web.portal.errors import Refused

PAGE_ROWS = 100
NO_SENSE = "This request makes no sense."
DEVICE = r"[a-z2-7]{20}"
MOMENT = "%Y%m%dT%H%M%S%f"


class QuerySchema(Schema):
    """What stands in the address. `camera`: DEVICE/CAMERA. `before`: the last row of a page, MOMENT-DEVICE-NUMBER."""

    class Meta:
        """For marshmallow."""

        unknown = EXCLUDE

    device = fields.String(load_default="", validate=validate.Regexp(rf"(?:{DEVICE})?\Z"))
    camera = fields.String(load_default="", validate=validate.Regexp(rf"(?:{DEVICE}/[a-z0-9-]{{1,32}})?\Z"))
    person = fields.String(load_default="", validate=validate.Length(0, 254))
    action = fields.String(load_default="", validate=validate.OneOf(["", *ACTIONS]))
    since = fields.String(load_default="", data_key="from")
    until = fields.String(load_default="", data_key="to")
    before = fields.String(load_default="", validate=validate.Regexp(rf"(?:\d{{8}}T\d{{12}}-{DEVICE}-\d{{1,16}})?\Z"))


@dataclass(frozen=True, slots=True)
class Choice:
    """What was asked for, as it stands in the address, and as conditions. `seen`: all devices of which rows may be seen;
    `cameras`: names of those cameras there that may be seen, by DEVICE/CAMERA; `owned`: those of the devices that are one's
    own and were asked for. `before`: the last row of the page before."""

    asked: dict[str, str]
    seen: list[Device]
    cameras: dict[str, str]
    owned: list[Device]
    conditions: list[ColumnElement[bool]]
    before: ColumnElement[bool] | None

    @property
    def is_all(self) -> bool:
        """Whether no row of the devices is left out."""
        return not any(value for name, value in self.asked.items() if name not in ("device", "before"))


def made(user: User, arguments: dict[str, str]) -> Choice:
    """Raises `Refused` for what makes no sense. Somebody else's device is one without rows."""
    try:
        asked: dict[str, str] = QuerySchema().load(arguments)
        days = [_day(asked["since"]), _day(asked["until"])]
        before = _older_than(asked["before"]) if asked["before"] else None
    except (ValidationError, ValueError):
        raise Refused(NO_SENSE) from None
    may = rights.visible_to(user)
    device = asked["device"] or asked["camera"].partition("/")[0]
    shown = [one for one in may if device in ("", one.device.id)]
    owned = [one.device for one in shown if one.mine]
    shared = [one.device.id for one in shown if not one.mine]
    conditions = [_allowed(user, [device.id for device in owned], shared), *_wanted(asked, days)]
    return Choice(asked, [one.device for one in may], _cameras(may), owned, conditions, before)


def page(choice: Choice) -> tuple[list[JournalRow], str]:
    """The newest first, and what `before` must be for the older ones; empty at the end."""
    conditions = choice.conditions if choice.before is None else [*choice.conditions, choice.before]
    key = (JournalRow.shown_at, JournalRow.device_id, JournalRow.seq)
    statement = select(JournalRow).where(*conditions).order_by(*(one.desc() for one in key)).limit(PAGE_ROWS + 1)
    rows = list(db.session.scalars(statement))
    last = rows[PAGE_ROWS - 1] if len(rows) > PAGE_ROWS else None
    older = f"{last.shown_at.strftime(MOMENT)}-{last.device_id}-{last.seq}" if last else ""
    return rows[:PAGE_ROWS], older


def _cameras(seen: list[rights.Seen]) -> dict[str, str]:
    """Of a shared device nobody learns what cameras it has besides."""
    return {
        f"{one.device.id}/{camera.camera}": camera.name
        for one in seen
        for camera in one.device.cameras
        if one.allowed(camera.camera, "view")
    }


def _allowed(user: User, owned: list[str], shared: list[str]) -> ColumnElement[bool]:
    """Of devices that are shared with somebody: what was done under their name since they were let in."""
    let_in = (
        select(Share.device_id, func.min(Share.created_at).label("since"))
        .where(Share.user_id == user.id, Share.device_id.in_(shared))
        .group_by(Share.device_id)
    )
    deeds = [
        and_(JournalRow.device_id == row.device_id, JournalRow.actor == user.email, JournalRow.shown_at >= row.since)
        for row in db.session.execute(let_in)
    ]
    return or_(false(), JournalRow.device_id.in_(owned), *deeds)


def _wanted(asked: dict[str, str], days: list[date | None]) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    device, _, camera = asked["camera"].partition("/")
    for name in filter(None, (asked["device"], device)):
        conditions.append(JournalRow.device_id == name)
    for column, value in (
        (JournalRow.camera, camera),
        (JournalRow.actor, asked["person"]),
        (JournalRow.action, asked["action"]),
    ):
        if value:
            conditions.append(column == value)
    since, until = days
    if since is not None:
        conditions.append(JournalRow.shown_at >= datetime.combine(since, time.min, UTC))
    if until is not None:
        conditions.append(JournalRow.shown_at <= datetime.combine(until, time.max, UTC))
    return conditions


def _older_than(before: str) -> ColumnElement[bool]:
    """Raises `ValueError`."""
    written, device, seq = before.split("-")
    at, moment = JournalRow.shown_at, datetime.strptime(written, MOMENT).replace(tzinfo=UTC)
    within = or_(JournalRow.device_id < device, and_(JournalRow.device_id == device, JournalRow.seq < int(seq)))
    return or_(at < moment, and_(at == moment, within))


def _day(text: str) -> date | None:
    """Raises `ValueError`."""
    return date.fromisoformat(text) if text else None
