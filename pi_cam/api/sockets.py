"""A simple-websocket server seen from the media loop: what blocks happens in other threads."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from simple_websocket import ConnectionClosed, Server

from pi_cam.loop import Loop
from pi_cam.transport import websocket as protocol

WAITING_MESSAGES = 64
SEND_BUFFER_BYTES = 64 * 1024


class ReadingThread(threading.Thread):
    """simple-websocket's own thread of a socket. When it ends it wakes whoever waits for a message: the library does so
    before it says that the socket is closed, and a reader that looks in between would wait on until its time is over."""

    def __init__(self, target: Callable[[], None]) -> None:
        super().__init__(target=target, name="live-socket", daemon=True)
        self._socket: Server = target.__self__  # type: ignore[attr-defined]

    def run(self) -> None:
        """Reads until the end."""
        try:
            super().run()
        finally:
            self._socket.connected = False
            self._socket.event.set()


class SockConnection:
    """`transport.websocket.Connection` on a simple-websocket server. `send` and `close` are called in the media loop; the
    blocking sends happen in a pool thread, one after the other. `session`: of the person who opened it."""

    def __init__(self, socket_: Server, loop: Loop, session: str | None) -> None:
        self.session = session
        self._socket = socket_
        self._loop = loop
        self._queue: deque[dict[str, Any]] = deque()
        self._closing: tuple[int, str] | None = None
        self._sending: asyncio.Task[None] | None = None
        if socket_.sock is None:
            raise ConnectionClosed
        # A client that stops reading must not hold megabytes of the kernel's memory, either (see `pi_cam.connections`).
        socket_.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)

    def send(self, message: dict[str, Any]) -> None:
        """Queues a message."""
        if self._closing is not None:
            return
        self._queue.append(message)
        if len(self._queue) > WAITING_MESSAGES:
            self._queue.clear()
            self._closing = (protocol.CLOSE_SILENT, "does not read")
        self._wake()

    def close(self, code: int, reason: str) -> None:
        """Closes after what is queued."""
        if self._closing is None:
            self._closing = (code, reason)
            self._wake()

    async def sent(self) -> None:
        """Waits until all that is queued has left."""
        if self._sending is not None:
            await asyncio.wait([self._sending])

    def _wake(self) -> None:
        if self._sending is None or self._sending.done():
            self._sending = asyncio.get_running_loop().create_task(self._send_all())

    async def _send_all(self) -> None:
        while self._queue:
            text = json.dumps(self._queue.popleft())
            if not await self._loop.run_blocking(send_text, self._socket, text, lane="sockets"):
                return
        if self._closing is not None:
            await self._loop.run_blocking(close_socket, self._socket, *self._closing, lane="sockets")


def send_text(socket_: Server, text: str) -> bool:
    """False when the socket is gone."""
    try:
        socket_.send(text)
    except (ConnectionClosed, OSError):
        abandon(socket_)
        return False
    return True


def close_socket(socket_: Server, code: int, reason: str) -> None:
    """Says why, and wakes the thread that reads."""
    with contextlib.suppress(ConnectionClosed, OSError):
        socket_.close(code, reason)  # type: ignore[arg-type]  # any number is taken; the stubs know the standard's only
    socket_.event.set()


def abandon(socket_: Server) -> None:
    """Ends both threads of a socket at once."""
    socket_.connected = False
    socket_.event.set()
    if socket_.sock is not None:
        with contextlib.suppress(OSError):
            socket_.sock.shutdown(socket.SHUT_RDWR)
