"""The page's live WebSocket: carries messages between a socket's thread and the media loop."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
import struct
from collections import deque
from threading import BoundedSemaphore
from typing import Any

from flask import Blueprint, g
from flask_sock import Sock
from simple_websocket import ConnectionClosed, Server

from pi_cam.api.access import current_person
from pi_cam.api.problems import status_of
from pi_cam.api.rules import rule
from pi_cam.api.services import Services, services
from pi_cam.errors import NotFound, NotReady, PiCamError
from pi_cam.loop import Loop
from pi_cam.transport import websocket as protocol
from pi_cam.transport.doors import Visitor
from pi_cam.trust.capabilities import Person, in_order

log = logging.getLogger(__name__)

blueprint = Blueprint("live", __name__, url_prefix="/api/v1/cameras")
sockets = Sock()

SOCKETS_MAX = 24
"""Each takes two threads: see `serving.THREADS`."""

WAITING_MESSAGES = 64
SILENCE_SECONDS = 60.0
SEND_SECONDS = 5
MESSAGE_SECONDS = 10.0

_room = BoundedSemaphore(SOCKETS_MAX)
_open: set[SockConnection] = set()


class SockConnection:
    """`transport.websocket.Connection` on a simple-websocket server. `send` and `close` are called in the media loop; the
    blocking sends happen in a pool thread, one after the other."""

    def __init__(self, socket_: Server, loop: Loop) -> None:
        self._socket = socket_
        self._loop = loop
        self._queue: deque[dict[str, Any]] = deque()
        self._closing: tuple[int, str] | None = None
        self._sending: asyncio.Task[None] | None = None
        # A client that stops reading must not hold a thread for ever.
        socket_.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", SEND_SECONDS, 0))

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

    def _wake(self) -> None:
        if self._sending is None or self._sending.done():
            self._sending = asyncio.get_running_loop().create_task(self._send_all())

    async def _send_all(self) -> None:
        while self._queue:
            text = json.dumps(self._queue.popleft())
            if not await self._loop.run_blocking(send_text, self._socket, text):
                return
        if self._closing is not None:
            await self._loop.run_blocking(close_socket, self._socket, *self._closing)


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
        socket_.close(code, reason)
    socket_.event.set()


def abandon(socket_: Server) -> None:
    """Ends both threads of a socket at once."""
    socket_.connected = False
    socket_.event.set()
    with contextlib.suppress(OSError):
        socket_.sock.shutdown(socket.SHUT_RDWR)


async def close_all(code: int, reason: str) -> None:
    """Tells every open page, as the camera goes down."""
    for connection in list(_open):
        connection.close(code, reason)


@sockets.route("/<camera_id>/live", bp=blueprint)
@rule("The live WebSocket, subprotocol pi-cam.v1", "view", {101: None}, websocket=True)
def live(socket_: Server, camera_id: str) -> None:
    """One open page."""
    if g.refusal is not None:
        close_socket(socket_, _close_code(g.refusal), "")
    elif not _room.acquire(blocking=False):
        close_socket(socket_, protocol.CLOSE_TOO_MANY, "too many pages")
    else:
        try:
            _serve(socket_, camera_id, services(), current_person())
        except NotFound:
            close_socket(socket_, protocol.CLOSE_NOT_FOUND, "no such camera")
        finally:
            _room.release()
    abandon(socket_)


def _serve(socket_: Server, camera_id: str, here: Services, person: Person) -> None:
    connection = SockConnection(socket_, here.loop)
    session = here.loop.call(_open_session(here, connection, camera_id, person))
    try:
        while True:
            text = socket_.receive(SILENCE_SECONDS)
            if text is None:
                close_socket(socket_, protocol.CLOSE_SILENT, "silent")
                return
            here.loop.call(session.receive(text), MESSAGE_SECONDS)
    except (ConnectionClosed, NotReady):
        log.debug("live socket ended", extra={"camera": camera_id})
    finally:
        with contextlib.suppress(NotReady):  # the camera goes down, and all sessions with it
            here.loop.call(_close_session(connection, session), MESSAGE_SECONDS)


async def _open_session(
    here: Services, connection: SockConnection, camera_id: str, person: Person
) -> protocol.LiveSession:
    camera = here.cameras.get(camera_id)
    session = protocol.LiveSession(
        connection,
        camera=camera_id,
        hub=camera.hub,
        describe=lambda: here.cameras.describe(camera),
        door=here.door,
        visitor=Visitor(person.name, person.session),
        can=list(in_order(person.can)),
    )
    _open.add(connection)
    session.open()
    return session


async def _close_session(connection: SockConnection, session: protocol.LiveSession) -> None:
    _open.discard(connection)
    await session.close()


def _close_code(error: PiCamError) -> int:
    return {401: protocol.CLOSE_NOT_SIGNED_IN, 403: protocol.CLOSE_NOT_ALLOWED}.get(
        status_of(error), protocol.CLOSE_NOT_ALLOWED
    )
