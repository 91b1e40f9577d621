"""Who may do what with a device's cameras."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select, update

from web.portal.accounts.models import User
from web.portal.database import db
from web.portal.devices import epochs
from web.portal.devices.models import Device, Share
from web.portal.services import services

CAPABILITIES = ("view", "listen", "talk", "control", "record", "configure")
SHARED = ("view", "listen", "talk", "control", "record")
"""What can be given to others. Whoever configures a device is its owner, or has a password of it."""

EVERYWHERE = "*"
SUBJECT = "account-"

Grants = dict[str, list[str]]
"""Camera → capabilities; `EVERYWHERE` for the device and all its cameras."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A device as one person may see it. `until`: when that ends."""

    device: Device
    can: Grants
    mine: bool
    until: datetime | None = None

    def allowed(self, camera: str, capability: str) -> bool:
        """Whether they may do that there."""
        return capability in self.can.get(EVERYWHERE, self.can.get(camera, []))


def subject(user: User) -> str:
    """How devices know an account."""
    return f"{SUBJECT}{user.id}"


def on(device: Device, user: User) -> tuple[str, Grants]:
    """The role and what was granted, as it stands at this moment, whatever was read before; nothing for whom it is nobody's
    business."""
    owner = db.session.execute(select(Device.owner_id).where(Device.id == device.id)).scalar_one_or_none()
    if owner == user.id:
        return "owner", {EVERYWHERE: list(CAPABILITIES)}
    shares = _shares(Share.device_id == device.id, Share.user_id == user.id)
    role = "guest" if any(share.until for share in shares) else "member"
    return role, {share.camera: share.can.split(",") for share in shares}


def visible_to(user: User) -> list[Seen]:
    """The devices on which this person may do anything, their own first; as many statements whatever their number."""
    shares: dict[str, list[Share]] = {}
    for share in _shares(Share.user_id == user.id):
        shares.setdefault(share.device_id, []).append(share)
    devices = db.session.execute(
        select(Device).where(or_(Device.owner_id == user.id, Device.id.in_(shares))).order_by(Device.name, Device.id)
    ).scalars()
    seen = [_seen(device, user, shares.get(device.id, [])) for device in devices]
    return sorted(seen, key=lambda one: not one.mine)


def find(device: str, user: User) -> Device | None:
    """One of `visible_to`; None also when it is somebody else's."""
    found = db.session.get(Device, device)
    return found if found is not None and on(found, user)[1] else None


def epoch(device: Device, user: User) -> int:
    """With what they come in now. Read it before `on`: what is taken away in between raises it. Commits."""
    _good_still(device.id)
    return epochs.of(device.id, user.id)


def epochs_of(device: Device, subjects: list[str]) -> dict[str, int]:
    """Of those who may still come in. Who is left out has no business there any more. Commits when a share ran out."""
    may = {device.owner_id} | {share.user_id for share in _good_still(device.id)}
    numbers = [int(one.removeprefix(SUBJECT)) for one in subjects if one.removeprefix(SUBJECT).isdecimal()]
    people = db.session.execute(select(User.id).where(User.id.in_(numbers), User.active)).scalars()
    allowed = [user for user in people if user in may]
    return {f"{SUBJECT}{user}": epoch for user, epoch in epochs.of_all(device.id, allowed).items()}


def _good_still(device: str) -> list[Share]:
    """The shares of a device, less those that ran out. What was opened with one of those ends at its first look: other
    shares of the same person may be good for longer, and they come in again with them."""
    now = services().clock()
    shares = list(db.session.scalars(select(Share).where(Share.device_id == device)))
    if any(share.is_over(now) and not share.ended for share in shares):
        _end(device, now)
    return [share for share in shares if not share.is_over(now)]


def _end(device: str, now: datetime) -> None:
    """Of two who find the same at the same moment, one raises the epoch."""
    over = Share.device_id == device, Share.until <= now, Share.ended.is_(False)
    users = set(db.session.scalars(select(Share.user_id).where(*over).with_for_update()))
    db.session.execute(update(Share).where(*over).values(ended=True))
    for user in sorted(users):
        epochs.raise_one(device, user)
    db.session.commit()


def _seen(device: Device, user: User, shares: list[Share]) -> Seen:
    if device.owner_id == user.id:
        return Seen(device, {EVERYWHERE: list(CAPABILITIES)}, mine=True)
    ends = [share.until for share in shares if share.until is not None]
    can = {share.camera: share.can.split(",") for share in shares}
    return Seen(device, can, mine=False, until=min(ends) if ends else None)


def _shares(*conditions: object) -> list[Share]:
    alive = or_(Share.until.is_(None), Share.until > services().clock())
    wanted = select(Share).where(alive, *conditions)  # type: ignore[arg-type]
    return list(db.session.scalars(wanted.execution_options(populate_existing=True)))
