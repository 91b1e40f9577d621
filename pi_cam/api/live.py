"""The page's live WebSocket: carries messages between a socket's thread and the media loop."""

from __future__ import annotations

import contextlib
import logging
from threading import BoundedSemaphore

from flask import Blueprint, g
from flask_sock import Sock
from simple_websocket import ConnectionClosed, Server

from pi_cam.api import ice
from pi_cam.api.access import current_person, visitor_of
from pi_cam.api.audio import describe_sound, floor_of
from pi_cam.api.problems import status_of
from pi_cam.api.rules import rule
from pi_cam.api.services import Services, services
from pi_cam.api.sockets import Reader, SockConnection, abandon, close_socket
from pi_cam.errors import NotFound, NotReady, PiCamError
from pi_cam.transport import websocket as protocol
from pi_cam.trust.capabilities import Person

log = logging.getLogger(__name__)

blueprint = Blueprint("live", __name__, url_prefix="/api/v1/cameras")
sockets = Sock()

SOCKETS_MAX = 56
"""Each takes a thread: see `serving.THREADS`."""

SILENCE_SECONDS = 60.0
MESSAGE_SECONDS = 10.0

_room = BoundedSemaphore(SOCKETS_MAX)


@sockets.route("/<camera_id>/live", bp=blueprint)  # type: ignore[untyped-decorator]  # flask-sock has no types
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
    connection = SockConnection(socket_, here.loop, visitor_of(person, camera_id), camera_id)
    session = here.loop.call(_open_session(here, connection, ice.lender(here, connection.visitor)))
    reader = Reader(socket_)
    try:
        while True:
            text = reader.receive(SILENCE_SECONDS)
            if text is None:
                close_socket(socket_, protocol.CLOSE_SILENT, "silent")
                return
            here.loop.call(session.receive(text), MESSAGE_SECONDS)
    except (ConnectionClosed, OSError, NotReady):
        log.debug("live socket ended", extra={"camera": camera_id})
    finally:
        with contextlib.suppress(NotReady):  # the camera goes down, and all sessions with it
            here.loop.call(_close_session(here, connection, session), MESSAGE_SECONDS)


async def _open_session(here: Services, connection: SockConnection, lend: ice.Lend) -> protocol.LiveSession:
    camera = here.cameras.get(connection.camera)
    lent = await lend()
    session = protocol.LiveSession(
        connection,
        camera=camera.id,
        hub=camera.hub,
        describe=lambda: here.cameras.describe(camera),
        describe_sound=lambda: describe_sound(here, camera),
        watch_sound=here.floor.watch,
        floor=floor_of(here, camera),
        door=here.door,
        visitor=connection.visitor,
        vouch=here.media_identity.vouch,
        ice=lent,
        lend=lend,
    )
    here.present.add(connection)
    session.open()
    return session


async def _close_session(here: Services, connection: SockConnection, session: protocol.LiveSession) -> None:
    here.present.discard(connection)
    await session.close()


def _close_code(error: PiCamError) -> int:
    return {401: protocol.CLOSE_NOT_SIGNED_IN, 403: protocol.CLOSE_NOT_ALLOWED}.get(
        status_of(error), protocol.CLOSE_NOT_ALLOWED
    )
