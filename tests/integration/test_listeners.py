"""Two listeners of one running camera: what may be done is decided by the port, whatever a client says of itself."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import network
from tests.live_page import LivePage
from tests.prerequisites import require
from tests.server import OWNER, PASSWORD, Answer, Server, serving

SOURCE = "synthetic:?size=160x120&fps=10"
PUBLIC = "camera.example.org"
ENVIRONMENT = {"PI_CAM_TUNNEL_HOST": PUBLIC, "PI_CAM_GRACE_SECONDS": "0.2"}
SIGN_IN = json.dumps({"name": OWNER, "password": PASSWORD}).encode()
JSON = {"Content-Type": "application/json"}

PRETENDED = [
    {"X-Forwarded-For": "127.0.0.1"},
    {"X-Forwarded-For": "127.0.0.1, 10.0.0.1", "CF-Connecting-IP": "127.0.0.1", "X-Real-IP": "127.0.0.1"},
    {"X-Forwarded-Proto": "https", "X-Forwarded-Protocol": "ssl", "X-Forwarded-Ssl": "on"},
    {"X-Forwarded-Proto": "http"},
    {"X-Forwarded-Host": "localhost", "X-Forwarded-Port": "8080", "X-Forwarded-Prefix": "/setup"},
    {"Forwarded": "for=127.0.0.1;host=localhost;proto=https;by=127.0.0.1"},
    {"Cf-Access-Jwt-Assertion": "eyJhbGciOiJub25lIn0.e30.", "Cf-Access-Authenticated-User-Email": "ada@example.org"},
    {"Script-Name": "/x", "Path-Info": "/setup", "X-Original-URL": "/setup", "X-Rewrite-URL": "/setup"},
    {"Pi-Cam.Listener": "lan", "Wsgi.Url-Scheme": "https"},
    {"X-HTTP-Method-Override": "DELETE"},
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Plain on loopback, and the tunnel's end."""
    folder = tmp_path_factory.mktemp("listeners")
    with serving(folder, SOURCE, owner=True, environment=ENVIRONMENT, tunnel=True) as server:
        yield server


@pytest.fixture(scope="module")
def outside(server: Server) -> Server:
    return server.through_tunnel()


def sign_in(server: Server, **headers: str) -> Answer:
    return server.request("POST", "/api/v1/sessions", body=SIGN_IN, headers={**JSON, **headers})


def test_before_there_is_an_owner_the_tunnel_has_no_setup(tmp_path: Path) -> None:
    with serving(tmp_path, SOURCE, tunnel=True) as server:
        outside = server.through_tunnel()
        form = f"code={server.setup_code}&name=Eve&password={PASSWORD}".encode()
        for headers in ({}, *PRETENDED):
            sent = {"Content-Type": "application/x-www-form-urlencoded", **headers}
            assert outside.request("GET", "/setup", headers=headers).status == 404
            assert outside.request("POST", "/setup", body=form, headers=sent).status == 404
        assert outside.request("GET", "/api/v1/cameras").status == 401
        assert server.request("GET", "/setup").status == 200
        assert server.request("GET", "/", headers=PRETENDED[0]).headers["Location"] == "/setup"  # still nobody's


@pytest.mark.parametrize("headers", [{}, *PRETENDED], ids=str)
@pytest.mark.parametrize(
    "path",
    [
        "/setup",
        "/setup/owner",
        "/setup/camera",
        "/api/v1/setup",
        "/certificate",
        "/ca.crt",
        "//setup",
        "/%73etup",
        "/setup?x=/login",
    ],
)
def test_what_is_for_the_lan_does_not_exist_outside(outside: Server, path: str, headers: dict[str, str]) -> None:
    assert outside.request("GET", path, headers=headers).status in (404, 308)
    assert outside.request("POST", path, body=b"", headers=headers).status in (404, 308)


@pytest.mark.parametrize("headers", PRETENDED, ids=str)
def test_nothing_that_a_client_says_lets_it_in_or_changes_its_cookie(
    server: Server, outside: Server, headers: dict[str, str]
) -> None:
    for one, cookie in ((server, "sid="), (outside, "__Host-sid=")):
        assert one.request("GET", "/api/v1/cameras", headers=headers).status == 401
        assert one.request("GET", "/", headers={**headers, "Host": "evil.example"}).status == 400
        answer = sign_in(one, **headers)
        assert answer.status == 201
        assert answer.headers["Set-Cookie"].startswith(cookie)
        assert ("; Secure" in answer.headers["Set-Cookie"]) is (one is outside)
        assert ("Strict-Transport-Security" in answer.headers) is (one is outside)


def test_the_ends_are_different_ports_of_one_camera(server: Server, outside: Server) -> None:
    assert server.address() != outside.address()
    token = server.token("view,control")
    assert server.request("POST", "/api/v1/cameras/main/stop", token=token).status == 200
    assert outside.camera(token)["state"] == "stopped"
    assert outside.request("POST", "/api/v1/cameras/main/start", token=token).status == 200


@pytest.mark.parametrize(
    ("host", "inside", "out"), [(PUBLIC, 400, 200), ("pi-cam.local", 200, 400), ("evil.example", 400, 400)]
)
def test_each_end_has_its_own_names(server: Server, outside: Server, host: str, inside: int, out: int) -> None:
    assert server.request("GET", "/healthz", headers={"Host": host}).status == inside
    assert outside.request("GET", "/healthz", headers={"Host": host}).status == out


def test_a_live_socket_through_the_tunnel(outside: Server) -> None:
    cookie = {"Cookie": sign_in(outside).headers["Set-Cookie"].partition(";")[0]}
    with LivePage(outside, None, headers={**cookie, "Origin": "https://127.0.0.1"}) as page:
        assert page.next()["type"] == "hello"
    upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA=="
    for origin in ("http://127.0.0.1", "https://evil.example", f"https://{PUBLIC}.evil.example", "null"):
        head = f"GET /api/v1/cameras/main/live HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: {origin}\r\n{upgrade}\r\n\r\n"
        assert raw(outside, head.encode()).startswith(b"HTTP/1.1 403 ")


def test_a_session_of_one_end_is_no_cookie_of_the_other(server: Server, outside: Server) -> None:
    cookie = sign_in(server).headers["Set-Cookie"].partition(";")[0]
    assert server.request("GET", "/api/v1/sessions", headers={"Cookie": cookie}).status == 200
    assert outside.request("GET", "/api/v1/sessions", headers={"Cookie": cookie}).status == 401


def test_lan_over_tls_and_tunnel_side_by_side(tmp_path: Path) -> None:
    require(f"a network namespace ({network.problem()})", network.problem() is None)
    with serving(tmp_path, SOURCE, owner=True, tunnel=True, listen=network.HOST_ADDRESS) as server:
        outside = server.through_tunnel()
        assert server.url.startswith("https://")
        assert outside.url.startswith("http://127.0.0.1:")
        assert server.request("GET", "/certificate").status == 200
        assert outside.request("GET", "/certificate").status == 404
        for one in (server, outside):
            assert sign_in(one).headers["Set-Cookie"].startswith("__Host-sid=")
        # From beyond this machine nobody reaches the tunnel's end.
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((network.HOST_ADDRESS, outside.address()[1]), 2)


def raw(server: Server, request: bytes) -> bytes:
    with contextlib.closing(socket.create_connection(server.address(), 1.5)) as client:
        client.sendall(request)
        answer = b""
        with contextlib.suppress(OSError):
            while data := client.recv(65_536):
                answer += data
    return answer


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
        b"GET http://evil.example/setup HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
        b"GET /setup HTTP/1.1\r\nHost: localhost\r\npi_cam.listener: lan\r\nConnection: close\r\n\r\n",
        b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"0\r\n\r\nGET /setup HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\r\n\r\n\r\n\r\n",
        b"PROXY TCP4 10.0.0.1 127.0.0.1 1 2\r\nGET /setup HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 70_000 + b"\r\n\r\n",
    ],
    ids=range(11),
)
def test_requests_that_are_made_to_confuse(server: Server, outside: Server, request_: bytes) -> None:
    for one in (server, outside):
        answer = raw(one, request_)
        assert b"200 OK" not in answer or (one is server and b"listener" in request_), answer[:200]
        assert one.request("GET", "/healthz").status == 200


def test_a_muted_microphone_is_not_turned_on_from_outside(server: Server, outside: Server) -> None:
    token = server.token("configure")

    def change(where: Server, value: bool | None) -> int:
        body = json.dumps({"microphone_muted": value}).encode()
        return where.request("PATCH", "/api/v1/settings", token=token, body=body, headers=JSON).status

    assert change(outside, True) == 200
    assert [change(outside, value) for value in (False, None)] == [403, 403]
    assert change(server, False) == 200
