"""From a code that a device shows to a device that belongs to somebody (RFC 8628, with signatures)."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, select, union, update

from web.portal.accounts.models import User
from web.portal.database import db, despite_deadlocks
from web.portal.devices import epochs, proofs
from web.portal.devices.models import Claim, Device
from web.portal.errors import NotFound, PortalError, Refused
from web.portal.kept import hashed
from web.portal.services import services

LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
"""Consonants that no other sign is taken for; eight of them are 34 bits, and no word (RFC 8628, section 6.1)."""

CODE_LETTERS = 8
GOOD_FOR = timedelta(minutes=10)
YES_WITHIN = timedelta(days=1)
"""So long somebody at home has for saying yes."""

INTERVAL_SECONDS = 5
DEVICES_MOST = 20
NO_ROOM = "An account has at most %(count)s devices: remove one first."
NO_SUCH_CODE = "There is no device with this code, or it is too old. Look at the device's page again."


@dataclass(frozen=True, slots=True)
class Shown:
    """What a device gets: a long code for itself, a short one for people."""

    device_code: str
    user_code: str


class Pending(PortalError):
    """The device has to ask again. `error`: RFC 8628, section 3.5."""

    def __init__(self, error: str) -> None:
        super().__init__("Nobody typed this code yet.")
        self.error = error


def begin(public_key: bytes, described: dict[str, str], address: str) -> Shown:
    """Two codes. What this device asked before counts no more."""
    device = proofs.id_of(public_key)
    shown = Shown(secrets.token_urlsafe(32), "".join(secrets.choice(LETTERS) for _ in range(CODE_LETTERS)))
    now = services().clock()

    def write() -> None:
        db.session.execute(delete(Claim).where(Claim.expires_at < now))
        db.session.execute(delete(Claim).where(Claim.device_id == device))
        db.session.add(
            Claim(
                code_hash=hashed(shown.device_code),
                user_code_hash=_keyed(shown.user_code),
                device_id=device,
                public_key=public_key,
                address=address,
                expires_at=now + GOOD_FOR,
                refused=False,
                **described,
            )
        )
        db.session.commit()

    despite_deadlocks(write)
    return shown


def written(user_code: str) -> str:
    """As people read it: `BCDF-GHJK`."""
    return f"{user_code[:4]}-{user_code[4:]}"


def waiting(typed: str) -> Claim:
    """That of this code, as somebody typed it. Raises `NotFound`."""
    letters = "".join(letter for letter in typed.upper() if letter.isalnum())
    claim = db.session.execute(
        select(Claim).where(
            Claim.user_code_hash == _keyed(letters),
            Claim.expires_at > services().clock(),
            Claim.user_id.is_(None),
            Claim.refused.is_(False),
        )
    ).scalar_one_or_none()
    if claim is None:
        raise NotFound(NO_SUCH_CODE)
    return claim


def check_room(claim: Claim, user: User) -> None:
    """Raises `Refused` when this person has as many devices as an account may have, this one not counted."""
    asked = select(Claim.device_id).where(
        Claim.user_id == user.id, Claim.refused.is_(False), Claim.expires_at > services().clock()
    )
    mine = union(select(Device.id).where(Device.owner_id == user.id), asked)
    if len(set(db.session.scalars(mine)) - {claim.device_id}) >= DEVICES_MOST:
        raise Refused(NO_ROOM, count=DEVICES_MOST)


def take(claim: Claim, user: User | None) -> None:
    """It is this person's; None: nobody's. Of two at the same moment one is first. Raises `NotFound`, `Refused`; commits."""
    if user is not None:
        db.session.execute(select(User.id).where(User.id == user.id).with_for_update())  # one claim at a time
        check_room(claim, user)
    done = db.session.execute(
        update(Claim)
        .where(Claim.code_hash == claim.code_hash, Claim.user_id.is_(None), Claim.refused.is_(False))
        .values(user_id=user.id if user else None, refused=user is None)
    )
    db.session.commit()
    if not getattr(done, "rowcount", 0):
        raise NotFound(NO_SUCH_CODE)


def waiting_for_yes(user: User) -> list[Claim]:
    """What this person claimed, and nobody at home said yes to yet."""
    asked = select(Claim).where(
        Claim.user_id == user.id, Claim.refused.is_(False), Claim.expires_at > services().clock()
    )
    return list(db.session.execute(asked.order_by(Claim.name)).scalars())


def check_number(claim: Claim) -> str:
    """Four digits for the pages of whoever claimed it and of the device: another account may have an address that looks
    the same when most of it is hidden."""
    told = hmac.new(services().settings.key("check numbers"), f"{claim.code_hash} {claim.user_id}".encode(), "sha256")
    return f"{int.from_bytes(told.digest()[:4]) % 10_000:04}"


def poll(device_code: str, signature: str) -> tuple[Claim, User]:
    """The claim, and whoever typed its code. Raises `Pending`, `NotSignedIn`."""
    now = services().clock()
    claim = db.session.execute(select(Claim).where(Claim.code_hash == hashed(device_code))).scalar_one_or_none()
    if claim is None or claim.expires_at <= now:
        raise Pending("expired_token")
    proofs.check(claim.public_key, signature, "token", device_code)
    if claim.refused:
        raise Pending("access_denied")
    too_soon = claim.polled_at is not None and now - claim.polled_at < timedelta(seconds=INTERVAL_SECONDS - 1)
    claim.polled_at = now
    user = db.session.get(User, claim.user_id) if claim.user_id is not None else None
    if user is None:
        db.session.commit()
        raise Pending("slow_down" if too_soon else "authorization_pending")
    claim.told_at, claim.expires_at = now, now + YES_WITHIN
    db.session.commit()
    return claim, user


def owner_of(device: str) -> int | None:
    """The account to which it belongs; None for nobody's."""
    return db.session.execute(select(Device.owner_id).where(Device.id == device)).scalar_one_or_none()


def public_key_of(device: str) -> bytes | None:
    """Of a device that belongs to somebody, or whose people were asked whether it does."""
    row = db.session.get(Device, device)
    if row is not None:
        return row.public_key
    claim = _told(device)
    return claim.public_key if claim is not None else None


def settle(device: str) -> Device | None:
    """The device, which speaks to us: so somebody at home said yes to its newest claim. Whoever had it before has it no
    more. None when it belongs to nobody; the view commits."""
    claim = _told(device)
    row = db.session.get(Device, device)
    if claim is None or claim.user_id is None:
        return row
    if row is not None:  # whoever had it, and with whom it was shared
        db.session.delete(row)
        db.session.flush()
        epochs.raise_all(device)
    epochs.raise_one(device, claim.user_id)
    row = Device(id=device, public_key=claim.public_key, owner_id=claim.user_id, claimed_at=services().clock())
    db.session.add(row)
    row.name, row.model, row.version = claim.name, claim.model, claim.version
    db.session.delete(claim)
    return row


def leave(device: str) -> bool:
    """It belongs to nobody any more, nor will it by a claim that was told to it; who is in is sent away. False when it did
    not, either. A code that it shows now stays good. The view commits."""
    refused = db.session.execute(delete(Claim).where(Claim.device_id == device, Claim.told_at.is_not(None)))
    row = db.session.get(Device, device)
    if row is not None:
        db.session.delete(row)
        db.session.flush()
        epochs.raise_all(device)
    return row is not None or bool(getattr(refused, "rowcount", 0))


def _told(device: str) -> Claim | None:
    return db.session.execute(
        select(Claim).where(
            Claim.device_id == device, Claim.told_at.is_not(None), Claim.expires_at > services().clock()
        )
    ).scalar_one_or_none()


def _keyed(user_code: str) -> str:
    """Eight letters could be found again from a plain hash."""
    return hmac.new(services().settings.key("user codes"), user_code.encode(), hashlib.sha256).hexdigest()
