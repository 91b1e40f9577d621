"""The camera behind nginx, as an appliance runs it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tests import network
from tests.live_page import LivePage
from tests.nginx import BEHIND, PROGRAM, in_front_of
from tests.peer import WhepPeer
from tests.prerequisites import require
from tests.server import OWNER, PASSWORD, Server, request, serving

SOURCE = "synthetic:?size=160x120&fps=10"
SIGN_IN = json.dumps({"name": OWNER, "password": PASSWORD}).encode()
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    require("nginx (apt install nginx-light)", Path(PROGRAM).exists())
    require(f"a network namespace ({network.problem()})", network.problem() is None)
    with serving(tmp_path_factory.mktemp("behind"), SOURCE, owner=True, environment=BEHIND) as server:
        yield server


@pytest.fixture(scope="module")
def both(camera: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, int]]:
    with in_front_of(camera, tmp_path_factory.mktemp("nginx"), network.HOST_ADDRESS) as both:
        yield both


@pytest.fixture
def front(both: tuple[Server, int]) -> Server:
    return both[0]


def test_plain_http_is_sent_on_and_takes_no_form(both: tuple[Server, int]) -> None:
    _, port = both
    for method, body in (("GET", None), ("POST", b"name=Ada&password=secret")):
        answer = request(f"http://{network.HOST_ADDRESS}:{port}", method, "/login?x=1", body=body)
        assert answer.status == 308
        assert answer.headers["Location"] == f"https://{network.HOST_ADDRESS}/login?x=1"
        assert "Set-Cookie" not in answer.headers
        assert "encrypted connections only" in answer.body.decode()
        assert "connexion chiffrée\N{NO-BREAK SPACE}: ouvrez" in answer.body.decode()
        assert "<form" not in answer.body.decode()


def test_the_devices_certificate_is_served_and_no_version_is_told(front: Server) -> None:
    page = front.request("GET", "/login")
    assert page.status == 200
    assert page.headers["Server"] == "nginx"
    assert b'href="/certificate"' in page.body
    assert front.request("GET", "/ca.crt").status == 200


def test_signing_in_watching_and_the_live_socket(front: Server) -> None:
    answer = front.request("POST", "/api/v1/sessions", body=SIGN_IN, headers=JSON)
    assert answer.status == 201
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-sid=")
    assert "; Secure" in cookie
    origin = {"Cookie": cookie.partition(";")[0], "Origin": f"https://{network.HOST_ADDRESS}"}
    with LivePage(front, None, headers=origin) as page:
        assert page.next()["type"] == "hello"
        page.send_text(f'{{"v": 1, "type": "clock", "id": "1", "sent": 1, "x": "{"9" * 60_000}"}}')
        assert page.next("clock", seconds=3)["id"] == "1"

    async def watch() -> None:
        async with WhepPeer(front, front.token(), decode=False) as viewer:
            await viewer.until(lambda: len(viewer.packets) > 5)

    asyncio.run(watch())


def test_what_a_client_says_of_itself_is_not_passed_on(camera: Server, tmp_path: Path) -> None:
    pretended = {
        "X-Real-IP": "192.168.7.7",
        "X-Forwarded-For": "192.168.7.7",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Host": "evil.example",
        "Forwarded": "for=192.168.7.7",
    }
    with socket.create_server(("127.0.0.1", 0)) as backend:
        backend.settimeout(10)
        plain = replace(camera, url=f"http://127.0.0.1:{backend.getsockname()[1]}")
        with in_front_of(plain, tmp_path, network.HOST_ADDRESS) as (front, _), ThreadPoolExecutor(1) as pool:
            asked = pool.submit(front.request, "GET", "/", headers=pretended)
            connection, _ = backend.accept()
            with connection:
                head = connection.recv(65_536).decode()
                connection.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
            assert asked.result().status == 204
    assert f"X-Real-IP: {network.HOST_ADDRESS}\r\n" in head
    assert "192.168.7.7" not in head
    assert "Forwarded" not in head


def test_a_foreign_name_and_a_large_body_are_refused(front: Server) -> None:
    assert front.request("GET", "/", headers={"Host": "evil.example"}).status == 400
    assert front.request("POST", "/login", body=b"x" * 70_000).status == 413


def half_a_request(front: Server, text: bytes) -> ssl.SSLSocket:
    trust = front.trust()
    assert trust is not None
    client = trust.wrap_socket(socket.create_connection(front.address(), 15), server_hostname=network.HOST_ADDRESS)
    client.sendall(text)
    return client


SLOW = {
    "heads": b"GET / HTTP/1.1\r\nHost: local",
    "bodies": b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nname=",
}


@pytest.mark.timing
@pytest.mark.parametrize("what", SLOW)
def test_forty_slow_clients_leave_other_answers_as_they_were(front: Server, what: str) -> None:
    token = front.token()

    def usual() -> float:
        took = []
        for _ in range(20):
            began = time.monotonic()
            assert front.request("GET", "/api/v1/cameras", token=token).status == 200
            took.append(time.monotonic() - began)
        return statistics.median(took)

    before = usual()
    with contextlib.ExitStack() as stack:
        began = time.monotonic()
        slow = [stack.enter_context(contextlib.closing(half_a_request(front, SLOW[what]))) for _ in range(40)]
        meanwhile = usual()
        print(f"slow {what}: {before * 1000:.0f} ms before, {meanwhile * 1000:.0f} ms among 40")  # noqa: T201
        assert meanwhile < max(0.1, before * 3)
        for client in slow:
            with contextlib.suppress(ssl.SSLError, ConnectionResetError):
                while client.recv(65_536):
                    pass
        assert time.monotonic() - began < 14, "they were not cut"


def test_one_address_gets_so_many_requests_at_once_and_others_are_not_held_up(front: Server) -> None:
    elsewhere = replace(front, url=f"https://127.0.0.1:{front.address()[1]}")
    with contextlib.ExitStack() as stack:
        for _ in range(60):
            stack.enter_context(contextlib.closing(half_a_request(front, SLOW["bodies"])))
        assert front.request("GET", "/healthz").status == 503
        assert elsewhere.request("GET", "/healthz").status == 200


def test_sigterm_behind_nginx_tells_pages(tmp_path: Path, both: tuple[Server, int]) -> None:
    with serving(tmp_path / "data", SOURCE, owner=True, environment=BEHIND) as server:
        token = server.token()
        with in_front_of(server, tmp_path / "nginx") as (front, _), LivePage(front, token) as page:
            page.next("hello")
            began = time.monotonic()
            assert server.stop() == 0
            assert time.monotonic() - began < 2
            assert page.wait_closed(2) == 1001
