"""What anybody may send to an open port, or a viewer in its reports, before aiortc and aioice see it: what these trip over
is dropped, and what there is too much of.

Written against aiortc 1.16 (`rtcdtlstransport.py`, `rtp.py`) and aioice 0.13 (`ice.py`).
"""

from __future__ import annotations

import logging
import struct
import time
from collections.abc import Awaitable
from typing import Any
from weakref import WeakKeyDictionary

from aioice import ice
from aiortc import RTCDtlsTransport, RTCRtpSender
from aiortc.rtp import RTCP_RTPFB_NACK, AnyRtcpPacket, RtcpRtpfbPacket

from pi_cam.transport.allowance import Allowance, Repeats
from pi_cam.transport.webrtc_seam_reports import taken, told

log = logging.getLogger(__name__)

DATAGRAM_BYTES = 1500
"""libsrtp's binding has room for no more, and says so by an error that ends the connection."""

WAITING_DATAGRAMS = 128
"""Of one connection. Nobody reads them before it is up, and a port can be flooded from anywhere."""

REPORT_BYTES_PER_SECOND, REPORT_BYTES_AT_ONCE = 20_000.0, 60_000.0
"""Of one viewer's RTCP. A bad line takes a few hundred bytes a second; 20,000 of requests for lost packets name 85,000."""

SENSELESS = (struct.error, IndexError, ValueError, KeyError, TypeError, ArithmeticError)
"""What parsers raise."""

DATAGRAMS, DATA, REPORTS, PACKETS = "datagram_received", "data_received", "_handle_rtcp_data", "_handle_rtp_data"
HANDLE, RECEIVER = "_handle_rtcp_packet", "receiver"
_PATCHED = (
    (ice.StunProtocol, DATAGRAMS),
    (ice.Connection, DATA),
    (RTCDtlsTransport, REPORTS),
    (RTCDtlsTransport, PACKETS),
)
_originals: dict[str, Any] = {name: getattr(kind, name, None) for kind, name in _PATCHED}
_reports: WeakKeyDictionary[RTCDtlsTransport, Allowance] = WeakKeyDictionary()


def prepare() -> None:
    """Once per process; a second time changes nothing."""
    for (kind, name), own in zip(_PATCHED, (_datagram, _data, _take_reports, _take_packets), strict=True):
        if _originals[name] is not None and getattr(kind, name) is _originals[name]:
            setattr(kind, name, own)


def can_guard() -> bool:
    """Whether these releases have all that is guarded."""
    return all(_originals.values()) and "_queue" in ice.Connection.__init__.__code__.co_names


def bound_requests(sender: RTCRtpSender, allowance: Allowance | Repeats) -> None:
    """Of the packets that a viewer asks for again, those are looked for that `allowance` has left: one report may name five
    thousand, and each one is looked for in the loop that sends pictures to all."""
    handle = getattr(sender, HANDLE, None)
    if handle is None:
        return

    async def handle_some(packet: AnyRtcpPacket) -> None:
        if isinstance(packet, RtcpRtpfbPacket) and packet.fmt == RTCP_RTPFB_NACK:
            wanted = list(
                dict.fromkeys(sequence & 0xFFFF for sequence in packet.lost)
            )  # aiortc counts on behind the last
            packet.lost = wanted[: allowance.take_up_to(len(wanted))]
        await handle(packet)

    setattr(sender, HANDLE, handle_some)


def _datagram(protocol: Any, data: bytes, address: tuple[Any, ...]) -> None:
    if not 0 < len(data) <= DATAGRAM_BYTES:
        return
    try:
        if not taken(getattr(protocol, RECEIVER, None), data):
            _originals[DATAGRAMS](protocol, data, address)
    except SENSELESS as error:
        log.debug("a datagram that makes no sense", extra={"cause": type(error).__name__})


def _data(connection: Any, data: bytes, component: int) -> None:
    if connection._queue.qsize() < WAITING_DATAGRAMS:
        _originals[DATA](connection, data, component)


async def _take_reports(transport: RTCDtlsTransport, data: bytes) -> None:
    allowance = _reports.get(transport)
    if allowance is None:
        allowance = _reports[transport] = Allowance(REPORT_BYTES_PER_SECOND, REPORT_BYTES_AT_ONCE, time.monotonic)
    if allowance.take(len(data)):
        await _sensibly(_read_reports(transport, data))


async def _read_reports(transport: RTCDtlsTransport, data: bytes) -> None:
    if not told(transport, data):
        await _originals[REPORTS](transport, data)


async def _take_packets(transport: RTCDtlsTransport, data: bytes, arrival_time_ms: int) -> None:
    await _sensibly(_originals[PACKETS](transport, data, arrival_time_ms=arrival_time_ms))


async def _sensibly(taken: Awaitable[None]) -> None:
    """What makes no sense ends nothing. aiortc lets some of it through its parsers (a REMB that is too short), and the task
    that receives for this connection would end by it, with a traceback in the log."""
    try:
        await taken
    except SENSELESS as error:
        log.debug("what a viewer sent makes no sense", extra={"cause": type(error).__name__})
