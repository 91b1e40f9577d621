"""The device's own certificate authority. It can sign for the device's names and for private addresses and for nothing else,
so that a person who trusts it gives nobody a key to the rest of the web (RFC 5280, section 4.2.1.10)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pi_cam.trust.own_names import PRIVATE_NETWORKS, Address

RELEASED = datetime(2026, 11, 1, tzinfo=UTC)
"""No clock that is right shows less. A Raspberry Pi without network begins in 1970: what it makes then is dated from here.
One that runs ahead, into 2038 or beyond, does no lasting harm either: a certificate that is not valid yet is made anew."""

AUTHORITY_ENDS = datetime(2099, 12, 31, tzinfo=UTC)
"""A person trusts it once, for the life of the device."""

LEAF_DAYS = 397
"""Browsers refuse more (CA/Browser Forum, Baseline Requirements, section 6.3.2)."""

SKEW = timedelta(days=1)
"""The browser's clock may be behind ours."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate and its key."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    def pem(self) -> bytes:
        """Key and certificate, one after the other."""
        return key_pem(self.key) + self.certificate.public_bytes(serialization.Encoding.PEM)


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """PKCS #8, not encrypted."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def make_authority(device: str, names: Iterable[str]) -> Identity:
    """A new authority for these DNS names and all private addresses. P-256: Chromium takes no Ed25519 certificates."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Caméra Connectée"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"Camera {device}"),
        ]
    )
    permitted: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
    permitted += [x509.IPAddress(network) for network in PRIVATE_NETWORKS]
    own_id = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        _unsigned(subject, subject, key, RELEASED, AUTHORITY_ENDS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.NameConstraints(permitted, None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(own_id, critical=False)
        .sign(key, hashes.SHA256())
    )
    return Identity(key, certificate)


def permitted_names(authority: x509.Certificate) -> tuple[str, ...]:
    """The DNS names that it may sign for."""
    constraints = authority.extensions.get_extension_for_class(x509.NameConstraints).value
    return tuple(one.value for one in constraints.permitted_subtrees or () if isinstance(one, x509.DNSName))


def issue(authority: Identity, names: Iterable[str], addresses: Iterable[Address], now: datetime) -> Identity:
    """A certificate for a server, valid from `now` (or from `RELEASED`, where the clock is wrong)."""
    key = ec.generate_private_key(ec.SECP256R1())
    begins = max(now - SKEW, RELEASED)
    dns = list(names)
    general: list[x509.GeneralName] = [x509.DNSName(name) for name in dns]
    general += [x509.IPAddress(address) for address in addresses]
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, dns[0])])
    issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    certificate = (
        _unsigned(subject, authority.certificate.subject, key, begins, begins + timedelta(days=LEAF_DAYS))
        .add_extension(x509.SubjectAlternativeName(general), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(issuer_key, critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    return Identity(key, certificate)


def covers(certificate: x509.Certificate, names: Iterable[str], addresses: Iterable[Address]) -> bool:
    """Whether it is for all of these (it may be for more)."""
    try:
        alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    has = {str(name) for name in alternative.get_values_for_type(x509.DNSName)}
    has |= {str(ipaddress.ip_address(str(one))) for one in alternative.get_values_for_type(x509.IPAddress)}
    return {*names, *(str(address) for address in addresses)} <= has


def _unsigned(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, begins: datetime, ends: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
