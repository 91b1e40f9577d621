"""A page's live WebSocket, held by a test: what a browser would see, and how long it took."""

from __future__ import annotations

import contextlib
import json
import queue
import socket
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

from simple_websocket import Client, ConnectionClosed

from tests.server import Server

SUBPROTOCOL = "pi-cam.v1"


class ReadingThread(threading.Thread):
    """The library's thread, but it begins with what arrived together with the handshake, which the library leaves unread."""

    def __init__(self, target: Callable[[], None]) -> None:
        super().__init__(target=target, name="live-page-socket")
        self._socket: Any = target.__self__  # type: ignore[attr-defined]

    def run(self) -> None:
        self._socket.connected = self._socket._handle_events()
        self._socket.event.set()
        super().run()


class LivePage:
    """One open socket. A thread of its own reads it, so that pings are answered. `newest`: of each type, whether or not it
    was asked for."""

    def __init__(
        self, server: Server, token: str | None, camera: str = "main", headers: dict[str, str] | None = None
    ) -> None:
        sent = {**({"Authorization": f"Bearer {token}"} if token else {}), **(headers or {})}
        url = server.url.replace("http", "ws", 1) + f"/api/v1/cameras/{camera}/live"
        self._socket: Any = Client.connect(  # its published types are stricter than what it takes
            url,
            subprotocols=[SUBPROTOCOL],
            headers=[(name.encode(), value.encode()) for name, value in sent.items()],
            thread_class=ReadingThread,
            ssl_context=server.trust(),
            receive_bytes=32 * 1024,  # a whole TLS record
        )
        self.subprotocol: str | None = self._socket.subprotocol
        self._messages: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self.newest: dict[str, dict[str, Any]] = {}
        self.closed_at: float | None = None
        self._reader = threading.Thread(target=self._read, name="live-page")
        self._reader.start()

    @property
    def close_code(self) -> int:
        """Why it was closed; 1006 when no reason was given."""
        return int(self._socket.close_reason)

    def send(self, kind: str, **fields: object) -> None:
        self.send_text(json.dumps({"v": 1, "type": kind, **fields}))

    def send_text(self, text: str | bytes) -> None:
        self._socket.send(text)

    def next(self, kind: str | None = None, seconds: float = 20) -> dict[str, Any]:
        """The next message, or the next of this type."""
        deadline = time.monotonic() + seconds
        while True:
            message = self._messages.get(timeout=max(0.01, deadline - time.monotonic()))
            assert message is not None, f"closed with {self.close_code}"
            if kind in (None, message["type"]):
                return message

    def wait_closed(self, seconds: float = 20) -> int:
        """Waits for the end; the close code."""
        self._reader.join(seconds)
        assert not self._reader.is_alive(), f"still open after {seconds} s"
        return self.close_code

    def is_open(self) -> bool:
        return self._reader.is_alive()

    def close(self) -> None:
        with contextlib.suppress(ConnectionClosed, OSError):
            self._socket.close(1000)
        with contextlib.suppress(OSError):
            self._socket.sock.shutdown(socket.SHUT_RDWR)
        self._socket.event.set()
        self._reader.join(5)
        self._socket.thread.join(5)

    def __enter__(self) -> LivePage:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self) -> None:
        try:
            while True:
                text = self._socket.receive(0.2)
                if text is not None:
                    message = json.loads(text)
                    self.newest[message["type"]] = message
                    self._messages.put(message)
                elif not self._socket.connected:
                    break
        except ConnectionClosed:
            pass
        self.closed_at = time.monotonic()
        self._messages.put(None)


def until(condition: Callable[[], object], seconds: float = 10.0, what: str = "") -> float:
    """Polls until `condition` holds; the seconds that it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, f"not within {seconds} s {what}"
        time.sleep(0.02)
    return time.monotonic() - began
