"""How a device shows that it is itself: by its key, whose id it bears."""

from __future__ import annotations

import base64
import hashlib
import secrets

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from itsdangerous import BadData
from webauthn.helpers import base64url_to_bytes

from web.portal.errors import NotSignedIn
from web.portal.kept import serializer
from web.portal.services import services

PROTOCOL = "pi-cam.v1"
ID_LETTERS = 20
CHALLENGE_SECONDS = 60
ACCESS_SECONDS = 3600
WRONG = "This device did not show that it is itself."


def id_of(public_key: bytes) -> str:
    """The device's name for programs: the beginning of the key's SHA-256 in base32, lower case."""
    return base64.b32encode(hashlib.sha256(public_key).digest()).decode("ascii")[:ID_LETTERS].lower()


def check(public_key: bytes, signature: str, purpose: str, what: str) -> None:
    """Raises `NotSignedIn`. The portal's own address is in what is signed: nobody passes on what was meant for another."""
    message = f"{PROTOCOL}\n{purpose}\n{services().settings.url}\n{what}".encode()
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(base64url_to_bytes(signature), message)
    except (InvalidSignature, ValueError):
        raise NotSignedIn(WRONG) from None


def challenge(device: str) -> str:
    """For this device to sign, within a minute."""
    return serializer("devices", "challenge").dumps([device, secrets.token_urlsafe(16)])


def check_challenge(device: str, given: str) -> None:
    """Raises `NotSignedIn` unless it is one of ours for this device, and young."""
    try:
        meant, _ = serializer("devices", "challenge").loads(given, max_age=CHALLENGE_SECONDS)
    except (BadData, ValueError, TypeError):
        meant = None
    if meant != device:
        raise NotSignedIn(WRONG)


def access_token(device: str) -> str:
    """With which a device speaks for an hour."""
    return serializer("devices", "access").dumps(device)


def device_of(token: str) -> str | None:
    """Whose access token it is; None when it is none, or too old."""
    try:
        found = serializer("devices", "access").loads(token, max_age=ACCESS_SECONDS)
    except BadData:
        return None
    return found if isinstance(found, str) else None
