"""The portal's own keys (Ed25519): which devices pin, and with which it says who may come in.

The last two versions are in the set; a newer set is signed by the key of the version that a device has.
"""

from __future__ import annotations

import base64
from typing import Any

import jwt
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from webauthn.helpers import bytes_to_base64url

from web.portal.database import apart, db
from web.portal.devices.models import SigningKey
from web.portal.errors import BadSettings
from web.portal.services import services
from web.portal.settings import Settings

KEYS_TYPE = "picam-keys+jwt"
ALGORITHM = "EdDSA"
KEPT = 2


def key_set() -> dict[str, Any]:
    """As devices take it: `{"version": 2, "keys": {"v2": "…", "v1": "…"}}`, public keys in base64url."""
    return _as_set(_keys())


def newer_than(version: int) -> str | None:
    """The present set, signed for a device that has this version; None when it has the present one, or one unknown here."""
    keys = _keys()
    known = next((key for key in keys if key.version == version), None)
    if known is None or known is keys[0]:
        return None
    return _signed({"iss": services().settings.url, "set": _as_set(keys)}, known, KEYS_TYPE)


def sign(claims: dict[str, Any], kind: str) -> str:
    """A JWT of this type (RFC 7519), by the newest key that every device has: the one before the newest, if there is one.
    A device that is not there when the key changes must still know whom to believe."""
    return _signed(claims, _keys()[-1], kind)


def rotate() -> int:
    """Makes the next key; its version."""
    version = _keys()[0].version + 1
    _make(version)
    db.session.expire_all()
    return version


def newest() -> SigningKey:
    """The key that was made last; the first one is made when it is first needed."""
    return _keys()[0]


def reseal(before: Settings) -> int:
    """Seals all keys anew, which were sealed with another secret; how many. Raises `BadSettings`; the caller commits."""
    keys = list(db.session.execute(select(SigningKey)).scalars())
    for key in keys:
        key.sealed = _seal().encrypt(_opened(key, before)).decode("ascii")
    return len(keys)


def _keys() -> list[SigningKey]:
    """The newest first; the first one is made when it is first needed."""
    newest = select(SigningKey).order_by(SigningKey.version.desc()).limit(KEPT)
    found = list(db.session.execute(newest).scalars())
    if not found:
        _make(1)
        found = list(db.session.execute(newest).scalars())
    return found


def _make(version: int) -> None:
    private = Ed25519PrivateKey.generate()
    row = {
        "version": version,
        "public_key": private.public_key().public_bytes_raw(),
        "sealed": _seal().encrypt(private.private_bytes_raw()).decode("ascii"),
        "created_at": services().clock(),
    }
    try:
        with apart() as connection:
            connection.execute(insert(SigningKey).values(**row))
    except IntegrityError:  # another worker made it at the same moment
        return


def _signed(claims: dict[str, Any], key: SigningKey, kind: str) -> str:
    private = Ed25519PrivateKey.from_private_bytes(_opened(key, services().settings))
    return jwt.encode(claims, private, ALGORITHM, {"typ": kind, "kid": f"v{key.version}"})


def _as_set(keys: list[SigningKey]) -> dict[str, Any]:
    return {"version": keys[0].version, "keys": {f"v{key.version}": bytes_to_base64url(key.public_key) for key in keys}}


def _opened(key: SigningKey, settings: Settings) -> bytes:
    try:
        return _seal(settings).decrypt(key.sealed.encode("ascii"))
    except InvalidToken:
        raise BadSettings("PORTAL_SECRET_KEY is not the one with which the signing keys were sealed.") from None


def _seal(settings: Settings | None = None) -> Fernet:
    return Fernet(base64.urlsafe_b64encode((settings or services().settings).key("signing keys")))
