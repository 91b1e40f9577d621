"""A double of Cloudflare's API for TURN credentials: their documented answer, or what a test says. Not their service."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY, TOKEN = "abcdef0123456789", "token-of-a-turn-key-0123456789"

GOOD: dict[str, Any] = {
    "iceServers": [
        {"urls": ["stun:stun.cloudflare.com:3478", "stun:stun.cloudflare.com:53"]},
        {
            "urls": [
                "turn:turn.cloudflare.com:3478?transport=udp",
                "turn:turn.cloudflare.com:53?transport=udp",
                "turn:turn.cloudflare.com:3478?transport=tcp",
                "turn:turn.cloudflare.com:80?transport=tcp",
                "turns:turn.cloudflare.com:5349?transport=tcp",
                "turns:turn.cloudflare.com:443?transport=tcp",
            ],
            "username": "g0a1",
            "credential": "c0ffee",
        },
    ]
}


class Cloudflare:
    """`answer`: status and body. `asked`: method, path, authorization and body of each request."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.answer: tuple[int, bytes] = 201, json.dumps(GOOD).encode()
        self.asked: list[tuple[str, str | None, Any]] = []


@contextmanager
def cloudflare() -> Iterator[Cloudflare]:
    """Until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            double.asked.append((self.path, self.headers["Authorization"], body))
            status, text = double.answer
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False
    double = Cloudflare(server.server_port)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="cloudflare-double")
    thread.start()
    try:
        yield double
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()
