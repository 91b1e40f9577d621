"""A web host with updates: `python -m tests.releases_host FOLDER [CERTIFICATE KEY]` serves a folder, over TLS where it gets
a certificate, and misbehaves under some names. The first line on standard output is its port; each request is a line after.

`/slow/…` gives a byte now and then; `/slow-start/…` the head so; `/endless/…` goes on after the file's end; `/cut/…` breaks
off in the middle; `/garbage/…`, `/silent/…`, `/503/…`; `/to/URL` leads on to it.
"""

from __future__ import annotations

import ssl
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

PIECE = 65_536


class Door(BaseHTTPRequestHandler):
    """One request."""

    folder = Path()

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def do_GET(self) -> None:
        """Serves the last part of the path, in the manner of the first."""
        sys.stdout.write(f"{self.path}\n")
        sys.stdout.flush()
        _, way, rest = self.path.split("/", 2)
        file = self.folder / rest.rpartition("/")[2]
        try:
            self._serve(way, rest, file)
        except OSError:
            self.close_connection = True  # who asked has gone

    def _serve(self, way: str, rest: str, file: Path) -> None:
        if way == "to":
            self.send_response(302)
            self.send_header("Location", unquote(rest).rpartition("/")[0])
            self.end_headers()
        elif way == "503":
            self.send_error(503)
        elif way == "silent":
            time.sleep(60)
        elif way == "garbage":
            self._begin(None)
            while True:
                self.wfile.write(b"garbage " * 8192)
        elif way == "slow-start":
            for byte in b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 60_000:
                self.wfile.write(bytes([byte]))
                time.sleep(0.05)
        elif not file.is_file():
            self.send_error(404)
        else:
            self._send(way, file.read_bytes())

    def _send(self, way: str, data: bytes) -> None:
        self._begin(None if way == "endless" else len(data))
        if way == "slow":
            for byte in data:
                self.wfile.write(bytes([byte]))
                time.sleep(0.05)
        elif way == "cut":
            self.wfile.write(data[: len(data) // 2])
            self.close_connection = True
        elif way == "endless":
            self.wfile.write(data)
            while True:
                self.wfile.write(bytes(PIECE))
        else:
            for begin in range(0, len(data), PIECE):
                self.wfile.write(data[begin : begin + PIECE])

    def _begin(self, length: int | None) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()


def main(arguments: list[str]) -> None:
    """Serves until it is ended."""
    Door.folder = Path(arguments[0])
    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    if len(arguments) > 1:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(arguments[1], arguments[2])
        server.socket = context.wrap_socket(server.socket, server_side=True)
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
