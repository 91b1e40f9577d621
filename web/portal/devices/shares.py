"""Sharing a device's cameras: an invitation by mail, taken by whoever has that address, ended by the owner or the guest."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import delete, select

from web.portal.accounts.models import User
from web.portal.database import db
from web.portal.devices import epochs
from web.portal.devices.models import Device, Invitation, Share
from web.portal.devices.rights import SHARED, Grants
from web.portal.errors import NotFound, Refused
from web.portal.kept import hashed
from web.portal.services import services

Ends = Mapping[str, datetime | None]
"""Camera → the end of what is shared of it; None for none."""

GOOD_FOR = timedelta(hours=72)
INVITATIONS_MOST = 50
NOTHING_CHOSEN = "Choose at least one camera, and to watch it."
TOO_MANY = "This camera has many invitations already: wait until some were taken, or are too old."
WORN = "This invitation is no longer good: it was taken, is too old, or was withdrawn."
NO_SHARE = "There is no such share any more."
FOR_ANOTHER = "This invitation is for another address than that of your account."


def invite(device: Device, email: str, grants: Grants, until: datetime | None) -> str:
    """The secret of the link for the mail. What the same address was invited to before stays, but for the cameras that are
    named now. Raises `Refused`; the view commits."""
    now = services().clock()
    _check(device, grants)
    db.session.execute(delete(Invitation).where(Invitation.expires_at < now))
    for earlier in waiting(device):
        if earlier.email == email:
            _leave_out(earlier, grants)
    db.session.flush()
    if len(waiting(device)) >= INVITATIONS_MOST:
        raise Refused(TOO_MANY)
    secret = secrets.token_urlsafe(32)
    db.session.add(
        Invitation(
            token_hash=hashed(secret),
            device_id=device.id,
            email=email,
            cameras=json.dumps(grants),
            until=until,
            expires_at=now + GOOD_FOR,
        )
    )
    return secret


def waiting(device: Device) -> list[Invitation]:
    """Those that nobody took yet."""
    return list(
        db.session.execute(
            select(Invitation)
            .where(Invitation.device_id == device.id, Invitation.expires_at > services().clock())
            .order_by(Invitation.email, Invitation.expires_at)
        ).scalars()
    )


def find(secret: str, user: User) -> Invitation:
    """That of this link, for whoever it was meant. Raises `Refused`."""
    found = db.session.get(Invitation, hashed(secret))
    now = services().clock()
    if found is None or found.expires_at <= now or (found.until is not None and found.until <= now):
        raise Refused(WORN)
    if found.email != user.email:
        raise Refused(FOR_ANOTHER)
    return found


def take(secret: str, user: User) -> Device:
    """It is theirs, beside what they had; the link is worth nothing from now on. Raises `Refused`; the view commits."""
    invitation = find(secret, user)
    device = db.session.get(Device, invitation.device_id)
    gone = db.session.execute(delete(Invitation).where(Invitation.token_hash == invitation.token_hash))
    if device is None or not getattr(gone, "rowcount", 0):
        raise Refused(WORN)
    if device.owner_id != user.id:
        grants: Grants = json.loads(invitation.cameras)
        _write(device, user.id, grants, dict.fromkeys(grants, invitation.until))
    return device


def change(device: Device, user: int, grants: Grants, ends: Ends) -> None:
    """From now on this person may do this, and nothing else. Raises `NotFound` for who has no share, `Refused`; the view
    commits."""
    before = _of_person(device, user)
    if not before:
        raise NotFound(NO_SHARE)
    _check(device, grants)
    _write(device, user, {camera: grants.get(camera, []) for camera in before.keys() | grants.keys()}, ends)


def withdraw(device: Device, email: str) -> None:
    """The link is worth nothing any more. Raises `NotFound`; the view commits."""
    done = db.session.execute(delete(Invitation).where(Invitation.device_id == device.id, Invitation.email == email))
    if not getattr(done, "rowcount", 0):
        raise NotFound(WORN)


def forget(email: str) -> None:
    """No invitation waits for this address any more, from whomever; whoever calls it commits."""
    db.session.execute(delete(Invitation).where(Invitation.email == email))


def of(device: Device) -> dict[str, list[Share]]:
    """Everybody with whom it is shared, by address."""
    rows = db.session.execute(
        select(Share, User.email)
        .join(User, User.id == Share.user_id)
        .where(Share.device_id == device.id)
        .order_by(User.email, Share.camera)
    )
    found: dict[str, list[Share]] = {}
    for share, email in rows:
        found.setdefault(email, []).append(share)
    return found


def end(device: Device, user: int) -> None:
    """What this person opened there ends at once. Raises `NotFound`; the view commits."""
    done = db.session.execute(delete(Share).where(Share.device_id == device.id, Share.user_id == user))
    if not getattr(done, "rowcount", 0):
        raise NotFound(NO_SHARE)
    epochs.raise_one(device.id, user)
    email = select(User.email).where(User.id == user).scalar_subquery()
    db.session.execute(delete(Invitation).where(Invitation.device_id == device.id, Invitation.email == email))


def _write(device: Device, user: int, grants: Grants, ends: Ends) -> None:
    """For these cameras; without any capability: none. What is shared of others stays."""
    known, now = _of_person(device, user), services().clock()
    for camera, can in grants.items():
        share = known.get(camera) or Share(device_id=device.id, user_id=user, camera=camera, created_at=now)
        if can:
            share.can, share.until, share.ended = ",".join(can), ends.get(camera), False
            db.session.add(share)
        elif camera in known:
            db.session.delete(share)
    db.session.flush()
    epochs.raise_one(device.id, user)  # what was opened with other rights ends


def _of_person(device: Device, user: int) -> dict[str, Share]:
    """By camera, and nobody else changes them until the view commits."""
    mine = select(Share).where(Share.device_id == device.id, Share.user_id == user).with_for_update()
    return {share.camera: share for share in db.session.scalars(mine.execution_options(populate_existing=True))}


def _leave_out(invitation: Invitation, grants: Grants) -> None:
    """What was offered since takes its place."""
    left = {camera: can for camera, can in json.loads(invitation.cameras).items() if camera not in grants}
    if left:
        invitation.cameras = json.dumps(left)
    else:
        db.session.delete(invitation)


def _check(device: Device, grants: Grants) -> None:
    known = {camera.camera for camera in device.cameras}
    if not grants or any(camera not in known for camera in grants):
        raise Refused(NOTHING_CHOSEN)
    for can in grants.values():
        if "view" not in can or not set(can) <= set(SHARED):
            raise Refused(NOTHING_CHOSEN)
