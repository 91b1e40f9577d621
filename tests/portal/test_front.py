"""What people try who speak to nginx themselves: to be somebody else, to be two, to leave its folder, to hold it up."""

from __future__ import annotations

import re
import socket
import ssl
import time
from contextlib import ExitStack, suppress

import pytest

from tests.portal.deployed import Front
from tests.portal.remote import NAME, Remote
from tests.portal.visitor import URL

AT_ONCE = 100
"""Connections of one address, in nginx.conf."""


def test_nobody_is_there_under_another_name(front: Front) -> None:
    assert status(ask(front, b"GET /healthz HTTP/1.1\r\nHost: evil.test\r\nConnection: close\r\n\r\n")) == 421
    context = ssl.create_default_context(cafile=front.certificate)
    context.check_hostname = False
    with socket.create_connection(("127.0.0.1", front.https), 5) as plain, pytest.raises(ssl.SSLError):
        context.wrap_socket(plain, server_hostname="evil.test")


SMUGGLED = b"GET /ui/static/base.css HTTP/1.1\r\nHost: portal.test\r\n\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(SMUGGLED)
CHUNKED = b"Transfer-Encoding: chunked\r\n"


@pytest.mark.parametrize(
    "heads",
    [
        LENGTH + CHUNKED,
        CHUNKED + LENGTH,
        CHUNKED + CHUNKED,
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Transfer-Encoding:\x0bchunked\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"Content-Length: 0\r\n" + LENGTH,
        b"Content-Length: +5\r\n",
        b"Content-Length: 0x5\r\n",
        b"Content-Length: -1\r\n",
        b"Host: evil.test\r\n",
        b"X: a\x00b\r\n",
    ],
    ids=repr,
)
def test_what_two_servers_could_read_in_two_ways_is_refused(front: Front, heads: bytes) -> None:
    """RFC 9112, section 11.2: nothing behind such a head may become a request of its own."""
    said = ask(front, b"POST /signout HTTP/1.1\r\nHost: portal.test\r\n" + heads + b"\r\n0\r\n\r\n" + SMUGGLED)
    assert status(said) in (400, 501)
    assert len(re.findall(rb"HTTP/1\.1 \d{3}", said)) == 1


def test_files_of_the_pages_lead_nowhere_else(front: Front) -> None:
    paths = [
        f"{start}{way}{end}"
        for start in ("/portal/", "/ui/static/", "/ui/player/")
        for way in (
            "../",
            "..%2f",
            "%2e%2e/",
            "%2e%2e%2f",
            "..\\",
            "..%5c",
            "..%252f",
            "./../",
            "x/../../",
            "/",
            "%00/",
        )
        for end in ("templates/portal/signin.html", "wsgi.py", "__init__.py", "../../setup.py", "etc/passwd")
    ]
    assert len(paths) > 100
    for path in paths:
        said = ask(front, f"GET {path} HTTP/1.1\r\nHost: portal.test\r\nConnection: close\r\n\r\n".encode())
        assert status(said) in (308, 400, 404), path  # 308: to the same without the second slash, which is tried, too
        assert not re.search(rb"{%|import |root:", said), path


@pytest.mark.timeout(180)
def test_who_is_slow_holds_nobody_up_and_is_cut(behind_nginx: Remote, front: Front) -> None:
    """Somebody with one address and many connections; others come from another."""
    heads = b"POST /signin HTTP/1.1\r\nHost: portal.test\r\nContent-Length: 60000\r\n"
    with ExitStack() as stack:
        slow = [stack.enter_context(connect(front, "127.0.0.2")) for _ in range(AT_ONCE + 40)]
        for number, connection in enumerate(slow):
            connection.sendall(heads + (b"\r\nx" if number >= 20 else b"X-Slow: "))
        for _ in range(3):
            begun = time.monotonic()
            assert behind_nginx.test_client().get("/signin", base_url=URL).status_code == 200
            assert time.monotonic() - begun < 5, "it has threads to spare"
        deadline, said = time.monotonic() + 20, []
        for connection in slow:
            connection.settimeout(max(0.1, deadline - time.monotonic()))
            with suppress(ConnectionResetError):
                said.append(connection.recv(100)[9:12])
    assert said.count(b"429") == 20
    assert set(said) <= {b"429", b"408", b""}


def connect(front: Front, source: str = "127.0.0.1") -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=front.certificate)
    plain = socket.create_connection(("127.0.0.1", front.https), 10, (source, 0))
    return context.wrap_socket(plain, server_hostname=NAME)


def ask(front: Front, request: bytes) -> bytes:
    """All that is answered to these bytes, until nothing more comes."""
    said = b""
    with connect(front) as connection:
        connection.sendall(request)
        connection.settimeout(20)
        try:
            while piece := connection.recv(65_536):
                said += piece
                connection.settimeout(1.5)
        except (TimeoutError, ssl.SSLError, ConnectionError):
            pass
    return said


def status(said: bytes) -> int:
    found = re.match(rb"HTTP/1\.1 (\d{3})", said)
    assert found, said[:200]
    return int(found[1])
