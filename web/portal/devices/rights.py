"""Who may do what with a device's cameras."""

from __future__ import annotations

from sqlalchemy import select

from web.portal.accounts.models import User
from web.portal.database import db
from web.portal.devices import epochs
from web.portal.devices.models import Device

CAPABILITIES = ("view", "listen", "talk", "control", "record", "configure")
EVERYWHERE = "*"
SUBJECT = "account-"

Grants = dict[str, list[str]]
"""Camera → capabilities; `EVERYWHERE` for the device and all its cameras."""


def subject(user: User) -> str:
    """How devices know an account."""
    return f"{SUBJECT}{user.id}"


def on(device: Device, user: User) -> tuple[str, Grants]:
    """The role and what was granted; nothing for whom it is nobody's business."""
    if device.owner_id == user.id:
        return "owner", {EVERYWHERE: list(CAPABILITIES)}
    return "guest", {}


def visible_to(user: User) -> list[Device]:
    """The devices on which this person may do anything, in two statements whatever their number."""
    return list(db.session.execute(select(Device).where(Device.owner_id == user.id).order_by(Device.name)).scalars())


def find(device: str, user: User) -> Device | None:
    """One of `visible_to`; None also when it is somebody else's."""
    found = db.session.get(Device, device)
    return found if found is not None and on(found, user)[1] else None


def epochs_of(device: Device, subjects: list[str]) -> dict[str, int]:
    """Of those who may still come in. Who is left out has no business there any more."""
    numbers = [int(one.removeprefix(SUBJECT)) for one in subjects if one.removeprefix(SUBJECT).isdecimal()]
    people = db.session.execute(select(User).where(User.id.in_(numbers), User.active)).scalars()
    allowed = [user.id for user in people if on(device, user)[1]]
    return {f"{SUBJECT}{user}": epoch for user, epoch in epochs.of_all(device.id, allowed).items()}
