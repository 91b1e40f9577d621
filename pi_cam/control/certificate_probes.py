"""The owner's own certificate, the device's, and its authority."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes

from pi_cam.control.findings import Finding, Place
from pi_cam.errors import SettingError
from pi_cam.trust.authority import RELEASED, Identity
from pi_cam.trust.certificates import RENEW_BEFORE, read_identity
from pi_cam.trust.own_certificate import read_own

OWN_DAYS = 14
SOON_DAYS = 2

AGAIN = "Start pi-cam again: it makes a new one."
TRUST_ANEW = (
    "Restore tls/ca.pem from a backup before pi-cam starts again: else it makes another authority, which every phone and "
    "computer would have to trust anew."
)


def certificates(place: Place) -> list[Finding]:
    """Those that are served, and whether the next renewal finds the authority that people trust."""
    now, folder = _now(place), place.folder / "tls"
    found = [*_owners(folder, now), *_devices(folder, now), *_authority(folder)] if folder.is_dir() else []
    text = "There is no certificate yet: one is made when others may connect."
    return found or [Finding("certificates", "ok", text)]


def _now(place: Place) -> datetime:
    """What is wrong with the clock is said in a line of its own."""
    try:
        return datetime.fromtimestamp(place.now(), UTC)
    except (OverflowError, ValueError, OSError):
        return RELEASED


def _owners(folder: Path, now: datetime) -> list[Finding]:
    try:
        own = read_own(folder, now)
    except SettingError as error:
        remedy = "Bring a good own.crt and own.key; until then the device's own certificate is served."
        return [Finding("certificates", "optional", str(error), remedy)]
    if own is None:
        return []
    days = (x509.load_pem_x509_certificate(own).not_valid_after_utc - now).days
    soon = "Your own certificate ends within two days."
    text = soon if days < SOON_DAYS else f"Your own certificate holds for {days} days."
    if days < OWN_DAYS:
        return [Finding("certificates", "optional", text, "Renew it where you have it from.")]
    return [Finding("certificates", "ok", text)]


def _devices(folder: Path, now: datetime) -> list[Finding]:
    path = folder / "device.pem"
    if not path.exists():
        return []
    fault = _fault_of(path, read_identity(folder / "ca.pem"))
    if fault:
        return [Finding("certificates", "optional", fault, AGAIN)]
    return [_lasting(x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc, now)]


def _fault_of(path: Path, authority: Identity | None) -> str | None:
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
    except ValueError:
        return "tls/device.pem cannot be read as a certificate."
    if read_identity(path) is None:
        return "tls/device.pem has no key that belongs to its certificate."
    if authority is not None and not _signed(certificate, authority.certificate):
        return "tls/device.pem was not signed by the authority of this device."
    return None


def _signed(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _lasting(end: datetime, now: datetime) -> Finding:
    days = (end - now).days
    if days < 0:
        return Finding("certificates", "missing", f"The device's own certificate ended on {end:%Y-%m-%d}.", AGAIN)
    if days < SOON_DAYS:
        return Finding("certificates", "optional", "The device's own certificate ends within two days.", AGAIN)
    text = f"The device's own certificate holds for {days} days."
    if days < RENEW_BEFORE.days:
        return Finding("certificates", "optional", text, AGAIN)
    return Finding("certificates", "ok", text)


def _authority(folder: Path) -> list[Finding]:
    path, public = folder / "ca.pem", folder / "ca.crt"
    found = read_identity(path)
    if found is None and path.exists():
        return [Finding("certificates", "missing", "The authority of this device (tls/ca.pem) is damaged.", TRUST_ANEW)]
    if found is None and (public.exists() or (folder / "device.pem").exists()):
        return [Finding("certificates", "missing", "The authority of this device (tls/ca.pem) is gone.", TRUST_ANEW)]
    if found is None:
        return []
    fingerprint = found.certificate.fingerprint(hashes.SHA256()).hex(":").upper()
    line = Finding("certificates", "ok", f"The fingerprint of this device's authority is {fingerprint}.")
    return [line, *_public(public, found), *_earlier(folder)]


def _public(path: Path, authority: Identity) -> list[Finding]:
    """What people are given to trust."""
    if not path.exists() or _is(path, authority.certificate):
        return []
    text = "tls/ca.crt is not the certificate of this device's authority."
    remedy = "Start pi-cam again: it writes it anew."
    return [Finding("certificates", "optional", text, remedy)]


def _is(path: Path, certificate: x509.Certificate) -> bool:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes()) == certificate
    except ValueError:
        return False


def _earlier(folder: Path) -> list[Finding]:
    if not (folder / "ca.pem.damaged").exists():
        return []
    text = "The authority of this device was damaged, and was made anew; what is left of it is tls/ca.pem.damaged."
    remedy = "Let everybody who trusted it take the new one from the page /certificate, then delete that file."
    return [Finding("certificates", "optional", text, remedy)]
