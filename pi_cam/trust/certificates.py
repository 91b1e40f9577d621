"""The certificate that is served: the owner's own where there is a good one, else the device's, renewed in time.

In the folder `tls` of the data folder:

    ca.pem      the device's authority, with its key       0600
    ca.crt      the same without the key, for people       0644
    device.pem  the device's certificate, with its key     0600
    own.crt     the owner's own certificate and chain      theirs
    own.key     its key                                    theirs
    served.pem  the one in use: key, certificate, chain    0600

Each is one file, replaced in one step: no cut of the power leaves a key and a certificate that do not belong together.
"""

from __future__ import annotations

import logging
import ssl
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pi_cam import durable
from pi_cam.errors import SettingError, StoreError
from pi_cam.trust import own_names
from pi_cam.trust.authority import RELEASED, Identity, covers, issue, make_authority, permitted_names
from pi_cam.trust.own_certificate import dns_names, read_own

log = logging.getLogger(__name__)

RENEW_BEFORE = timedelta(days=30)
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""For TLS 1.2: forward secrecy and authenticated encryption only. TLS 1.3 has no others."""


class Certificates:
    """Of one device. Any thread may ask. `now`: seconds since 1970, from a clock that may be wrong."""

    def __init__(
        self,
        data: Path,
        device: str,
        *,
        names: Callable[[str], tuple[str, ...]] = own_names.local_names,
        names_to_come: Callable[[str], tuple[str, ...]] = own_names.names_to_come,
        addresses: Callable[[], tuple[own_names.Address, ...]] = own_names.present_addresses,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._folder = data / "tls"
        self._device = device
        self._names = names
        self._names_to_come = names_to_come
        self._addresses = addresses
        self._now = now
        self._lock = threading.RLock()
        self._context: ssl.SSLContext | None = None
        self._served = b""
        self._owners_names: frozenset[str] = frozenset()
        self.own_in_use = False
        self.own_problem: str | None = None
        """Why the owner's certificate is not used; None when it is, or when there is none."""

    def context(self) -> ssl.SSLContext:
        """For new connections; waits for no renewal. Raises `StoreError`."""
        if self._context is None:
            self.renew()
        if self._context is None:
            raise StoreError("There is no certificate to serve.")
        return self._context

    def ends_at(self) -> datetime | None:
        """The last moment of the certificate that is served; None while none is."""
        return x509.load_pem_x509_certificate(self._served).not_valid_after_utc if self._served else None

    def is_owners_name(self, host: str) -> bool:
        """Whether the owner's certificate, as it is served, is for this DNS name."""
        parent = "*." + host.partition(".")[2]
        return host in self._owners_names or parent in self._owners_names

    def authority(self) -> x509.Certificate:
        """The device's authority, for a person to trust; made if there is none. Raises `StoreError`."""
        with self._lock, self._usable():
            return self._authority().certificate

    def fingerprint(self) -> str:
        """SHA-256 of the authority, as browsers show it. Raises `StoreError`."""
        return self.authority().fingerprint(hashes.SHA256()).hex(":").upper()

    def renew(self) -> None:
        """Looks at all again, and serves what is right now. Raises `StoreError`."""
        with self._lock, self._usable():
            self._choose()

    def _choose(self) -> None:
        problem = None
        try:
            own = read_own(self._folder, self._time())
            if own is not None:
                self._serve(own)
        except SettingError as error:
            own, problem = None, str(error)
            if problem != self.own_problem:
                log.warning("%s The device's own certificate is used instead.", problem)
        if own is None:
            leaf, authority = self._leaf(), self._authority()
            self._serve(leaf.pem() + authority.certificate.public_bytes(serialization.Encoding.PEM))
        self.own_in_use, self.own_problem = own is not None, problem
        self._owners_names = dns_names(own) if own is not None else frozenset()

    def _serve(self, pem: bytes) -> None:
        """Raises `SettingError` when the TLS library refuses it."""
        if pem == self._served:
            return
        candidate = self._folder / "candidate.pem"
        durable.replace(candidate, pem)
        try:
            context = server_context(candidate)
        except ssl.SSLError as error:
            candidate.unlink()
            raise SettingError(f"tls/own.crt cannot be served: {error.reason or error}.") from error
        candidate.replace(self._folder / "served.pem")
        self._context, self._served = context, pem

    def _authority(self) -> Identity:
        path = self._folder / "ca.pem"
        found = read_identity(path)
        if found is None:
            if path.exists():
                damaged = path.with_name("ca.pem.damaged")
                path.replace(damaged)
                log.error("The device's authority was damaged and is made anew.", extra={"kept_as": str(damaged)})
            permitted = dict.fromkeys([*self._names(self._device), *self._names_to_come(self._device)])
            durable.make_once(path, make_authority(self._device, permitted).pem())
            found = read_identity(path)
        if found is None:
            raise StoreError(f"{path} cannot be written.")
        public, crt = found.certificate.public_bytes(serialization.Encoding.PEM), self._folder / "ca.crt"
        if not crt.exists() or crt.read_bytes() != public:
            durable.replace(crt, public)
            crt.chmod(0o644)
        return found

    def _leaf(self) -> Identity:
        authority = self._authority()
        # A name that the machine got later is left out: the authority, which people trust already, cannot sign for it.
        permitted = permitted_names(authority.certificate)
        names = [name for name in self._names(self._device) if name in permitted]
        addresses = self._addresses()
        found = read_identity(self._folder / "device.pem")
        if found is None or not self._is_good(found.certificate, authority, names, addresses):
            found = issue(authority, names, addresses, self._time())
            durable.replace(self._folder / "device.pem", found.pem())
            log.info("a new certificate", extra={"until": found.certificate.not_valid_after_utc.date().isoformat()})
        return found

    def _is_good(
        self,
        leaf: x509.Certificate,
        authority: Identity,
        names: list[str],
        addresses: tuple[own_names.Address, ...],
    ) -> bool:
        try:
            leaf.verify_directly_issued_by(authority.certificate)
        except (ValueError, TypeError, InvalidSignature):
            return False
        in_time = leaf.not_valid_before_utc <= self._time() <= leaf.not_valid_after_utc - RENEW_BEFORE
        return in_time and covers(leaf, names, addresses)

    def _time(self) -> datetime:
        """The clock's time, but never before this program existed."""
        try:
            return max(datetime.fromtimestamp(self._now(), UTC), RELEASED)
        except (OverflowError, ValueError, OSError):
            return RELEASED

    def _usable(self) -> _Usable:
        return _Usable(self._folder)


class _Usable:
    """Makes the folder; what the disk says is said in one sentence."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> None:
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise self._sentence(error) from error

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            raise self._sentence(error) from error

    def _sentence(self, error: OSError) -> StoreError:
        return StoreError(f"The folder {self._folder} cannot be used: {error}")


def server_context(pem: Path) -> ssl.SSLContext:
    """TLS 1.2 and 1.3 with the key and the chain of one file. Raises `ssl.SSLError`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(pem)
    return context


def read_identity(path: Path) -> Identity | None:
    """A certificate and its key from one file. None when there is none, or when it makes no sense. Raises `OSError`."""
    try:
        data = path.read_bytes()
        certificate, key = x509.load_pem_x509_certificate(data), serialization.load_pem_private_key(data, None)
    except (FileNotFoundError, ValueError, TypeError, UnsupportedAlgorithm):
        return None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        return None
    return Identity(key, certificate)
