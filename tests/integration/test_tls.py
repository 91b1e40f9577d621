"""TLS on the LAN: versions, pages, live sockets, WHEP, the end, and clients that are slow, deaf or something else."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests import network
from tests.live_page import LivePage, until
from tests.peer import WhepPeer
from tests.prerequisites import require
from tests.server import OWNER, PASSWORD, Server, serving
from tests.unit.test_certificates import own

SOURCE = "synthetic:?size=160x120&fps=10"
QUICK = {"PI_CAM_GRACE_SECONDS": "0.2", "PI_CAM_CONNECT_SECONDS": "3"}
SIGN_IN = json.dumps({"name": OWNER, "password": PASSWORD}).encode()
FREED_WITHIN = 5.0
HEAD_WITHIN = 10.0


@pytest.fixture(scope="module", autouse=True)
def _own_network() -> None:
    require(f"a network namespace ({network.problem()})", network.problem() is None)


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("tls")
    with serving(folder, SOURCE, owner=True, environment=QUICK, listen=network.HOST_ADDRESS) as server:
        yield server


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("plain"), SOURCE, owner=True, environment=QUICK) as server:
        yield server


@pytest.fixture(params=["plain", "tls"])
def server(request: pytest.FixtureRequest) -> Server:
    """Both kinds of listener, one after the other."""
    found: Server = request.getfixturevalue(request.param)
    return found


def connected(server: Server, receive_buffer: int | None = None) -> socket.socket:
    """A client's socket, through the TLS handshake where there is TLS."""
    client = socket.socket()
    if receive_buffer:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    client.settimeout(20)
    client.connect(server.address())
    trust = server.trust()
    return trust.wrap_socket(client, server_hostname=server.address()[0]) if trust else client


def raw(server: Server) -> socket.socket:
    return socket.create_connection(server.address(), timeout=20)


def read_all(client: socket.socket) -> bytes:
    """Until the server hangs up."""
    found = b""
    with contextlib.suppress(ConnectionResetError, ssl.SSLError):
        while data := client.recv(65_536):
            found += data
    return found


# What it speaks


def test_the_first_words_name_an_https_address_and_the_authority(tmp_path: Path) -> None:
    for listen in (network.HOST_ADDRESS, "0.0.0.0", "::"):
        with serving(tmp_path, SOURCE, owner=True, listen=listen) as server:
            place = f"[{network.HOST_ADDRESS_6}]" if listen == "::" else network.HOST_ADDRESS
            assert server.url.startswith((f"https://{place}:", f"https://{network.HOST_ADDRESS}:"))
            assert server.request("GET", "/healthz").status == 200
            assert server.process.stdout is not None
            assert server.process.stdout.readline().startswith("certificate ")


@pytest.mark.parametrize(
    ("version", "accepted"),
    [
        (ssl.TLSVersion.TLSv1, False),
        (ssl.TLSVersion.TLSv1_1, False),
        (ssl.TLSVersion.TLSv1_2, True),
        (ssl.TLSVersion.TLSv1_3, True),
    ],
    ids=lambda value: str(value),
)
def test_versions_of_tls(tls: Server, version: ssl.TLSVersion, accepted: bool) -> None:
    context = tls.trust()
    assert context is not None
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.deprecated_call() if version < ssl.TLSVersion.TLSv1_2 else contextlib.nullcontext():
        context.minimum_version = context.maximum_version = version
    with raw(tls) as client:
        if not accepted:
            with pytest.raises(ssl.SSLError):
                context.wrap_socket(client, server_hostname=network.HOST_ADDRESS)
            return
        with context.wrap_socket(client, server_hostname=network.HOST_ADDRESS) as wrapped:
            cipher = wrapped.cipher()
            assert cipher is not None
            assert "GCM" in cipher[0] or "CHACHA20" in cipher[0]


@pytest.mark.parametrize("option", ["-tls1", "-tls1_1"])
def test_openssl_cannot_talk_it_into_an_old_version(tls: Server, option: str) -> None:
    host, port = tls.address()
    command = ["openssl", "s_client", "-connect", f"{host}:{port}", option, "-cipher", "ALL:@SECLEVEL=0"]
    done = subprocess.run(command, input="", capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode != 0
    assert "Cipher is (NONE)" in done.stdout


def test_a_client_that_does_not_trust_the_authority_hangs_up(tls: Server) -> None:
    with raw(tls) as client, pytest.raises(ssl.SSLCertVerificationError):
        ssl.create_default_context().wrap_socket(client, server_hostname=network.HOST_ADDRESS)
    assert tls.request("GET", "/healthz").status == 200


@pytest.mark.parametrize(
    "first",
    [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x00" * 100, b"SSH-2.0-x\r\n", b"\x16\x03\x01\xff\xff" + b"x" * 99],
)
def test_what_is_not_tls_is_answered_or_closed_quickly(tls: Server, first: bytes) -> None:
    with raw(tls) as client:
        began = time.monotonic()
        client.sendall(first)
        answer = read_all(client)
        assert time.monotonic() - began < 2
    if first.startswith(b"GET"):
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert b"https://" in answer
    assert tls.request("GET", "/healthz").status == 200


def test_cookies_over_tls(tls: Server) -> None:
    answer = tls.request("POST", "/api/v1/sessions", body=SIGN_IN, headers={"Content-Type": "application/json"})
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-sid=")
    assert all(part in cookie for part in ("; Secure", "; HttpOnly", "; Path=/", "; SameSite=Lax"))
    assert "Strict-Transport-Security" not in answer.headers
    own = {"Cookie": cookie.partition(";")[0]}
    with LivePage(tls, None, headers=own) as page:
        assert page.next()["type"] == "hello"


def test_pages_sockets_and_whep_over_tls(tls: Server) -> None:
    token = tls.token("view,control")
    page = tls.request("GET", "/login")
    assert page.status == 200
    assert b'href="/certificate"' in page.body

    async def run() -> None:
        async with WhepPeer(tls, token, decode=False) as viewer:
            await viewer.until(lambda: len(viewer.packets) > 5)

    asyncio.run(run())


def test_messages_larger_than_a_record_arrive_whole_and_at_once(tls: Server) -> None:
    """60 kB are four records: what the TLS layer holds already must not wait for the next packet."""
    with LivePage(tls, tls.token()) as page:
        page.next("hello")
        for number in range(5):
            filling = "9" * 60_000
            began = time.monotonic()
            page.send_text(f'{{"v": 1, "type": "clock", "id": "{number}", "sent": 1, "delay_ms": 1, "x": "{filling}"}}')
            assert page.next("clock", seconds=5)["id"] == str(number)
            assert time.monotonic() - began < 1


def test_large_messages_to_a_page_arrive_whole(tls: Server) -> None:
    with LivePage(tls, tls.token()) as page:
        page.next("hello")
        large = int("7" * 4_000)
        for number in range(20):
            page.send_text(f'{{"v": 1, "type": "clock", "id": "{number}", "sent": {"7" * 4_000}}}')
        for number in range(20):
            answer = page.next("clock")
            assert answer["id"] == str(number)
            assert answer["sent"] == large


def test_sigterm_over_tls_tells_pages_and_ends_within_two_seconds(tmp_path: Path) -> None:
    with serving(tmp_path, SOURCE, owner=True, environment=QUICK, listen=network.HOST_ADDRESS) as server:
        token = server.token()
        with LivePage(server, token) as one, LivePage(server, token) as other, raw(server):
            one.next("hello")
            other.next("hello")
            began = time.monotonic()
            assert server.stop() == 0
            assert time.monotonic() - began < 2
            assert [page.wait_closed(1) for page in (one, other)] == [1001, 1001]


def test_an_owners_certificate_is_served_and_its_names_are_ours(tmp_path: Path) -> None:
    pem = own(tmp_path, begins=datetime.now(UTC) - timedelta(days=1)).decode()
    with serving(tmp_path, SOURCE, owner=True, listen=network.HOST_ADDRESS) as server:
        served = ssl.get_server_certificate(server.address())
        assert ssl.PEM_cert_to_DER_cert(served) == ssl.PEM_cert_to_DER_cert(pem)
        for name, status in (("cam.example.org", 200), ("a.home.example.org", 200), ("b.a.home.example.org", 400)):
            answer = asked(server, f"GET /healthz HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n")
            assert answer.startswith(f"HTTP/1.1 {status} ".encode()), name


def asked(server: Server, request: str) -> bytes:
    """The answer for a client that trusts any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with contextlib.closing(context.wrap_socket(raw(server))) as client:
        client.sendall(request.encode())
        return read_all(client)


# Slow clients


def busy(server: Server) -> int:
    """Connections that the server holds now."""
    port = f":{server.address()[1]:04X}"
    rows = [line.split() for line in Path(f"/proc/{server.process.pid}/net/tcp").read_text().splitlines()[1:]]
    return sum(row[1].endswith(port) and row[3] == "01" for row in rows)


def test_heads_that_do_not_end_are_cut_after_ten_seconds_and_hold_nobody_up(server: Server) -> None:
    token = server.token()
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(contextlib.closing(connected(server))) for _ in range(60)]
        silent = [stack.enter_context(contextlib.closing(raw(server))) for _ in range(40)]
        began = time.monotonic()
        for client in slow:
            client.sendall(b"GET / HTTP/1.1\r\n")
        while time.monotonic() - began < HEAD_WITHIN - 1.5:
            for client in slow:
                client.sendall(b"X")
            asked = time.monotonic()
            assert server.request("GET", "/api/v1/cameras", token=token).status == 200
            assert time.monotonic() - asked < 1
            time.sleep(0.3)
        for client in [*slow, *silent]:
            read_all(client)
        assert time.monotonic() - began < HEAD_WITHIN + 1.5


FORM = b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
SLOW_BODIES = {
    "length": FORM + b"Content-Length: 1000\r\n\r\nname=",
    "chunked": FORM + b"Transfer-Encoding: chunked\r\n\r\n5\r\nname=\r\n",
    "expect": FORM + b"Content-Length: 1000\r\nExpect: 100-continue\r\n\r\n",
}


def test_bodies_that_do_not_come_are_cut(server: Server) -> None:
    many = {"length": 100, "chunked": 20, "expect": 20}  # the last two hold a thread each
    with contextlib.ExitStack() as stack:
        clients = []
        for kind, count in many.items():
            for _ in range(count):
                clients.append(stack.enter_context(contextlib.closing(connected(server))))
                clients[-1].sendall(SLOW_BODIES[kind])
        asked = time.monotonic()
        assert server.request("GET", "/healthz").status == 200
        assert time.monotonic() - asked < 1
        for client in clients:
            read_all(client)
        assert time.monotonic() - asked < HEAD_WITHIN + 3  # 140 handshakes have a time of their own


@pytest.mark.parametrize("pieces", [1, 7, 400])
@pytest.mark.parametrize("kind", ["length", "chunked", "expect"])
def test_a_body_that_comes_in_pieces_is_read_whole(server: Server, kind: str, pieces: int) -> None:
    json_ = SIGN_IN if kind != "chunked" else b"%x\r\n%s\r\n0\r\n\r\n" % (len(SIGN_IN), SIGN_IN)
    how = {"chunked": "Transfer-Encoding: chunked", "expect": f"Content-Length: {len(SIGN_IN)}\r\nExpect: 100-continue"}
    length = how.get(kind, f"Content-Length: {len(SIGN_IN)}")
    head = f"POST /api/v1/sessions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{length}\r\n\r\n"
    data = head.encode() + json_
    size = -(-len(data) // pieces)
    with contextlib.closing(connected(server)) as client:
        for begin in range(0, len(data), size):
            client.sendall(data[begin : begin + size])
        answer = b""
        while b"\r\n\r\n" not in answer or answer.endswith(b"Continue\r\n\r\n"):
            answer += client.recv(65_536)
        assert b"HTTP/1.1 201 " in answer


def test_hundreds_of_silent_connections_shut_nobody_out(server: Server) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(400):
            stack.enter_context(contextlib.closing(raw(server)))
        began = time.monotonic()
        for _ in range(5):
            assert server.request("GET", "/healthz").status == 200
        assert time.monotonic() - began < 1.5


def test_a_client_that_never_reads_an_answer_frees_its_thread(server: Server) -> None:
    """Each asks for more than the buffers hold and takes none of it."""
    ask = b"GET /api/v1/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 60
    until(lambda: busy(server) == 0)
    with contextlib.ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(contextlib.closing(connected(server, 2_048))).sendall(ask)
        until(lambda: sending(server) == 5, what="for the buffers to be full")
        assert server.request("GET", "/healthz").status == 200
        until(lambda: busy(server) == 0, FREED_WITHIN + 1, "for the deaf to be given up")


def sending(server: Server) -> int:
    """Connections whose buffer has been full for a while: what is in it does not change."""
    before = _waiting(server)
    time.sleep(0.5)
    after = _waiting(server)
    return sum(size > 100_000 and after.get(client) == size for client, size in before.items())


def _waiting(server: Server) -> dict[str, int]:
    """Client → bytes that the kernel holds for it."""
    port = f":{server.address()[1]:04X}"
    rows = [line.split() for line in Path(f"/proc/{server.process.pid}/net/tcp").read_text().splitlines()[1:]]
    return {row[2]: int(row[4].partition(":")[0], 16) for row in rows if row[1].endswith(port)}


@contextlib.contextmanager
def deaf_page(server: Server, token: str) -> Iterator[socket.socket]:
    """A live socket whose client sends a great deal and reads nothing."""
    with contextlib.closing(connected(server, 2_048)) as client:
        key = base64.b64encode(os.urandom(16)).decode()
        lines = (
            "GET /api/v1/cameras/main/live HTTP/1.1",
            "Host: localhost",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {key}",
            f"Authorization: Bearer {token}",
        )
        client.sendall("\r\n".join([*lines, "", ""]).encode())
        client.recv(300)
        data = f'{{"v": 1, "type": "clock", "id": "1", "sent": {"7" * 4_000}}}'.encode()
        for _ in range(90):  # fewer than a flood; each answer carries the number back
            client.sendall(b"\x81\xfe" + len(data).to_bytes(2, "big") + bytes(4) + data)
        yield client


def test_a_live_page_that_never_reads_frees_its_threads(server: Server) -> None:
    token = server.token()
    before = busy(server)
    with deaf_page(server, token), LivePage(server, token) as other:
        other.next("hello")
        other.send("clock", id="1", sent=1)
        assert other.next("clock", seconds=3)["id"] == "1"
        until(lambda: busy(server) <= before + 1, FREED_WITHIN + 3, "for the deaf page to be given up")


def test_clients_that_do_not_hang_up_hold_nobody_up(server: Server) -> None:
    """After an answer that closes, the server waits for them, but with no thread and not in its main loop."""
    with contextlib.ExitStack() as stack:
        for _ in range(30):
            client = stack.enter_context(contextlib.closing(connected(server)))
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        began = time.monotonic()
        for _ in range(5):
            assert server.request("GET", "/healthz").status == 200
        assert time.monotonic() - began < 1.5


def test_a_kept_connection_answers_one_request_after_the_other(server: Server) -> None:
    with contextlib.closing(connected(server)) as client:
        for _ in range(3):  # two at once, and a pause
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" * 2)
            answers = b""
            while answers.count(b'"status":"ok"') < 2:
                data = client.recv(65_536)
                assert data, answers
                answers += data
            time.sleep(0.2)


def test_fifty_idle_pages_cost_at_most_five_megabytes(tmp_path: Path) -> None:
    """With the threads that they need, which were not there before."""
    with serving(tmp_path, SOURCE, owner=True, listen=network.HOST_ADDRESS) as server:
        token = server.token()
        with LivePage(server, token) as page:
            page.next("hello")
        until(lambda: busy(server) == 0)
        time.sleep(1)
        before = server.own_bytes()
        with contextlib.ExitStack() as stack:
            for _ in range(50):
                stack.enter_context(LivePage(server, token)).next("hello")
            time.sleep(1)
            cost = server.own_bytes() - before
    print(f"50 idle pages over TLS: {cost / 1e6:.2f} MB")  # noqa: T201 - a figure
    assert cost <= 5_000_000
