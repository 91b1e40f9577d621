"""What must be true of a camera that is alive: its media loop turns, its listeners answer, no driver holds it."""

from __future__ import annotations

import asyncio
import http.client
import ssl
import time
from collections.abc import Callable, Iterable
from functools import partial

from pi_cam.capture.source import HasBeat
from pi_cam.errors import NotReady
from pi_cam.hub import Hub
from pi_cam.listeners import LOOPBACK, Listener
from pi_cam.loop import Loop

ANSWER_SECONDS = 3.0
HELD_SECONDS = 60.0
"""A driver that takes longer holds the camera for ever, as seen: only another process gets it back."""

EVERYWHERE = {"0.0.0.0": LOOPBACK, "::": "::1"}


def media_loop_turns(loop: Loop) -> str | None:
    """As `watchdog.Probe`."""
    try:
        loop.call(asyncio.sleep(0), ANSWER_SECONDS)
    except NotReady:
        return "The media loop does not answer."
    return None


def listener_answers(host: str, port: int, tls: bool) -> str | None:
    """As `watchdog.Probe`. A tunnel that is up, or a page that is open, proves nothing: what counts is a newcomer."""
    there = EVERYWHERE.get(host, host)
    asked: http.client.HTTPConnection
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # it is this program, whatever it shows
        asked = http.client.HTTPSConnection(there, port, timeout=ANSWER_SECONDS, context=context)
    else:
        asked = http.client.HTTPConnection(there, port, timeout=ANSWER_SECONDS)
    try:
        asked.request("GET", "/healthz", headers={"Connection": "close"})
        answered = asked.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        answered = False
    finally:
        asked.close()
    return None if answered else f"Port {port} does not answer."


def of_listeners(listeners: Iterable[Listener]) -> list[Callable[[], str | None]]:
    """A probe for each."""
    return [partial(listener_answers, listener.host, listener.port, listener.tls) for listener in listeners]


def no_driver_hangs(hubs: Iterable[Hub], clock: Callable[[], float] = time.monotonic) -> str | None:
    """As `watchdog.Probe`. A camera that is closed, unplugged or of the network does not count."""
    for hub in hubs:
        if isinstance(hub.source, HasBeat) and clock() - hub.source.beat() > HELD_SECONDS:
            return "The driver of the camera does not come back."
    return None
