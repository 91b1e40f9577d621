"""A client's connection, plain or TLS, that no client can make a thread wait on for long.

The socket underneath never blocks; waiting happens here, with a limit. For TLS this also keeps the rules of the library:
two threads never use one connection at the same moment, though one waits to read while another writes.
"""

from __future__ import annotations

import contextlib
import errno
import select
import socket
import ssl
import threading
import time
from typing import Any

SEND_SECONDS = 5.0
"""A client that takes less than `PIECE_BYTES` in this time is gone."""

SEND_BUFFER_BYTES = 128 * 1024
"""What the kernel keeps for one client; left to itself it may be 4 MB."""

PIECE_BYTES = 64 * 1024
STEP_BYTES = 4 * 1024
RECORD_BYTES = 16 * 1024
"""The most that one TLS record holds (RFC 8446, section 5.1). Who reads less at once leaves a rest that no poll shows."""

TLS_HANDSHAKE = 0x16
"""The first byte of every TLS connection (content type handshake)."""

PLAIN_TO_TLS = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
    b"This address speaks HTTPS: write https:// in front of it.\n"
)


class Gone(ConnectionResetError):
    """The client is too slow, breaks the rules of TLS, or does not speak TLS at all: as good as one that hung up."""

    def __init__(self, why: str) -> None:
        super().__init__(errno.ECONNRESET, why)


class ClientSocket:
    """What gunicorn and simple-websocket use of a socket. `send` sends all of it, as both of them expect."""

    def __init__(self, plain: socket.socket, context: ssl.SSLContext | None) -> None:
        plain.setblocking(False)
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        self._socket: socket.socket = plain
        self._context = context
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._timeout: float | None = None
        self.hopeless = False
        """It took nothing of what was sent: no need to wait until it hangs up by itself."""
        self._ended = False

    def advance(self) -> bool:
        """Goes on with the TLS handshake as far as it can without waiting; True when it is done. Raises `OSError`."""
        if self._context is None:
            return True
        with self._lock:
            try:
                self._wrapped(self._context).do_handshake()
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return False
            except ssl.SSLError as error:
                raise Gone(f"TLS: {error.reason}") from error
        self._context = None
        return True

    def recv(self, size: int) -> bytes:
        """Waits until something comes, at most the time that `settimeout` says. Raises `OSError`."""
        until = None if self._timeout is None else time.monotonic() + self._timeout
        while True:
            data = self.receive_now(size)
            if data is not None:
                return data
            self._wait(select.POLLIN, until)

    def receive_now(self, size: int) -> bytes | None:
        """What is there already; None when nothing is, empty at the end. Raises `OSError`."""
        with self._lock:
            if self._ended:
                return b""
            try:
                return self._take(size)
            except (BlockingIOError, ssl.SSLWantReadError):
                return None
            except ConnectionResetError:  # it hung up with something of ours unread, such as a TLS ticket
                return b""
            except ssl.SSLError as error:
                raise Gone(f"TLS: {error.reason}") from error

    def discard(self) -> bool:
        """Throws away what came after `shutdown`; False when the client has hung up."""
        with self._lock, contextlib.suppress(BlockingIOError):
            try:
                return bool(self._socket.recv(PIECE_BYTES))
            except ConnectionError:
                return False
        return True

    def sendall(self, data: bytes) -> None:
        """One message after the other, each piece of it within `SEND_SECONDS`. Raises `OSError`."""
        view = memoryview(data)
        with self._sending:
            for begin in range(0, len(view), PIECE_BYTES):
                self._send_piece(view[begin : begin + PIECE_BYTES])

    def send(self, data: bytes) -> int:
        """As `sendall`."""
        self.sendall(data)
        return len(data)

    def settimeout(self, seconds: float | None) -> None:
        """For `recv` alone: sending has its own limit."""
        self._timeout = seconds

    def gettimeout(self) -> float | None:
        """As `settimeout` said."""
        return self._timeout

    def setblocking(self, blocking: bool) -> None:
        """As for any socket."""
        self._timeout = None if blocking else 0.0

    def shutdown(self, how: int) -> None:
        """Over TLS the other side is told first, unless a message is on its way. With `SHUT_RD` it is told nothing, and who
        waits in `recv` finds the end. Raises `OSError`."""
        if how == socket.SHUT_RD:
            socket.socket.shutdown(self._socket, how)
            return
        idle = self._sending.acquire(blocking=False)
        try:
            with self._lock:
                if idle and isinstance(self._socket, ssl.SSLSocket):
                    with contextlib.suppress(OSError, ValueError):  # it waits for no answer
                        self._socket.unwrap()
                self._socket.shutdown(how)
                self._ended = True  # over TLS, what still comes could not be read any more
        finally:
            if idle:
                self._sending.release()

    def close(self) -> None:
        """Gives the descriptor back."""
        with self._lock:
            self._socket.close()

    def __getattr__(self, name: str) -> Any:
        """The rest (`fileno`, `getsockname`, `setsockopt` …) needs no care."""
        return getattr(self._socket, name)

    def _take(self, size: int) -> bytes:
        """In small pieces, since each takes its memory before it is known what comes; of TLS all that is decrypted."""
        data = self._socket.recv(min(size, STEP_BYTES))
        while isinstance(self._socket, ssl.SSLSocket) and len(data) < size and self._socket.pending():
            data += self._socket.recv(min(size - len(data), self._socket.pending()))
        return data

    def _wrapped(self, context: ssl.SSLContext) -> ssl.SSLSocket:
        if isinstance(self._socket, ssl.SSLSocket):
            return self._socket
        first = self._socket.recv(1, socket.MSG_PEEK)
        if first and first[0] != TLS_HANDSHAKE:
            with contextlib.suppress(OSError):
                self._socket.send(PLAIN_TO_TLS)
            raise Gone("not TLS")
        tls = context.wrap_socket(self._socket, server_side=True, do_handshake_on_connect=False)
        self._socket = tls
        return tls

    def _send_piece(self, piece: memoryview) -> None:
        until = time.monotonic() + SEND_SECONDS
        while piece:
            with self._lock:
                try:
                    sent = self._socket.send(piece)
                except (BlockingIOError, ssl.SSLWantWriteError):
                    sent = 0
                except ssl.SSLError as error:
                    raise Gone(f"TLS: {error.reason}") from error
            piece = piece[sent:]
            if not sent:
                self.hopeless = True
                self._wait(select.POLLOUT, until)
        self.hopeless = False

    def _wait(self, event: int, until: float | None) -> None:
        left = None if until is None else until - time.monotonic()
        if left is not None and left <= 0:
            raise Gone("too slow")
        descriptor = self._socket.fileno()
        if descriptor < 0:
            raise Gone("closed")
        poll = select.poll()
        poll.register(descriptor, event)
        poll.poll(None if left is None else left * 1000)
