"""gunicorn's threaded worker, with TLS on some listeners, and with threads only for requests that are there.

It replaces how gunicorn 27 (`workers/gthread.py`) accepts, waits and closes: there a thread waits for each client that
sends nothing, its main loop waits for each that does not hang up, and TLS is for all listeners or for none.
"""

from __future__ import annotations

import contextlib
import errno
import re
import selectors
import socket
import ssl
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import TConn, ThreadWorker

from pi_cam.connections import RECORD_BYTES, ClientSocket

HEAD_SECONDS = 10.0
"""From the connection, or from the first byte of a further request, to the end of the request's head (and of the TLS
handshake before it, and of a body of known length after it)."""

BODY_SECONDS = 10.0
"""For a body of unknown length (chunked), which takes a thread so long."""

SOCKET_SECONDS = 30.0
"""For the rest of a TLS record of which a WebSocket has the beginning."""

LINGER_SECONDS = 2.0
"""So long a client may take to hang up after an answer; closed at once, the answer could be lost (RFC 9112, section 9.6)."""

SPARE_CONNECTIONS = 8
"""Fewer free ones than this, and each newcomer takes the place of one that has not asked for anything yet."""

HEAD_BYTES = 64 * 1024
BODY_BYTES = 64 * 1024
LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,5})[ \t]*\r\n", re.IGNORECASE)
WAITS = re.compile(rb"\r\nexpect:", re.IGNORECASE)
"""The client sends no body before it is told to go on."""
READ_BYTES = 2 * RECORD_BYTES

ContextFor = Callable[[int], ssl.SSLContext | None]
"""Port → what wraps its connections; None for plain ones."""


class TimedReader(SocketUnreader):  # type: ignore[misc]
    """Reads from a client until `deadline` (monotonic seconds) and no longer."""

    def __init__(self, client: ClientSocket) -> None:
        super().__init__(client, READ_BYTES)
        self.deadline = 0.0

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Called by gunicorn's parser. Raises `OSError`."""
        self.sock.settimeout(max(0.0, self.deadline - time.monotonic()))
        try:
            return bytes(super().chunk(size_hint))
        finally:
            self.sock.settimeout(SOCKET_SECONDS)


class CameraConnection(TConn):  # type: ignore[misc]
    """A connection whose next request, head and body of known length, is collected without a thread that waits for it."""

    def __init__(self, cfg: Any, client: ClientSocket, address: Any, server: Any) -> None:
        super().__init__(cfg, client, address, server)
        self.data_ready = True  # gunicorn's own waiting in a thread never begins
        self.deadline = time.monotonic() + HEAD_SECONDS
        self._request = bytearray()

    def init(self) -> None:
        """Called by gunicorn before the first request."""
        if not self.initialized:
            super().init()
            self.parser.unreader = TimedReader(self.sock)

    def has_request(self) -> bool:
        """Takes what came; whether a whole request is there. Raises `OSError` when the client hung up or is no good."""
        if not self.sock.advance():
            return False
        self.init()
        reader = self.parser.unreader
        self._request += reader.take_buffered()
        while not _is_whole(self._request):
            data = self.sock.receive_now(READ_BYTES)
            if data is None:
                return False
            if not data:
                raise ConnectionResetError(errno.ECONNRESET, "the client hung up")
            self._request += data
        reader.unread(bytes(self._request))
        self._request.clear()
        reader.deadline = self.deadline
        return True


def _is_whole(request: bytearray) -> bool:
    """Whether gunicorn can begin. It parses for itself; what is guessed wrong here costs a thread some seconds at most."""
    head = request.find(b"\r\n\r\n", 0, HEAD_BYTES)
    if head < 0:
        return len(request) >= HEAD_BYTES
    length = LENGTH.search(request, 0, head + 2)
    if length is None or int(length[1]) > BODY_BYTES or WAITS.search(request, 0, head + 2):
        return True
    return len(request) >= head + 4 + int(length[1])


class CameraWorker(ThreadWorker):  # type: ignore[misc]
    """`context_for` and `goodbye` are set by `serving` once the application is there."""

    context_for: ContextFor = staticmethod(lambda port: None)
    goodbye: Callable[[], None] = staticmethod(lambda: None)

    def run(self) -> None:
        """Serves until the end, however that comes: by SIGTERM between two waits of a loop that nothing holds (what
        `handle_exit` sets off is then not run), by SIGINT, or because gunicorn's arbiter is gone."""
        try:
            super().run()
        finally:
            self._close_all()

    def handle_exit(self, sig: int, frame: Any) -> None:
        """On SIGTERM. Runs in the main thread, between two bytecodes: only sets off the work."""
        super().handle_exit(sig, frame)
        self.method_queue.defer(self._close_all)

    def accept(self, listener: Any) -> None:
        """Called when somebody connects."""
        try:
            client, address = listener.accept()
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.ECONNABORTED, errno.EMFILE, errno.ENFILE):
                return
            raise
        here = listener.getsockname()
        if self.nr_conns >= self.worker_connections - SPARE_CONNECTIONS and self.pending_conns:
            self._drop(min(self.pending_conns, key=lambda one: float(one.timeout)))
        self.nr_conns += 1
        self._await_request(CameraConnection(self.cfg, ClientSocket(client, self.context_for(here[1])), address, here))

    def on_client_socket_readable(self, conn: CameraConnection, client: Any) -> None:
        """A further request begins on a connection that was kept."""
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self._next_request(conn)

    def on_pending_socket_readable(self, conn: CameraConnection, client: Any) -> None:
        """More of a request came, or of the TLS handshake. Taken here, in the main thread: each thread that did a handshake
        would keep some 20 kB for it, and one takes few milliseconds."""
        try:
            whole = conn.has_request()
        except OSError as error:
            self.log.debug("Connection ended: %s", error)
            self._forget(conn)
            self._let_go(conn)
            return
        if whole:
            self._forget(conn)
            self.enqueue_req(conn)

    def handle_request(self, req: Any, conn: CameraConnection) -> object:
        """The head is parsed; the body may have its own time."""
        conn.parser.unreader.deadline = time.monotonic() + BODY_SECONDS
        conn.sock.settimeout(SOCKET_SECONDS)
        return super().handle_request(req, conn)

    def finish_request(self, conn: CameraConnection, future: Future[object]) -> None:
        """In the main thread, when a request was answered."""
        keep = not future.cancelled() and future.exception() is None and future.result()
        if not keep:
            self._let_go(conn)
        elif conn.parser.unreader.buf.getvalue():
            self._next_request(conn)
        else:
            super().finish_request(conn, future)

    def murder_pending(self) -> None:
        """Each second: cuts those whose time is over."""
        now = time.monotonic()
        for conn in [one for one in self.pending_conns if one.timeout <= now]:
            self._drop(conn)

    def _next_request(self, conn: CameraConnection) -> None:
        conn.deadline = time.monotonic() + HEAD_SECONDS
        self._await_request(conn)
        if conn in self.pending_conns:
            self.on_pending_socket_readable(conn, conn.sock)

    def _await_request(self, conn: CameraConnection) -> None:
        self._await(conn, conn.deadline, partial(self.on_pending_socket_readable, conn))

    def _let_go(self, conn: CameraConnection) -> None:
        """Says that nothing more comes, and waits, without a thread, until the client hangs up."""
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._close(conn)
            return
        if self.alive and not conn.sock.hopeless:
            self._await(conn, time.monotonic() + LINGER_SECONDS, partial(self._discard, conn))
        else:
            self._close(conn)

    def _discard(self, conn: CameraConnection, _client: Any) -> None:
        if not conn.sock.discard():
            self._drop(conn)

    def _await(self, conn: CameraConnection, until: float, ready: Callable[[Any], None]) -> None:
        try:
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._if_pending, conn, ready))
        except (OSError, ValueError, KeyError):  # closed meanwhile, by its other side or by its WebSocket
            self._close(conn)
        else:
            conn.timeout = until
            self.pending_conns.append(conn)

    def _if_pending(self, conn: CameraConnection, ready: Callable[[Any], None], client: Any) -> None:
        """Of what one wait found, what comes first may be the goodbye, which closes the rest."""
        if conn in self.pending_conns:
            ready(client)

    def _drop(self, conn: CameraConnection) -> None:
        self._forget(conn)
        self._close(conn)

    def _forget(self, conn: CameraConnection) -> None:
        """No more waiting for it."""
        self.pending_conns.remove(conn)
        with contextlib.suppress(OSError, ValueError, KeyError):
            self.poller.unregister(conn.sock)

    def _close(self, conn: CameraConnection) -> None:
        self.nr_conns -= 1
        conn.close()

    def _close_all(self) -> None:
        goodbye, self.goodbye = self.goodbye, lambda: None
        goodbye()
        for conn in list(self.pending_conns):  # nothing was asked on them yet
            self._drop(conn)
