"""Passkeys (WebAuthn): discoverable, and unlocked by the person, so that one counts as both factors."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Literal

import webauthn
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError
from webauthn.helpers import base64url_to_bytes, options_to_json_dict
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from web.portal.accounts.models import Challenge, Passkey, User
from web.portal.database import db
from web.portal.errors import NotSignedIn, PortalError, Refused
from web.portal.services import services

NAME_OF_THE_SITE = "Caméra Connectée"
MOST = 20
MAX_NAME = 64
MAX_ID_BYTES, MAX_KEY_BYTES = 1023, 2048
LIFETIME = timedelta(minutes=5)
NOT_ACCEPTED = "This passkey was not accepted."

Purpose = Literal["add", "signin", "verify"]

# What the library lets through of bytes that somebody made up, beside its own errors.
BAD_ANSWER = (
    WebAuthnException,
    InvalidSignature,
    UnsupportedAlgorithm,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)


def list_of(user: int) -> Sequence[Passkey]:
    """A person's own, the oldest first."""
    return db.session.execute(select(Passkey).where(Passkey.user_id == user).order_by(Passkey.id)).scalars().all()


def options_to_add(user: User) -> dict[str, Any]:
    """`PublicKeyCredentialCreationOptionsJSON`. Raises `Refused` when there are too many."""
    there = list_of(user.id)
    if len(there) >= MOST:
        raise Refused("An account has at most %(count)s passkeys; remove one first.", count=MOST)
    options = webauthn.generate_registration_options(
        rp_id=services().settings.host,
        rp_name=NAME_OF_THE_SITE,
        user_id=user.passkey_handle,
        user_name=user.email,
        challenge=_challenge("add", user.id),
        timeout=int(LIFETIME.total_seconds() * 1000),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=one.credential_id) for one in there],
    )
    return options_to_json_dict(options)


def add(user: User, name: str, credential: dict[str, Any]) -> None:
    """`credential`: `RegistrationResponseJSON`. Raises `Refused` for one that does not fit what was asked."""
    name = name.strip()
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise Refused("A name has 1 to %(count)s characters.", count=MAX_NAME)
    with _refusing(Refused):
        verified = webauthn.verify_registration_response(
            credential=credential,
            expected_challenge=_taken(credential, "add", user.id),
            expected_rp_id=services().settings.host,
            expected_origin=services().settings.url,
            require_user_verification=True,
        )
        if len(verified.credential_id) > MAX_ID_BYTES or len(verified.credential_public_key) > MAX_KEY_BYTES:
            raise ValueError("longer than any that an authenticator makes")
    passkey = Passkey(
        user_id=user.id,
        credential_id=verified.credential_id,
        public_key=verified.credential_public_key,
        sign_count=verified.sign_count,
        name=name,
        created_at=services().clock(),
    )
    db.session.add(passkey)
    try:
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        raise Refused(NOT_ACCEPTED) from None


def remove(user: int, passkey: int) -> bool:
    """False when this person has no such one."""
    done = db.session.execute(delete(Passkey).where(Passkey.id == passkey, Passkey.user_id == user))
    db.session.commit()
    return bool(getattr(done, "rowcount", 0))


def options_to_prove(purpose: Literal["signin", "verify"], user: User | None = None) -> dict[str, Any]:
    """`PublicKeyCredentialRequestOptionsJSON`: for anybody who signs in (the authenticator knows for whom it has a
    passkey), or for one person who proves again who they are."""
    options = webauthn.generate_authentication_options(
        rp_id=services().settings.host,
        challenge=_challenge(purpose, user.id if user else None),
        timeout=int(LIFETIME.total_seconds() * 1000),
        allow_credentials=[PublicKeyCredentialDescriptor(id=one.credential_id) for one in list_of(user.id)]
        if user
        else None,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options_to_json_dict(options)


def owner_of(credential: dict[str, Any], purpose: Literal["signin", "verify"], user: User | None = None) -> User:
    """Whose passkey made this `AuthenticationResponseJSON`. Raises `NotSignedIn`, in the same
    words for whatever is wrong."""
    with _refusing(NotSignedIn):
        challenge = _taken(credential, purpose, user.id if user else None)
        found = db.session.execute(
            select(Passkey, User)
            .join(User, User.id == Passkey.user_id)
            .where(Passkey.credential_id == base64url_to_bytes(credential["rawId"]))
        ).one_or_none()
        if found is None:
            raise LookupError
        passkey, owner = found
        handle = credential["response"].get("userHandle")
        wrong_handle = handle is not None and base64url_to_bytes(handle) != owner.passkey_handle
        if wrong_handle or not owner.active or (user is not None and owner.id != user.id):
            raise ValueError
        verified = webauthn.verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=services().settings.host,
            expected_origin=services().settings.url,
            credential_public_key=passkey.public_key,
            credential_current_sign_count=passkey.sign_count,
            require_user_verification=True,
        )
    passkey.sign_count, passkey.used_at = verified.new_sign_count, services().clock()
    db.session.commit()
    return owner


def _challenge(purpose: Purpose, user: int | None) -> bytes:
    now, challenge = services().clock(), secrets.token_bytes(32)
    db.session.execute(delete(Challenge).where(Challenge.expires_at < now))
    db.session.execute(
        insert(Challenge).values(
            challenge_hash=_hashed(challenge), purpose=purpose, user_id=user, expires_at=now + LIFETIME
        )
    )
    db.session.commit()
    return challenge


def _taken(credential: dict[str, Any], purpose: Purpose, user: int | None) -> bytes:
    """The challenge that was answered, which counts once. Raises `ValueError` for one that was not given for this."""
    said = json.loads(base64url_to_bytes(credential["response"]["clientDataJSON"]))["challenge"]
    challenge = base64url_to_bytes(said)
    done = db.session.execute(
        delete(Challenge).where(
            Challenge.challenge_hash == _hashed(challenge),
            Challenge.purpose == purpose,
            Challenge.user_id.is_(None) if user is None else Challenge.user_id == user,
            Challenge.expires_at >= services().clock(),
        )
    )
    db.session.commit()
    if getattr(done, "rowcount", 0) != 1:
        raise ValueError("not asked, or answered before")
    return challenge


@contextmanager
def _refusing(kind: type[PortalError]) -> Iterator[None]:
    try:
        yield
    except BAD_ANSWER as error:
        db.session.rollback()
        raise kind(NOT_ACCEPTED) from error


def _hashed(challenge: bytes) -> str:
    return hashlib.sha256(challenge).hexdigest()
