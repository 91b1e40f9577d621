"""A real HTTP camera on loopback: streams a file at about the speed at which it would be filmed, or misbehaves."""

from __future__ import annotations

import base64
import itertools
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import av

BOUNDARY = "picture"
KINDS = {".ts": "video/mp2t", ".mp4": "video/mp4", ".mjpeg": f"multipart/x-mixed-replace; boundary={BOUNDARY}"}


class HttpCamera:
    """Serves `files` by their names; `/garbage`, `/redirect` (to `elsewhere`), `/playlist`, `/silent` misbehave."""

    def __init__(
        self, *files: Path, user: str = "", password: str = "", elsewhere: str = "", seconds: float = 30
    ) -> None:
        camera = self

        class Door(_Door):
            behind = camera

        self.files = {file.name: file for file in files}
        self.credentials = base64.b64encode(f"{user}:{password}".encode()).decode() if user else ""
        self.elsewhere = elsewhere
        self.seconds = seconds
        self.asked: list[str] = []
        self.over = threading.Event()
        self.sent = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self._server.daemon_threads = False
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="http-camera")

    def __enter__(self) -> HttpCamera:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def url(self, path: str, userinfo: str = "") -> str:
        return f"http://{userinfo}127.0.0.1:{self.port}/{path}"


class _Door(BaseHTTPRequestHandler):
    behind: ClassVar[HttpCamera]

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def do_GET(self) -> None:
        camera = self.behind
        name = self.path.strip("/")
        camera.asked.append(name)
        if camera.credentials and self.headers.get("Authorization") != f"Basic {camera.credentials}":
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="camera"')
            self.end_headers()
            return
        if name == "redirect":
            self.send_response(302)
            self.send_header("Location", camera.elsewhere)
            self.end_headers()
        elif name == "playlist":
            playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{camera.elsewhere}\n#EXT-X-ENDLIST\n"
            self._send("application/vnd.apple.mpegurl", [playlist.encode()])
        elif name == "endless":
            part = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: 1999999999\r\n\r\n"
            self._send(KINDS[".mjpeg"], itertools.chain([part.encode()], self._noise()))
        elif name == "garbage":
            self._send("video/mp4", [bytes(range(256)) * 400] * 3)
        elif name == "silent":
            camera.over.wait(camera.seconds)
        elif (file := camera.files.get(name)) is not None:
            self._send(KINDS[file.suffix], paced(file, camera.seconds, camera.over))
        else:
            self.send_error(404)

    def _noise(self) -> Iterator[bytes]:
        while not self.behind.over.is_set():
            self.behind.sent += 65_536
            yield bytes(65_536)

    def _send(self, kind: str, pieces: list[bytes] | Iterator[bytes]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()
        try:
            for piece in pieces:
                self.wfile.write(piece)
        except OSError:
            return  # the viewer has gone


def paced(file: Path, seconds: float, over: threading.Event) -> Iterator[bytes]:
    """The file in as many pieces as it has tenths of a second, each when it is due, `seconds` long at most."""
    data = file.read_bytes()
    with av.open(str(file)) as container:
        length = (container.duration or 3_000_000) / 1_000_000
    size = max(round(len(data) / length / 10), 1)
    began = time.monotonic()
    for index, start in enumerate(range(0, len(data), size)):
        late = began + index / 10 - time.monotonic()
        if index / 10 > seconds or over.wait(max(late, 0)):
            return
        yield data[start : start + size]
