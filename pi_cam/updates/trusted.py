"""The public keys by which an update is known to be the maker's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from pi_cam.errors import UpdateRefused

BUILT_IN = Path(__file__).parent / "keys"
OWN = Path("/etc/pi-cam/update-keys")
MAX_KEY_BYTES = 4096


def load(folders: Sequence[Path] = (BUILT_IN, OWN)) -> list[Ed25519PublicKey]:
    """Each `*.pem` of these folders (SubjectPublicKeyInfo, Ed25519); several, so that a key can be followed by the next.
    Raises `UpdateRefused` when one cannot be used: a key that silently does not count would be looked for in vain."""
    keys = []
    for path in (path for folder in folders for path in sorted(folder.glob("*.pem"))):
        try:
            with path.open("rb") as file:
                key = load_pem_public_key(file.read(MAX_KEY_BYTES))
        except (OSError, ValueError):
            key = None
        if not isinstance(key, Ed25519PublicKey):
            raise UpdateRefused(f"{path} is not a public key for updates (PEM, Ed25519).")
        keys.append(key)
    return keys


def check(keys: Sequence[Ed25519PublicKey], signature: bytes, data: bytes) -> None:
    """Raises `UpdateRefused` unless one of the keys made the signature (64 bytes, RFC 8032)."""
    if not keys:
        raise UpdateRefused("This pi-cam knows no key for updates: put one into /etc/pi-cam/update-keys.")
    for key in keys:
        try:
            key.verify(signature, data)
        except InvalidSignature:
            continue
        return
    raise UpdateRefused("This update was not signed by a key that this camera trusts, or it is damaged.")
