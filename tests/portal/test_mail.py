"""Mail over an encrypted connection, with a password, to a server that is who it says."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.portal.post_office import PostOffice, open_post_office
from web.portal.errors import MailUnavailable
from web.portal.mail import Smtp, letter
from web.portal.settings import MailServer

USER, SECRET = "portal", "a canary of a password"


def authenticator(_server: object, _session: object, _envelope: object, _how: str, said: LoginPassword) -> AuthResult:
    return AuthResult(success=said.login == USER.encode() and said.password == SECRET.encode(), handled=False)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for localhost that vouches for itself, and its key."""
    key, name = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]),
    )
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = tmp_path / "certificate.pem", tmp_path / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


def context(pair: tuple[Path, Path]) -> ssl.SSLContext:
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(*pair)
    return own


def send(office: PostOffice, *, encrypted: bool, password: str = SECRET) -> None:
    line = Smtp(MailServer("localhost", office.port, encrypted, USER, password)).open()
    line.send(letter("portal@portal.test", "zoe@example.org", "Bonjour", "Ça va, Zoé ?\n"))
    line.close()


@pytest.mark.parametrize("encrypted", [False, True], ids=["starttls", "smtps"])
def test_it_is_handed_in(pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, *, encrypted: bool) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(pair[0]))
    options: dict[str, Any] = {"tls_context": context(pair), "require_starttls": True, "auth_required": True}
    if encrypted:  # aiosmtpd takes only STARTTLS for encryption before it offers AUTH
        options = {"ssl_context": context(pair), "auth_require_tls": False}
    with open_post_office(authenticator=authenticator, **options) as office:
        send(office, encrypted=encrypted)
        (kept,) = office.letters
        assert kept.get_content().strip() == "Ça va, Zoé ?"
        assert kept["Auto-Submitted"] == "auto-generated"
        with pytest.raises(MailUnavailable):
            send(office, encrypted=encrypted, password="wrong")


@pytest.mark.parametrize("encrypted", [False, True], ids=["starttls", "smtps"])
def test_a_server_that_nobody_vouches_for_gets_nothing(pair: tuple[Path, Path], *, encrypted: bool) -> None:
    options: dict[str, Any] = {"ssl_context": context(pair)} if encrypted else {"tls_context": context(pair)}
    with open_post_office(authenticator=authenticator, **options) as office:
        with pytest.raises(MailUnavailable):
            send(office, encrypted=encrypted)
        assert office.letters == []
