"""The device's own key (Ed25519): who it is, to whoever it pairs with, whatever its name and its address are."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pi_cam import durable
from pi_cam.errors import StoreError

FILE = "device.key"
ID_LETTERS = 20
"""100 bits: nobody finds a second key with the same."""


class DeviceKey:
    """Made once, kept in the data folder (PEM, mode 0600)."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    @classmethod
    def load(cls, folder: Path) -> DeviceKey:
        """The key of this data folder, made if there is none. Raises `StoreError`."""
        path = folder / FILE
        try:
            if not path.exists():
                durable.make_once(path, _pem(Ed25519PrivateKey.generate()))
            key = serialization.load_pem_private_key(path.read_bytes(), None)
        except OSError as error:
            raise StoreError(f"The data folder {folder} cannot be used: {error}") from error
        except ValueError:
            key = None
        if not isinstance(key, Ed25519PrivateKey):
            raise StoreError(f"{path} is damaged; restore it from a backup.")
        return cls(key)

    @property
    def public_bytes(self) -> bytes:
        """The public key, 32 bytes (RFC 8032)."""
        return self._key.public_key().public_bytes_raw()

    @property
    def id(self) -> str:
        """The device's name for programs: the beginning of the public key's SHA-256 in base32, lower case."""
        return base64.b32encode(hashlib.sha256(self.public_bytes).digest()).decode("ascii")[:ID_LETTERS].lower()

    def sign(self, data: bytes) -> bytes:
        """A signature of 64 bytes (RFC 8032)."""
        return self._key.sign(data)


def _pem(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
