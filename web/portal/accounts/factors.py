"""The second factor: an authenticator app (TOTP, RFC 6238) and ten recovery codes."""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import secrets
from collections.abc import Sequence

import segno
from flask_security import Totp
from sqlalchemy import delete, func, insert, or_, select, update

from web.portal.accounts import guesses
from web.portal.accounts.models import RecoveryCode, User
from web.portal.database import db
from web.portal.errors import BadSettings, NotSignedIn
from web.portal.services import services
from web.portal.settings import Settings

ISSUER = "Caméra Connectée"
CODES = 10
ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""No letters that are read as digits."""
STEP_SECONDS = 30
WRONG_CODE = "This code is wrong, or was used already."

log = logging.getLogger(__name__)


def new_secret() -> str:
    """Sealed, as it is kept."""
    return _totp().generate_totp_secret()


def uri(user: User, sealed: str) -> str:
    """What an authenticator app reads from a QR code."""
    return _totp().get_totp_uri(user.email, sealed)


def picture(user: User, sealed: str) -> str:
    """The QR code, as an address of an image."""
    return segno.make(uri(user, sealed)).svg_data_uri(scale=5, border=3, dark="#000", light="#fff")


def readable(sealed: str) -> str:
    """The secret for typing."""
    return _totp().get_totp_pretty_key(sealed)


def turn_on(user: User, sealed: str, code: str) -> list[str]:
    """With the first code of the app; the recovery codes, which are shown once. Raises `NotSignedIn`; the view commits."""
    counter = _counter(sealed, code)
    if counter is None:
        raise NotSignedIn(WRONG_CODE)
    user.totp_secret, user.totp_counter = sealed, counter
    return renew_codes(user)


def turn_off(user: User) -> None:
    """The view commits."""
    user.totp_secret = user.totp_counter = None
    db.session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))


def prove_code(user: User, code: str) -> None:
    """By the app, or by a recovery code; each counts once, also when it is sent twice at the same moment. Raises
    `NotSignedIn` and `TooManyTries`."""
    guesses.attempt_code(user)
    if not (_use_code(user, code) or _use_recovery_code(user, code)):
        log.warning("a wrong code for user %d", user.id)
        raise NotSignedIn(WRONG_CODE)
    guesses.forget_codes(user)


def renew_codes(user: User) -> list[str]:
    """New recovery codes instead of those that there are; the view commits."""
    codes = ["-".join("".join(secrets.choice(ALPHABET) for _ in range(4)) for _ in range(3)) for _ in range(CODES)]
    db.session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
    db.session.execute(insert(RecoveryCode), [{"user_id": user.id, "code_hash": _hashed(user, one)} for one in codes])
    return codes


def codes_left(user: int) -> int:
    """How many recovery codes have not been used."""
    return db.session.execute(select(func.count()).where(RecoveryCode.user_id == user)).scalar_one()


def reseal(before: Settings) -> int:
    """Seals all secrets of apps anew, which were sealed with another secret; how many. Recovery codes cannot be carried
    over, and go. Raises `BadSettings`; whoever calls it commits."""
    old, new = _totp(before)._totp, _totp()._totp
    people = list(db.session.execute(select(User).where(User.totp_secret.is_not(None))).scalars())
    for user in people:
        try:
            secret = old.from_source(user.totp_secret).key
        except ValueError:
            raise BadSettings(
                "PORTAL_SECRET_KEY_BEFORE is not the one with which the second factors were sealed."
            ) from None
        user.totp_secret = new(key=secret, format="raw").to_json(encrypt=True)
    db.session.execute(delete(RecoveryCode))
    return len(people)


def _use_code(user: User, code: str) -> bool:
    counter = _counter(user.totp_secret, code) if user.totp_secret else None
    if counter is None:
        return False
    done = db.session.execute(
        update(User)
        .where(User.id == user.id, or_(User.totp_counter.is_(None), User.totp_counter < counter))
        .values(totp_counter=counter)
        .execution_options(synchronize_session=False)
    )
    db.session.commit()
    return _changed(done) == 1


def _use_recovery_code(user: User, code: str) -> bool:
    one = select(RecoveryCode.id).where(RecoveryCode.user_id == user.id, RecoveryCode.code_hash == _hashed(user, code))
    found: Sequence[int] = db.session.execute(one).scalars().all()
    done = db.session.execute(delete(RecoveryCode).where(RecoveryCode.id.in_(found)))
    db.session.commit()
    return _changed(done) == 1


def _changed(result: object) -> int:
    return int(getattr(result, "rowcount", 0))


def _counter(sealed: str, code: str) -> int | None:
    """The half minute that a code is of: now, the one before or the one after; None for a wrong one."""
    digits = re.sub(r"\s", "", code)
    if not (len(digits) == 6 and digits.isascii() and digits.isdecimal()):
        return None
    source = _totp()._totp.from_source(sealed)
    now = int(services().clock().timestamp()) // STEP_SECONDS
    right = [
        counter
        for counter in (now - 1, now, now + 1)
        if hmac.compare_digest(str(source.generate(counter * STEP_SECONDS).token), digits)
    ]
    return max(right, default=None)


def _totp(settings: Settings | None = None) -> Totp:
    return Totp({"1": (settings or services().settings).key("authenticator apps").hex()}, ISSUER)


def _hashed(user: User, code: str) -> str:
    plain = re.sub(r"[^A-Z0-9]", "", code.upper())[:64]
    key = services().settings.key("recovery codes")
    return hmac.new(key, f"{user.id} {plain}".encode(), hashlib.sha256).hexdigest()
