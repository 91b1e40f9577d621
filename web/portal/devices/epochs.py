"""The epoch of an account at a device: raised whenever something was taken away, so that the device ends what it opened."""

from __future__ import annotations

from sqlalchemy import Select, insert, select, update
from sqlalchemy.exc import IntegrityError

from web.portal.database import apart, db
from web.portal.devices.models import Epoch

FIRST = 1


def of(device: str, user: int) -> int:
    """The present one; begun when it is first asked for."""
    found = db.session.execute(_epoch(device, user)).scalar_one_or_none()
    if found is not None:
        return found
    try:
        with apart() as connection:
            connection.execute(insert(Epoch).values(device_id=device, user_id=user, epoch=FIRST))
    except IntegrityError:  # another request began it at the same moment
        return int(db.session.execute(_epoch(device, user)).scalar_one())
    return FIRST


def of_all(device: str, users: list[int]) -> dict[int, int]:
    """Of these accounts, those that have one."""
    rows = db.session.execute(
        select(Epoch.user_id, Epoch.epoch).where(Epoch.device_id == device, Epoch.user_id.in_(users))
    )
    return {row.user_id: row.epoch for row in rows}


def raise_one(device: str, user: int) -> None:
    """What this account opened there ends; the view commits."""
    db.session.execute(
        update(Epoch).where(Epoch.device_id == device, Epoch.user_id == user).values(epoch=Epoch.epoch + 1)
    )


def raise_all(device: str) -> None:
    """What anybody opened there by this portal ends; the view commits."""
    db.session.execute(update(Epoch).where(Epoch.device_id == device).values(epoch=Epoch.epoch + 1))


def _epoch(device: str, user: int) -> Select[int]:
    return select(Epoch.epoch).where(Epoch.device_id == device, Epoch.user_id == user)
