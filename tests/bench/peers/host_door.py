"""The HTTP side of a `HostedPeer`'s program. Needs nothing beyond the standard library."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def stay(invite: Callable[[], tuple[str, str]], accept: Callable[[str, str], None]) -> None:
    """Says `ready PORT`, serves, and ends the process when its input ends. `invite`: a name and an offer."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0)).decode()
            status, said = 200, ""
            try:
                if self.path == "/invite":
                    said = "\n".join(invite())
                else:
                    accept(self.path.rpartition("/")[2], body)
            except Exception as error:  # noqa: BLE001 - whoever asked is told, and fails
                status, said = 500, repr(error)
            self.send_response(status)
            self.send_header("Content-Length", str(len(said.encode())))
            self.end_headers()
            self.wfile.write(said.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"ready {server.server_address[1]}\n")
    sys.stdout.flush()
    sys.stdin.read()
    os._exit(0)  # no library's clean-up may hang
