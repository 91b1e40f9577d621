"""The device's key, its authority and its certificates: damaged files, wrong clocks and the owner's own among them."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import ssl
import stat
import subprocess
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from pi_cam.errors import StoreError
from pi_cam.trust import authority as authorities
from pi_cam.trust import own_names
from pi_cam.trust.authority import RELEASED, Identity
from pi_cam.trust.certificates import Certificates, server_context
from pi_cam.trust.device_key import DeviceKey
from pi_cam.trust.own_names import Address
from pi_cam.trust.renewal import CertificateRenewal

DEVICE = "abcdefghijklmnopqrst"
TODAY = datetime(2027, 3, 1, tzinfo=UTC)
OWNERS_NAMES = ("cam.example.org", "*.home.example.org")
HOME = ipaddress.ip_address("192.168.1.7")


class Device:
    """A device whose clock, names and addresses a test sets."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = TODAY.timestamp()
        self.names = ["pi-cam.local", f"pi-cam-{DEVICE}.local", "localhost", "attic.local"]
        self.names_to_come: list[str] = []
        self.addresses: list[Address] = [ipaddress.ip_address("127.0.0.1"), HOME]
        self.certificates = self.restarted()

    def restarted(self) -> Certificates:
        self.certificates = Certificates(
            self.folder,
            DEVICE,
            names=lambda _: tuple(self.names),
            names_to_come=lambda _: tuple(self.names_to_come),
            addresses=lambda: tuple(self.addresses),
            now=lambda: self.now,
        )
        return self.certificates

    def tls(self, name: str) -> Path:
        return self.folder / "tls" / name

    def leaf(self) -> x509.Certificate:
        """What is served."""
        self.certificates.renew()
        return x509.load_pem_x509_certificates(self.tls("served.pem").read_bytes())[0]


@pytest.fixture
def device(tmp_path: Path) -> Device:
    return Device(tmp_path)


def alternative(leaf: x509.Certificate) -> set[str]:
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(one.value) for one in names}


def own(
    folder: Path,
    begins: datetime = TODAY - timedelta(days=1),
    days: int = 90,
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | None = None,
) -> bytes:
    """An owner's certificate and its key; the certificate as PEM."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "cam.example.org")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in OWNERS_NAMES]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "tls").mkdir(exist_ok=True)
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    (folder / "tls/own.crt").write_bytes(pem)
    (folder / "tls/own.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return pem


# The device's key


def test_the_device_key_is_made_once_and_its_id_comes_from_it(tmp_path: Path) -> None:
    first, again = DeviceKey.load(tmp_path), DeviceKey.load(tmp_path)
    assert first.id == again.id
    assert len(first.id) == 20
    assert first.id == first.id.lower()
    assert stat.S_IMODE((tmp_path / "device.key").stat().st_mode) == 0o600
    public = ed25519.Ed25519PublicKey.from_public_bytes(first.public_bytes)
    public.verify(again.sign(b"who"), b"who")
    digest = base64.b32encode(hashlib.sha256(first.public_bytes).digest()).decode().lower()
    assert digest.startswith(first.id)


def test_two_devices_differ(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    assert DeviceKey.load(tmp_path).id != DeviceKey.load(tmp_path / "other").id


@pytest.mark.parametrize("text", [b"", b"nonsense", b"-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n"])
def test_a_damaged_device_key_is_a_sentence_and_stays(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "device.key").write_bytes(text)
    with pytest.raises(StoreError, match=r"device\.key is damaged; restore it from a backup\."):
        DeviceKey.load(tmp_path)
    assert (tmp_path / "device.key").read_bytes() == text


def test_of_many_who_make_the_key_at_once_one_wins(tmp_path: Path) -> None:
    ids: list[str] = []
    threads = [threading.Thread(target=lambda: ids.append(DeviceKey.load(tmp_path).id)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(ids)) == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["device.key"]


# The authority


def test_the_authority_may_sign_for_the_devices_names_and_private_addresses_only(device: Device) -> None:
    authority = device.certificates.authority()
    constraints = authority.extensions.get_extension_for_class(x509.NameConstraints)
    assert constraints.critical
    permitted = {str(one.value) for one in constraints.value.permitted_subtrees or ()}
    assert permitted == {*device.names, *(str(network) for network in own_names.PRIVATE_NETWORKS)}
    basic = authority.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (basic.critical, basic.value.ca, basic.value.path_length) == (True, True, 0)
    usage = authority.extensions.get_extension_for_class(x509.KeyUsage)
    assert (usage.critical, usage.value.key_cert_sign, usage.value.digital_signature) == (True, True, False)
    assert isinstance(authority.public_key(), ec.EllipticCurvePublicKey)
    assert stat.S_IMODE(device.tls("ca.pem").stat().st_mode) == 0o600
    assert b"PRIVATE" not in device.tls("ca.crt").read_bytes()


def openssl_accepts(folder: Path, authority: x509.Certificate, leaf: x509.Certificate, *more: str) -> bool:
    for name, certificate in (("a.crt", authority), ("l.crt", leaf)):
        (folder / name).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    command = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-attime", str(int(TODAY.timestamp()))]
    done = subprocess.run(
        [*command, *more, "-CAfile", str(folder / "a.crt"), str(folder / "l.crt")],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode == 0


def test_openssl_accepts_the_leaf_and_refuses_what_the_authority_may_not_sign(device: Device) -> None:
    leaf = device.leaf()
    data = device.tls("ca.pem").read_bytes()
    key = serialization.load_pem_private_key(data, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    authority = Identity(key, x509.load_pem_x509_certificate(data))
    for more in (("-verify_hostname", "pi-cam.local"), ("-verify_ip", str(HOME))):
        assert openssl_accepts(device.folder, authority.certificate, leaf, *more)
    for names, addresses in (
        (["bank.example"], []),
        (["pi-cam.local.bank.example"], []),
        (["pi-cam.local", "bank.example"], []),
        (["pi-cam.local"], [ipaddress.ip_address("203.0.113.7")]),
        (["pi-cam.local"], [ipaddress.ip_address("2001:db8::1")]),
    ):
        bad = authorities.issue(authority, names, addresses, TODAY).certificate
        assert not openssl_accepts(device.folder, authority.certificate, bad), (names, addresses)


def test_the_fingerprint_is_that_of_the_file(device: Device) -> None:
    fingerprint = device.certificates.fingerprint()
    der = x509.load_pem_x509_certificate(device.tls("ca.crt").read_bytes()).public_bytes(serialization.Encoding.DER)
    assert fingerprint.replace(":", "") == hashlib.sha256(der).hexdigest().upper()


def test_the_authority_outlives_restarts_and_renewals(device: Device) -> None:
    first = device.certificates.authority()
    device.now += 700 * 86_400
    device.restarted().renew()
    assert device.certificates.authority() == first


# The leaf and its renewal


def test_the_leaf_is_for_every_name_and_present_address_and_lives_397_days(device: Device) -> None:
    leaf = device.leaf()
    assert alternative(leaf) == {*device.names, "127.0.0.1", "192.168.1.7"}
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc == timedelta(days=397)
    assert leaf.not_valid_before_utc < TODAY
    for name in ("served.pem", "device.pem"):
        assert stat.S_IMODE(device.tls(name).stat().st_mode) == 0o600
    assert stat.S_IMODE(device.tls("").stat().st_mode) == 0o700


def test_nothing_changes_while_nothing_changed(device: Device) -> None:
    first, context = device.leaf(), device.certificates.context()
    device.now += 300 * 86_400
    assert device.leaf() == first
    assert device.certificates.context() is context
    assert device.restarted().context() is not context
    assert device.leaf() == first


def test_the_leaf_is_renewed_when_less_than_thirty_days_are_left(device: Device) -> None:
    first, context = device.leaf(), device.certificates.context()
    ends = first.not_valid_after_utc.timestamp()
    device.now = ends - 31 * 86_400
    assert device.leaf() == first
    device.now = ends - 29 * 86_400
    renewed = device.leaf()
    assert renewed.not_valid_after_utc > first.not_valid_after_utc + timedelta(days=300)
    assert device.certificates.context() is not context


def test_a_new_address_is_covered_and_one_that_went_changes_nothing(device: Device) -> None:
    first = device.leaf()
    device.addresses.append(ipaddress.ip_address("10.0.0.5"))
    second = device.leaf()
    assert "10.0.0.5" in alternative(second)
    device.addresses.pop()
    assert device.leaf() == second != first


def test_a_name_that_the_machine_got_later_is_left_out(device: Device) -> None:
    device.leaf()
    device.names.append("cellar.local")
    leaf = device.leaf()
    assert "cellar.local" not in alternative(leaf)
    assert openssl_accepts(device.folder, device.certificates.authority(), leaf)


def test_a_name_that_avahi_gave_where_another_has_the_first(device: Device) -> None:
    device.names_to_come = [f"attic-{number}.local" for number in range(2, 10)]
    first = device.leaf()
    assert "attic-2.local" not in alternative(first)
    device.names.append("attic-2.local")
    leaf = device.leaf()
    assert "attic-2.local" in alternative(leaf)
    assert openssl_accepts(device.folder, device.certificates.authority(), leaf)
    device.names.remove("attic-2.local")  # avahi is away for a moment: nothing is made anew
    assert device.leaf() == leaf


@pytest.mark.parametrize("now", [0.0, -1.0, 1.0, datetime(2038, 1, 20, tzinfo=UTC).timestamp(), 4e9, 1e18])
def test_a_clock_that_is_wrong_does_not_brick_it(device: Device, now: float) -> None:
    device.now = now
    wrong = device.leaf()
    assert wrong.not_valid_before_utc >= RELEASED - timedelta(days=1)
    device.certificates.context()
    device.now = TODAY.timestamp()  # the network came, and with it the time
    leaf = device.leaf()
    assert leaf.not_valid_before_utc <= TODAY <= leaf.not_valid_after_utc - timedelta(days=30)
    assert openssl_accepts(device.folder, device.certificates.authority(), leaf)


# Damaged files


@pytest.mark.parametrize("name", ["ca.pem", "device.pem", "served.pem", "ca.crt"])
@pytest.mark.parametrize("damage", ["empty", "cut", "nonsense", "foreign", "gone"])
def test_a_damaged_file_is_made_anew(device: Device, name: str, damage: str) -> None:
    device.leaf()
    path = device.tls(name)
    data = path.read_bytes()
    if damage == "gone":
        path.unlink()
    elif damage == "foreign":
        key, other = ec.generate_private_key(ec.SECP256R1()), x509.load_pem_x509_certificate(data)
        path.write_bytes(authorities.key_pem(key) + other.public_bytes(serialization.Encoding.PEM))
    else:
        path.write_bytes({"empty": b"", "cut": data[: len(data) // 2], "nonsense": b"\xff\x00" * 99}[damage])
    device.restarted()
    leaf = device.leaf()
    assert openssl_accepts(device.folder, device.certificates.authority(), leaf)
    server_context(device.tls("served.pem"))
    public = x509.load_pem_x509_certificate(device.tls("ca.crt").read_bytes())
    assert public == device.certificates.authority()
    if name == "ca.pem" and damage != "gone":
        assert device.tls("ca.pem.damaged").exists()


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "tls").write_text("a file")
    with pytest.raises(StoreError, match="cannot be used"):
        Certificates(tmp_path, DEVICE).renew()


# The owner's own


def test_the_owners_certificate_is_served_when_it_is_good(device: Device) -> None:
    pem = own(device.folder)
    assert device.leaf() == x509.load_pem_x509_certificate(pem)
    assert device.certificates.own_in_use
    assert device.certificates.own_problem is None
    names = ["cam.example.org", "a.home.example.org", "home.example.org", "example.org", "x.cam.example.org", "org", ""]
    assert [device.certificates.is_owners_name(name) for name in names] == [True, True, *[False] * 5]


def test_it_is_taken_and_let_go_while_running(device: Device) -> None:
    ours = device.leaf()
    own(device.folder)
    assert device.leaf() != ours
    for name in ("own.crt", "own.key"):
        device.tls(name).unlink()
    assert device.leaf() == ours
    assert not device.certificates.own_in_use
    assert not device.certificates.is_owners_name("cam.example.org")


def _without_key(folder: Path) -> None:
    own(folder)
    (folder / "tls/own.key").unlink()


def _without_certificate(folder: Path) -> None:
    own(folder)
    (folder / "tls/own.crt").unlink()


def _foreign_key(folder: Path) -> None:
    pem = own(folder)
    own(folder)
    (folder / "tls/own.crt").write_bytes(pem)


def _locked_key(folder: Path) -> None:
    own(folder)
    key = ec.generate_private_key(ec.SECP256R1())
    locked = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
    )
    (folder / "tls/own.key").write_bytes(locked)


def _weak_key(folder: Path) -> None:
    own(folder, key=rsa.generate_private_key(65537, 1024))  # noqa: S505 - it is to be refused


def _torn(name: str) -> Callable[[Path], None]:
    def tear(folder: Path) -> None:
        own(folder)
        path = folder / "tls" / name
        path.write_bytes(path.read_bytes()[:100])

    return tear


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_without_key, "own.crt is there, but tls/own.key is not"),
        (_without_certificate, "own.key is there, but tls/own.crt is not"),
        (_torn("own.crt"), "own.crt cannot be read as a certificate"),
        (_torn("own.key"), "own.key cannot be read as a private key"),
        (_foreign_key, "do not belong together"),
        (_locked_key, "protected by a passphrase"),
        (_weak_key, "own.crt cannot be served"),
        (lambda folder: own(folder, TODAY - timedelta(days=91)), "out of date since 2027-02-28"),
        (lambda folder: own(folder, TODAY + timedelta(days=2)), "not valid before 2027-03-03"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_one_that_is_no_good_is_named_and_the_devices_own_serves(
    device: Device, make: Callable[[Path], object], reason: str
) -> None:
    ours = device.leaf()
    make(device.folder)
    assert device.leaf() == ours
    assert reason in str(device.certificates.own_problem)
    assert not device.certificates.own_in_use


# Names and addresses


def test_private_addresses_are_those_of_homes() -> None:
    private = ["10.0.0.1", "172.31.255.255", "192.168.0.1", "169.254.1.1", "127.0.0.1", "fd00::1", "fe80::1", "::1"]
    public = ["172.32.0.1", "8.8.8.8", "100.64.0.1", "2001:db8::1", "::", "0.0.0.0"]
    assert all(own_names.is_private(ipaddress.ip_address(one)) for one in private)
    assert not any(own_names.is_private(ipaddress.ip_address(one)) for one in public)


def test_present_addresses_are_this_machines() -> None:
    found = own_names.present_addresses()
    assert ipaddress.ip_address("127.0.0.1") in found
    assert all(own_names.is_private(address) for address in found)


@pytest.mark.parametrize(
    ("host", "name"),
    [("Attic", "attic.local"), ("attic.home.arpa", "attic.local"), ("at_tic", None), ("", None), ("-a", None)],
)
def test_the_machines_own_name_is_one_when_it_can_be(
    monkeypatch: pytest.MonkeyPatch, host: str, name: str | None
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: host)
    assert own_names.local_names("x") == ("pi-cam.local", "pi-cam-x.local", "localhost", *([name] if name else []))


def test_the_devices_name_can_be_typed() -> None:
    assert own_names.own_name(DEVICE) == "pi-cam-abcdef.local"


@pytest.mark.parametrize(
    ("host", "found"),
    [
        ("pi-cam", ["pi-cam-2.local", "pi-cam-9.local"]),
        ("Attic-4", ["attic-5.local", "attic-12.local"]),
        ("a" * 63, []),
        ("attic-0", ["attic-0-2.local", "attic-0-9.local"]),
        ("at_tic", []),
    ],
)
def test_what_avahi_may_make_of_the_machines_name(monkeypatch: pytest.MonkeyPatch, host: str, found: list[str]) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: host)
    more = own_names.names_to_come(DEVICE)
    assert [*more[: len(own_names.local_names(DEVICE))]] == list(own_names.local_names(DEVICE))
    new = more[len(own_names.local_names(DEVICE)) :]
    assert [*new[:1], *new[-1:]] == found
    assert len(new) == (8 if found else 0)


@pytest.mark.parametrize(
    ("text", "plain"),
    [("::ffff:192.168.1.7", "192.168.1.7"), ("fe80::1%eth0", "fe80::1"), ("::1", "::1"), ("10.0.0.1", "10.0.0.1")],
)
def test_addresses_are_written_as_people_do(text: str, plain: str) -> None:
    assert own_names.plain_address(text) == plain


def test_tls_1_1_cannot_be_chosen(device: Device) -> None:
    context = device.certificates.context()
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    old = [
        cipher["name"]
        for cipher in context.get_ciphers()
        if "ECDHE" not in cipher["name"] and "TLS_" not in cipher["name"]
    ]
    assert old == []


def test_the_renewal_looks_again_and_again_until_it_is_stopped(device: Device) -> None:
    renewal = CertificateRenewal(device.certificates, every_seconds=0.01)
    renewal.start()
    try:
        first = device.certificates.context()
        own(device.folder)
        while not device.certificates.own_in_use:
            assert renewal.state()["problem"] is None
            threading.Event().wait(0.005)
        assert device.certificates.context() is not first
        assert renewal.state() == {"own": True, "problem": None}
    finally:
        renewal.stop()
        renewal.stop()


def test_a_disk_that_fails_leaves_the_certificate_that_is_served(
    device: Device, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    renewal = CertificateRenewal(device.certificates, every_seconds=0.01)
    renewal.start()
    try:
        context = device.certificates.context()
        monkeypatch.setattr("pi_cam.durable.replace", _full)
        device.now += 390 * 86_400
        while "stays as it is" not in caplog.text:
            threading.Event().wait(0.005)
        assert device.certificates.context() is context
    finally:
        renewal.stop()


def _full(*_: object) -> None:
    raise OSError(28, "No space left on device")
