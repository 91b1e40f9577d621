"""A simple-websocket server seen from the media loop: what blocks happens in other threads."""

from __future__ import annotations

import asyncio
import contextlib
import json
import select
import socket
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from simple_websocket import ConnectionClosed, Server
from wsproto.events import Ping
from wsproto.utilities import LocalProtocolError

from pi_cam.loop import Loop
from pi_cam.transport import websocket as protocol
from pi_cam.transport.viewers import Visitor

WAITING_MESSAGES = 64
SEND_BUFFER_BYTES = 64 * 1024
RECEIVE_BYTES = 32 * 1024
"""A whole TLS record (16 KiB) and more: what is left of one shows in no poll."""

PING_SECONDS = 25


class NoThread:
    """simple-websocket starts a thread for each socket, to read it. Here the request's own thread does (`Reader`), so that
    an open page takes one thread, not two."""

    def __init__(self, target: Callable[[], None]) -> None:
        self.name = "live-socket"

    def start(self) -> None:
        """Nothing to start."""


class Reader:
    """Reads a socket, and asks its other end now and then whether it is there (RFC 6455, section 5.5.2)."""

    def __init__(self, socket_: Server) -> None:
        self._socket: Any = socket_  # the stubs lack what its own thread uses
        self._next_ping = time.monotonic() + PING_SECONDS

    def receive(self, seconds: float) -> str | bytes | None:
        """The next message; None when none came in time. Raises `ConnectionClosed`, `OSError`."""
        until = time.monotonic() + seconds
        while not self._socket.input_buffer:
            if not self._socket.connected:
                raise ConnectionClosed(self._socket.close_reason, self._socket.close_message)
            if self._wait(until):
                self._take()
            elif time.monotonic() >= until:
                return None
        message: str | bytes = self._socket.input_buffer.pop(0)
        return message

    def _wait(self, until: float) -> bool:
        """Whether something came before `until` or the next ping."""
        poll = select.poll()
        poll.register(self._socket.sock.fileno(), select.POLLIN)
        if poll.poll(max(0.0, min(until, self._next_ping) - time.monotonic()) * 1000):
            return True
        if time.monotonic() >= self._next_ping:
            self._ping()
        return False

    def _ping(self) -> None:
        if not self._socket.pong_received:
            close_socket(self._socket, protocol.CLOSE_SILENT, "does not answer")
            return
        self._socket.pong_received = False
        self._socket.sock.send(self._socket.ws.send(Ping()))
        self._next_ping = time.monotonic() + PING_SECONDS

    def _take(self) -> None:
        data = self._socket.sock.recv(RECEIVE_BYTES)
        if not data:
            raise ConnectionClosed(self._socket.close_reason, self._socket.close_message)
        try:
            self._socket.ws.receive_data(data)
            # It answers pings and closes; False after the end, which a sender in another thread may have seen before us.
            self._socket.connected = self._socket._handle_events() and self._socket.connected
        except LocalProtocolError:
            self._socket.connected = False


class SockConnection:
    """`transport.websocket.Connection` on a simple-websocket server. `send` and `close` are called in the media loop; the
    blocking sends happen in a pool thread, one after the other. `visitor`: who opened it, on which `camera`."""

    def __init__(self, socket_: Server, loop: Loop, visitor: Visitor, camera: str) -> None:
        self.visitor = visitor
        self.camera = camera
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
    except (ConnectionClosed, LocalProtocolError, OSError):  # the second: the client says goodbye in this moment
        abandon(socket_)
        return False
    return True


def close_socket(socket_: Server, code: int, reason: str) -> None:
    """Says why, and wakes the thread that reads."""
    with contextlib.suppress(ConnectionClosed, LocalProtocolError, OSError):
        socket_.close(code, reason)  # type: ignore[arg-type]  # any number is taken; the stubs know the standard's only
    if socket_.sock is not None:
        with contextlib.suppress(OSError):
            socket_.sock.shutdown(socket.SHUT_RD)


def abandon(socket_: Server) -> None:
    """Ends a socket at once, and with it the thread that reads it."""
    socket_.connected = False
    if socket_.sock is not None:
        with contextlib.suppress(OSError):
            socket_.sock.shutdown(socket.SHUT_RDWR)
