"""What a portal signs, for tests of a device: a key set, and tokens of every kind, right and wrong."""

from __future__ import annotations

import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pi_cam.trust import entry, portal_keys
from pi_cam.trust.portal_keys import KeySet

ISSUER = "https://portal.example"


class Signer:
    """One portal's keys."""

    def __init__(self, version: int = 1, issuer: str = ISSUER) -> None:
        self.issuer = issuer
        self.private = Ed25519PrivateKey.generate()
        self.kid = f"key-{version}"
        self.keys = KeySet(version, {self.kid: self.private.public_key().public_bytes_raw()})

    def sign(self, claims: dict[str, Any], kind: str, **header: Any) -> str:
        return jwt.encode(claims, self.private, "EdDSA", {"typ": kind, "kid": self.kid, **header})

    def successor(self, newer: KeySet) -> str:
        """The newer set, signed by the present key."""
        return self.sign({"iss": self.issuer, "set": newer.as_json()}, portal_keys.TYPE)

    def claims(self, device: str, nonce: str, **changed: Any) -> dict[str, Any]:
        now = int(time.time())
        return {
            "iss": self.issuer,
            "aud": f"dev:{device}",
            "sub": "account-7",
            "name": "ada@example.org",
            "role": "member",
            "can": {"main": ["view", "listen"]},
            "iat": now,
            "exp": now + 60,
            "epoch": 1,
            "nonce": nonce,
            **changed,
        }

    def token(self, device: str, nonce: str, **changed: Any) -> str:
        """The way in."""
        return self.sign(self.claims(device, nonce, **changed), entry.TYPE)
