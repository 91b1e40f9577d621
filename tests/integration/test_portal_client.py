"""The device's client against real sockets: signatures that hold, certificates that do not, answers of every kind."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from webauthn.helpers import base64url_to_bytes

from pi_cam.errors import PortalRefused, PortalUnreachable
from pi_cam.remote.portal_client import LARGEST_ANSWER, PortalClient
from pi_cam.trust.certificates import Certificates
from pi_cam.trust.device_key import DeviceKey

Reply = tuple[int, bytes]
Requests = list[tuple[str, dict[str, Any], str]]


@contextmanager
def portal(reply: Callable[[str, dict[str, Any], str], Reply], context: ssl.SSLContext | None = None) -> Iterator[str]:
    """A server that answers as a test says: `reply(path, body, authorization)`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, answer = reply(self.path, body, self.headers.get("Authorization", ""))
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "http://127.0.0.1:1/")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    class Server(HTTPServer):
        def handle_error(self, *_: object) -> None:
            """A client that does not trust us, or does not read to the end."""

    server = Server(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"{'https' if context else 'http'}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def key(tmp_path: Path) -> DeviceKey:
    return DeviceKey.load(tmp_path)


def signed(key: DeviceKey, signature: str, purpose: str, address: str, what: str) -> None:
    message = f"pi-cam.v1\n{purpose}\n{address}\n{what}".encode()
    Ed25519PublicKey.from_public_bytes(key.public_bytes).verify(base64url_to_bytes(signature), message)


def test_asking_for_a_code_is_signed_for_this_portal(key: DeviceKey) -> None:
    seen: Requests = []

    def reply(*request: Any) -> Reply:
        seen.append(request)
        return 200, b'{"user_code": "BCDF-GHJK"}'

    with portal(reply) as address:
        assert PortalClient(address, key).authorize({"name": "porch"}, "n1") == {"user_code": "BCDF-GHJK"}
    path, body, _ = seen[0]
    assert (path, body["name"], base64url_to_bytes(body["public_key"])) == (
        "/device/v1/authorize",
        "porch",
        key.public_bytes,
    )
    signed(key, body["signature"], "authorize", address, "n1")


def test_a_device_signs_in_by_its_key_and_again_when_that_is_over(key: DeviceKey) -> None:
    given: list[str] = []
    said: list[str] = []

    def reply(path: str, body: dict[str, Any], authorization: str) -> Reply:
        if path == "/device/v1/token":
            if "challenge" not in body:
                return 200, b'{"challenge": "c1"}'
            signed(key, body["signature"], "challenge", address, "c1")
            given.append(f"token-{len(given)}")
            return 200, json.dumps({"access_token": given[-1], "expires_in": 3600}).encode()
        said.append(authorization)
        return (200, b'{"ok": 1}') if authorization == f"Bearer {given[-1]}" and len(said) != 2 else (401, b"{}")

    with portal(reply) as address:
        client = PortalClient(address, key)
        assert [client.say("presence", {}) for _ in range(2)] == [{"ok": 1}] * 2
    assert said == ["Bearer token-0", "Bearer token-0", "Bearer token-1"]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((500, b"{}"), PortalUnreachable),
        ((503, b"<html>"), PortalUnreachable),
        ((429, b"{}"), PortalUnreachable),
        ((302, b""), PortalRefused),
        ((403, b'{"code": "unpaired"}'), PortalRefused),
        ((404, b"no such thing"), PortalRefused),
        ((200, b"[" * 100_000), None),
        ((200, b"\xff\xfe"), None),
        ((200, b"[]"), None),
        ((200, b"x" * (LARGEST_ANSWER + 1)), PortalUnreachable),
    ],
    ids=str,
)
def test_answers_of_every_kind(key: DeviceKey, answer: Reply, error: type[Exception] | None) -> None:
    with portal(lambda *_: answer) as address:
        client = PortalClient(address, key)
        if error is None:
            assert client.authorize({}, "n") == {}
        else:
            with pytest.raises(error):
                client.authorize({}, "n")


def test_the_word_for_a_refusal_is_kept(key: DeviceKey) -> None:
    with (
        portal(lambda *_: (403, b'{"code": "unpaired"}')) as address,
        pytest.raises(PortalRefused) as refused,
    ):
        PortalClient(address, key).authorize({}, "n")
    assert refused.value.code == "unpaired"


def test_a_certificate_that_nobody_signed_is_not_trusted(key: DeviceKey, tmp_path: Path) -> None:
    certificates = Certificates(tmp_path, key.id)
    certificates.renew()
    with (
        portal(lambda *_: (200, b"{}"), certificates.context()) as address,
        pytest.raises(PortalUnreachable, match="not to be trusted"),
    ):
        PortalClient(address, key).authorize({}, "n")


def test_nobody_there(key: DeviceKey) -> None:
    with portal(lambda *_: (200, b"{}")) as address:
        pass
    with pytest.raises(PortalUnreachable, match="does not answer"):
        PortalClient(address, key).authorize({}, "n")
