"""A client's connection, plain and over TLS, whose other end reads, reads late, or does not read."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from pi_cam import connections
from pi_cam.connections import ClientSocket, Gone
from pi_cam.trust.certificates import Certificates

MESSAGE = bytes(range(256)) * 16_384


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    found = Certificates(tmp_path_factory.mktemp("device"), "abcdefghijklmnopqrst")
    found.renew()
    return found


@pytest.fixture(params=["plain", "tls"])
def pair(request: pytest.FixtureRequest, certificates: Certificates) -> Iterator[tuple[ClientSocket, socket.socket]]:
    """Our end and the client's, through the handshake."""
    with connected(certificates if request.param == "tls" else None) as both:
        yield both


@contextmanager
def connected(certificates: Certificates | None) -> Iterator[tuple[ClientSocket, socket.socket]]:
    plain, client = socket.socketpair()
    client.settimeout(10)
    ours = ClientSocket(plain, certificates.context() if certificates else None)
    theirs = client
    if certificates:
        trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trust.check_hostname = False
        trust.load_verify_locations(cadata=certificates.authority().public_bytes(Encoding.PEM).decode())
        theirs = trust.wrap_socket(client, do_handshake_on_connect=False)
        shaking = threading.Thread(target=theirs.do_handshake)
        shaking.start()
        while not ours.advance():
            time.sleep(0.001)
        shaking.join()
    try:
        yield ours, theirs
    finally:
        theirs.close()
        ours.close()


def received(client: socket.socket, size: int, slowly: bool = False) -> bytes:
    found = bytearray()
    while len(found) < size:
        piece = client.recv(20_000)
        if not piece:
            break
        found += piece
        if slowly and len(found) % 7 == 0:
            time.sleep(0.001)
    return bytes(found)


def test_a_message_leaves_whole_however_the_kernel_takes_it(pair: tuple[ClientSocket, socket.socket]) -> None:
    ours, theirs = pair
    sender = threading.Thread(target=lambda: ours.send(MESSAGE))
    sender.start()
    assert received(theirs, len(MESSAGE), slowly=True) == MESSAGE
    sender.join()


def test_messages_of_two_threads_do_not_mix_and_reading_goes_on_meanwhile(
    pair: tuple[ClientSocket, socket.socket],
) -> None:
    ours, theirs = pair
    size = 300_000
    heard: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: ours.sendall(b"a" * size)),
        threading.Thread(target=lambda: ours.sendall(b"b" * size)),
        threading.Thread(target=lambda: heard.append(ours.recv(100))),
    ]
    for thread in threads:
        thread.start()
    theirs.sendall(b"still there")
    threads[2].join(5)
    assert heard == [b"still there"]
    data = received(theirs, 2 * size)
    for thread in threads:
        thread.join()
    assert data in (b"a" * size + b"b" * size, b"b" * size + b"a" * size)


def test_one_that_nobody_takes_fails_in_time_and_not_a_multiple(
    pair: tuple[ClientSocket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "SEND_SECONDS", 0.2)
    ours, _ = pair
    began = time.monotonic()
    with pytest.raises(Gone):
        ours.send(MESSAGE)
    assert time.monotonic() - began < 0.39
    assert ours.hopeless


def test_reading_takes_all_that_was_decrypted(pair: tuple[ClientSocket, socket.socket]) -> None:
    ours, theirs = pair
    theirs.sendall(b"x" * 16_384)
    found = b""
    while len(found) < 16_384:
        found += ours.recv(32_768)
    assert found == b"x" * 16_384
    assert ours.receive_now(10) is None


def test_reading_ends_at_its_time_and_at_the_end(pair: tuple[ClientSocket, socket.socket]) -> None:
    ours, theirs = pair
    ours.settimeout(0.05)
    with pytest.raises(Gone):
        ours.recv(10)
    theirs.close()
    assert ours.recv(10) == b""


@pytest.mark.parametrize("how", [socket.SHUT_RD, socket.SHUT_RDWR])
def test_a_reader_that_waits_is_woken(pair: tuple[ClientSocket, socket.socket], how: int) -> None:
    ours, _ = pair
    heard: list[bytes] = []
    reader = threading.Thread(target=lambda: heard.append(ours.recv(100)))
    reader.start()
    time.sleep(0.02)
    ours.shutdown(how)
    reader.join(2)
    assert heard == [b""]


def test_after_our_end_what_still_comes_is_thrown_away(pair: tuple[ClientSocket, socket.socket]) -> None:
    ours, theirs = pair
    ours.shutdown(socket.SHUT_WR)
    theirs.sendall(b"too late")
    assert ours.receive_now(100) == b""
    assert ours.discard()
    assert theirs.recv(100) == b""
    theirs.close()
    while ours.discard():
        pass


@pytest.mark.parametrize("first", [b"GET / HTTP/1.1\r\n", b"\x16\x03\x01\x00\x05hello", b"\x80"])
def test_what_is_not_tls_is_gone_at_once(certificates: Certificates, first: bytes) -> None:
    plain, client = socket.socketpair()
    with client:
        ours = ClientSocket(plain, certificates.context())
        assert not ours.advance()
        client.sendall(first)
        with pytest.raises(Gone):
            ours.advance()
        ours.close()
        ours.close()
        with pytest.raises(OSError, match=r"closed|descriptor"):
            ours.recv(1)
