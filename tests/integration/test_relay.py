"""The relay by itself: TLS, where it may connect to, and cutting it."""

from __future__ import annotations

import datetime
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pi_cam.capture.addresses import CheckedAddress, parse, resolve
from pi_cam.capture.relay import Relay
from pi_cam.errors import AddressRefused, SourceUnreachable

ANSWER = bytes(range(256)) * 2_000
"""Many TLS records: none may stay behind in the TLS layer while the socket itself has nothing more."""


class Abroad(CheckedAddress):
    """A checked address that counts as public although it is loopback."""

    @property
    def public(self) -> bool:
        return True


def context_with_own_certificate(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "camera")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + certificate.public_bytes(serialization.Encoding.PEM)
    (folder / "camera.pem").write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "camera.pem")
    return context


@pytest.fixture
def tls_camera(tmp_path: Path) -> Iterator[int]:
    """A TLS server with a certificate of its own that answers each request with `ANSWER`; its port."""
    listener = context_with_own_certificate(tmp_path).wrap_socket(
        socket.create_server(("127.0.0.1", 0)), server_side=True
    )
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                continue
            with connection:
                while connection.recv(65_536):
                    connection.sendall(ANSWER)

    thread = threading.Thread(target=serve, name="tls-camera")
    thread.start()
    yield listener.getsockname()[1]
    over.set()
    with socket.create_connection(listener.getsockname()):
        pass
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


def checked(port: int, scheme: str = "https", *, by_operator: bool = True) -> CheckedAddress:
    address = parse(f"{scheme}://127.0.0.1:{port}/")
    return CheckedAddress(address, ("127.0.0.1",), by_operator)


def test_a_camera_in_the_home_may_have_its_own_certificate(tls_camera: int) -> None:
    relay = Relay(checked(tls_camera))
    relay.open()
    try:
        with socket.create_connection(("127.0.0.1", relay.port), timeout=5) as client:
            for round_trip in (1, 2):
                client.sendall(b"more")
                got = b""
                while len(got) < len(ANSWER):
                    got += client.recv(65_536)
                assert got == ANSWER
                assert relay.received == round_trip * len(ANSWER)
    finally:
        relay.join(2)


def test_a_camera_abroad_must_have_a_good_one(tls_camera: int) -> None:
    at_home = checked(tls_camera)
    relay = Relay(Abroad(at_home.address, at_home.ips, at_home.by_operator))
    with pytest.raises(SourceUnreachable, match="certificate"):
        relay.open()
    relay.join(1)


def test_a_server_without_tls_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as plain:
        relay = Relay(checked(plain.getsockname()[1]))

        def answer() -> None:
            connection, _ = plain.accept()
            with connection:
                connection.sendall(b"RTSP/1.0 400 Bad Request\r\n\r\n")
                connection.recv(4096)

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(SourceUnreachable, match="not with TLS"):
            relay.open()
        thread.join()
        relay.join(1)


def test_an_address_from_the_api_that_turns_out_to_be_this_machine_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as here:
        relay = Relay(checked(here.getsockname()[1], "rtsp", by_operator=False))
        with pytest.raises(AddressRefused):
            relay.open()
        relay.join(1)


def test_the_second_of_two_addresses_is_tried() -> None:
    with socket.create_server(("127.0.0.1", 0)) as camera:
        address = parse(f"rtsp://camera.example:{camera.getsockname()[1]}/")
        both = resolve(address, by_operator=True, lookup=lambda _host, _port: ["127.0.0.2", "127.0.0.1"])
        relay = Relay(both)
        relay.open()
        relay.join(1)


def test_closing_cuts_both_sides_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as camera:
        relay = Relay(checked(camera.getsockname()[1], "rtsp"))
        relay.open()
        there, _ = camera.accept()
        with there, socket.create_connection(("127.0.0.1", relay.port), timeout=5) as client:
            client.sendall(b"hello")
            assert there.recv(5) == b"hello"
            began = time.monotonic()
            relay.close()
            assert client.recv(1) == b""
            assert there.recv(1) == b""
            assert time.monotonic() - began < 0.5
        relay.join(1)
        relay.join(1)
