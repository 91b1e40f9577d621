"""One HTTP address for whichever peer is measured: viewers and pages need not know how it is spoken to."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.bench.peers.peer import Peer


class Door:
    """`peer`: who answers now. GET / is `page`; POST /way says how it is spoken to, then /answer, or /invite and
    /accept/NAME."""

    def __init__(self, page: str) -> None:
        self.peer = Peer()
        self.page = page
        self.url = ""

    def post(self, path: str, body: str) -> str:
        """What the peer says."""
        if path == "/way":
            return self.peer.way
        if path == "/answer":
            return self.peer.answer(body)
        if path == "/invite":
            return "\n".join(self.peer.invite())
        self.peer.accept(path.rpartition("/")[2], body)
        return ""


@contextmanager
def opened(page: str) -> Iterator[Door]:
    """On loopback."""
    door = Door(page)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._say(200, door.page)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0)).decode()
            try:
                self._say(200, door.post(self.path, body))
            except Exception as error:  # noqa: BLE001 - whoever asked is told, and fails
                self._say(500, repr(error))

        def _say(self, status: int, text: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    door.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield door
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
