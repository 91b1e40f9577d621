"""How a viewer's reports are taken: with a few viewers those cost as much as the pictures do. In aiortc they go by a queue
to a task, are made objects, and whose they are is looked up by a function that is made anew each time.

Written against aiortc 1.16 (`rtcdtlstransport.py`) and aioice 0.13 (`ice.py`).
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Coroutine
from typing import Any, Protocol
from weakref import ref

import pylibsrtp
from aiortc import RTCDtlsTransport, RTCIceTransport
from aiortc.rtp import is_rtcp

from pi_cam.path_estimate import Report
from pi_cam.transport.receiver_reports import Departures, by_stream

log = logging.getLogger(__name__)

PLACE, SESSION, HANDLE = "_pi_cam_reports", "_rx_srtp", "_handle_rtcp_data"


class Reported(Protocol):
    """Whose stream is reported of. `departures`: of its sender reports."""

    departures: Departures

    def heard(self) -> None:
        """The viewer sent a report, or anything else by RTCP."""

    def reported(self, report: Report) -> None:
        """What it says of the path."""


class _Place:
    def __init__(self, transport: RTCDtlsTransport) -> None:
        self.transport = ref(transport)
        self.streams: dict[int, Reported] = {}
        self.is_waited_for = False


def can_take() -> bool:
    """Whether these releases have what is used here; else reports go the library's way."""
    return (
        SESSION in RTCDtlsTransport.__init__.__code__.co_names
        and inspect.iscoroutinefunction(getattr(RTCDtlsTransport, HANDLE, None))
        and "_connection" in RTCIceTransport.__init__.__code__.co_names
    )


def take_at_once(transport: RTCDtlsTransport, ssrc: int, stream: Reported) -> None:
    """What this viewer reports of the stream is taken when it comes, from now on until `let_go`."""
    if not can_take():
        return
    place = getattr(transport, PLACE, None)
    if place is None:
        place = _Place(transport)
        setattr(transport, PLACE, place)
        setattr(transport.transport._connection, PLACE, place)
    place.streams[ssrc] = stream


def let_go(transport: RTCDtlsTransport, ssrc: int) -> None:
    """Also where nothing was taken."""
    place = getattr(transport, PLACE, None)
    if place is not None:
        place.streams.pop(ssrc, None)


def taken(connection: Any, data: bytes) -> bool:
    """Whether `data`, which came for this connection of aioice, was a report and is done with; else the library is to have
    it."""
    place = getattr(connection, PLACE, None)
    if place is None or place.is_waited_for or not 127 < data[0] < 192 or not is_rtcp(data):  # RFC 7983, section 7
        return False
    transport: Any = place.transport()
    if transport is None:
        return False
    try:
        report = getattr(transport, SESSION).unprotect_rtcp(data)
    except pylibsrtp.Error:
        return True
    if not _done(getattr(transport, HANDLE)(report)):
        log.warning("reports wait for something: they go the library's way")
        place.is_waited_for = True
    return True


def told(transport: RTCDtlsTransport, report: bytes) -> bool:
    """Whether the decrypted `report` says only how the streams arrive, and those know it now; else the library is to read
    it."""
    place: _Place | None = getattr(transport, PLACE, None)
    found = by_stream(report) if place is not None else None
    if place is None or found is None:
        return False
    for ssrc, said in found:
        stream = place.streams.get(ssrc)
        if stream is not None:
            stream.heard()
            stream.reported(stream.departures.judge(said))
    return True


def _done(handling: Coroutine[Any, Any, None]) -> bool:
    """Runs what waits for nothing. What does all the same is ended: one report is lost. As with the library's own task,
    nothing that cannot be encrypted escapes."""
    try:
        handling.send(None)
    except (StopIteration, ConnectionError, pylibsrtp.Error):  # it is done, or its viewer left meanwhile
        return True
    handling.close()
    return False
