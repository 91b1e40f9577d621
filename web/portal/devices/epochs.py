"""The epoch of an account at a device: raised whenever something was taken away, so that the device ends what it opened.

It begins with the second in which the account is let in, so that there is one to raise before anything can be opened, and is
raised to the present second at least: a database that was restored from a backup does not fall behind what devices saw.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, Select, case, insert, select, update
from sqlalchemy.exc import IntegrityError

from web.portal.database import apart, db
from web.portal.devices.models import Epoch
from web.portal.services import services


def of(device: str, user: int) -> int:
    """The present one; begun now where there is none."""
    first = _now()
    found = db.session.execute(_epoch(device, user)).scalar_one_or_none()
    if found is not None:
        return found
    try:
        with apart() as connection:
            connection.execute(insert(Epoch).values(device_id=device, user_id=user, epoch=first))
    except IntegrityError:  # another request began it at the same moment
        return int(db.session.execute(_epoch(device, user)).scalar_one())
    return first


def of_all(device: str, users: list[int]) -> dict[int, int]:
    """Of these accounts, those that have one."""
    rows = db.session.execute(
        select(Epoch.user_id, Epoch.epoch).where(Epoch.device_id == device, Epoch.user_id.in_(users))
    )
    return {row.user_id: row.epoch for row in rows}


def raise_one(device: str, user: int) -> None:
    """What this account opened there ends, and what it is about to open for the first time: it then finds a row that is
    not committed yet, and waits for it. The view commits."""
    if _raised(device, user):
        return
    try:
        with db.session.begin_nested():
            db.session.execute(insert(Epoch).values(device_id=device, user_id=user, epoch=_now()))
    except IntegrityError:  # another request began it at the same moment
        _raised(device, user)


def raise_all(device: str) -> None:
    """What anybody opened there by this portal ends; the view commits."""
    db.session.execute(update(Epoch).where(Epoch.device_id == device).values(epoch=_higher()))


def raise_of(user: int) -> None:
    """What this account opened anywhere ends: its credentials changed. The view commits."""
    db.session.execute(update(Epoch).where(Epoch.user_id == user).values(epoch=_higher()))


def raise_everywhere() -> None:
    """What anybody opened anywhere ends; whoever calls it commits."""
    db.session.execute(update(Epoch).values(epoch=_higher()))


def _raised(device: str, user: int) -> bool:
    mine = update(Epoch).where(Epoch.device_id == device, Epoch.user_id == user)
    return bool(getattr(db.session.execute(mine.values(epoch=_higher())), "rowcount", 0))


def _higher() -> ColumnElement[int]:
    now = _now()
    return case((Epoch.epoch >= now, Epoch.epoch + 1), else_=now)


def _now() -> int:
    return int(services().clock().timestamp())


def _epoch(device: str, user: int) -> Select[int]:
    return select(Epoch.epoch).where(Epoch.device_id == device, Epoch.user_id == user)
