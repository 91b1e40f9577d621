"""The portal's signing keys (Ed25519), as this device pinned them when it was paired, and how a newer set takes their place.

A set is JSON: `{"version": 2, "keys": {"2026-11": "base64url of 32 bytes"}}`. A newer one comes as a JWT (RFC 7519) of type
`picam-keys+jwt` with that set in the claim `set`, signed by a key of the set that is pinned.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

from pi_cam.errors import NotAllowed, SettingError

TYPE = "picam-keys+jwt"
ALGORITHM = "EdDSA"
KEYS_MOST = 8
LARGEST_TOKEN = 8192
"""Characters. A token of ours has some five hundred."""

_KEY_ID = re.compile(r"[\w.-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class KeySet:
    """`keys`: key id → public key, 32 bytes (RFC 8032)."""

    version: int
    keys: Mapping[str, bytes]

    def as_json(self) -> dict[str, object]:
        """What `parse` takes."""
        return {"version": self.version, "keys": {name: bytes_to_base64url(key) for name, key in self.keys.items()}}


def parse(given: object) -> KeySet:
    """Raises `SettingError` for what is no key set."""
    version, keys = (given.get("version"), given.get("keys")) if isinstance(given, dict) else (None, None)
    if type(version) is not int or version < 1 or not isinstance(keys, dict) or not 0 < len(keys) <= KEYS_MOST:
        raise SettingError("The portal sent keys that make no sense.")
    try:
        known = {str(name): base64url_to_bytes(key) for name, key in keys.items()}
    except (ValueError, AttributeError):
        known = {}
    if len(known) != len(keys) or any(not _KEY_ID.fullmatch(name) or len(key) != 32 for name, key in known.items()):
        raise SettingError("The portal sent keys that make no sense.")
    return KeySet(version, known)


def successor(pinned: KeySet, token: str, issuer: str) -> KeySet:
    """The newer set in this token. Raises `NotAllowed` unless a pinned key signed it and it is newer."""
    claims = verified(pinned, token, TYPE, issuer=issuer, options={"require": ["iss", "set"]})
    try:
        newer = parse(claims["set"])
    except SettingError as error:
        raise NotAllowed(str(error)) from error
    if newer.version <= pinned.version:
        raise NotAllowed("The portal sent keys that are older than those that are known.")
    return newer


def verified(pinned: KeySet, token: str, kind: str, **checks: Any) -> dict[str, Any]:
    """The claims of a token of this type, signed by a pinned key; `checks` as `jwt.decode` takes them. Raises `NotAllowed`.

    The key is found by its id among the pinned ones and nowhere else: a key or an address in the header counts for nothing.
    """
    if len(token) > LARGEST_TOKEN:
        raise NotAllowed("The portal's token does not hold.")
    try:
        header = jwt.get_unverified_header(token)
        key = pinned.keys.get(str(header.get("kid")))
        if header.get("typ") != kind or header.get("alg") != ALGORITHM or key is None:
            raise NotAllowed("The portal's token does not hold.")
        public = Ed25519PublicKey.from_public_bytes(key)
        claims: dict[str, Any] = jwt.decode(token, public, algorithms=[ALGORITHM], **checks)
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise NotAllowed("The portal's token does not hold.") from error
    return claims
