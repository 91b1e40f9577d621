"""The certificate that an owner brings: `own.crt` (with its chain) and `own.key`, both PEM."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from pi_cam.errors import SettingError

Encoding, Public = serialization.Encoding, serialization.PublicFormat


def read_own(folder: Path, now: datetime) -> bytes | None:
    """Key, certificate and chain, one after the other; None when there is none. Raises `SettingError` with the reason why
    it cannot be used."""
    crt, key = folder / "own.crt", folder / "own.key"
    if not crt.exists() and not key.exists():
        return None
    chain, private, secret = _certificates(crt), *_key(key)
    if chain[0].public_key().public_bytes(Encoding.DER, Public.SubjectPublicKeyInfo) != private:
        raise SettingError("tls/own.crt and tls/own.key do not belong together.")
    if now > chain[0].not_valid_after_utc:
        raise SettingError(f"tls/own.crt is out of date since {chain[0].not_valid_after_utc:%Y-%m-%d}.")
    if now < chain[0].not_valid_before_utc:
        raise SettingError(f"tls/own.crt is not valid before {chain[0].not_valid_before_utc:%Y-%m-%d}.")
    return secret + b"".join(one.public_bytes(Encoding.PEM) for one in chain)


def dns_names(pem: bytes) -> frozenset[str]:
    """For which the first certificate is, in lower case; perhaps with a `*` as their first label."""
    try:
        extensions = x509.load_pem_x509_certificate(pem).extensions
        names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return frozenset()
    return frozenset(name.lower() for name in names.get_values_for_type(x509.DNSName))


def _certificates(path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except FileNotFoundError:
        raise SettingError("tls/own.key is there, but tls/own.crt is not.") from None
    except (OSError, ValueError, UnsupportedAlgorithm):
        raise SettingError("tls/own.crt cannot be read as a certificate (PEM).") from None


def _key(path: Path) -> tuple[bytes, bytes]:
    """The public half (DER), and all of it (PEM)."""
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
        secret = key.private_bytes(Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return key.public_key().public_bytes(Encoding.DER, Public.SubjectPublicKeyInfo), secret
    except FileNotFoundError:
        raise SettingError("tls/own.crt is there, but tls/own.key is not.") from None
    except TypeError:
        raise SettingError("tls/own.key is protected by a passphrase, which nobody can type at a start.") from None
    except (OSError, ValueError, UnsupportedAlgorithm):
        raise SettingError("tls/own.key cannot be read as a private key (PEM).") from None
