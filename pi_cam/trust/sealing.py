"""What is stored encrypted, so that the database alone (a backup, a lost card's copy) does not give it away."""

from __future__ import annotations

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from pi_cam.errors import StoreError

VERSION = b"\x01"
NONCE_BYTES = 12


class Seal:
    """AES-256-GCM. `key`: `Store.secret()`, which is in a file beside the database.

    A sealed value is a version byte, a random nonce, and the encrypted data with its tag. The context says what it is and
    whose (`totp 3`): it is not stored, and a value that was moved to another place opens no more than an altered one.
    """

    def __init__(self, key: bytes) -> None:
        derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"pi-cam sealed values").derive(key)
        self._cipher = AESGCM(derived)

    def seal(self, data: bytes, context: str) -> bytes:
        """What is stored."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return VERSION + nonce + self._cipher.encrypt(nonce, data, context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        """What was sealed. Raises `StoreError` when it is damaged, another's, or was sealed with another key."""
        nonce, encrypted = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
        try:
            if sealed[:1] != VERSION:
                raise InvalidTag
            return self._cipher.decrypt(nonce, encrypted, context.encode())
        except (InvalidTag, ValueError):  # ValueError: too short to hold a nonce or a tag
            raise StoreError(
                "A secret in the database cannot be read: it is damaged, or secret.key is not the one it was written with."
            ) from None
