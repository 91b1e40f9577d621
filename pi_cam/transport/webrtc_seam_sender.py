"""The inside of aiortc's senders, for a sender of our own: private names of aiortc, aioice and pylibsrtp. Where one is
missing `can_substitute` says so, and every viewer has aiortc's own.

Written against aiortc 1.16 (`rtcrtpsender.py`, `rtcdtlstransport.py`), aioice 0.13 (`ice.py`), pylibsrtp 1.0.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import socket
from collections.abc import Awaitable
from typing import Any, Protocol, cast

import pylibsrtp
from aioice import ice
from aiortc import RTCDtlsTransport, RTCIceTransport, RTCRtpSender
from aiortc.rtcrtpparameters import RTCRtpCodecParameters, RTCRtpSendParameters
from aiortc.rtp import AnyRtcpPacket, RtcpByePacket, RtcpRrPacket
from pylibsrtp import Session

from pi_cam.transport.webrtc_seam_feedback import report_of
from pi_cam.transport.webrtc_seam_reports import Reported, let_go, take_at_once

try:
    _binding: Any = importlib.import_module("pylibsrtp._binding")
except ImportError:  # another release
    _binding = None

ffi: Any = getattr(_binding, "ffi", None)
lib: Any = getattr(_binding, "lib", None)


class SealingError(Exception):
    """libsrtp refuses to encrypt: the keys are used up, or its state is not what it was."""


class Outlet:
    """The inside of a sender's connection, for who sends in aiortc's place. `context`: libsrtp's; `tag`: bytes that it adds
    to a packet."""

    def __init__(self, sender: RTCRtpSender, parameters: RTCRtpSendParameters) -> None:
        self.ssrc, self.rtx_ssrc = sender._ssrc, sender._rtx_ssrc
        self.parameters = parameters
        self._dtls = cast(Any, sender.transport)
        self._nominated: dict[int, Any] = self._dtls.transport._connection._nominated
        self._session = self._dtls._tx_srtp  # as long as its context is used
        self.context = self._session._srtp[0]
        self.tag = (
            16 if b"GCM" in self._dtls._ssl.get_selected_srtp_profile() else 10
        )  # RFC 7714, 13.2; RFC 5764, 4.1.2

    def pair(self) -> object:
        """That of the addresses now in use (another object whenever it changes); None when there is none."""
        return self._nominated.get(1)

    def way(self) -> tuple[socket.socket | None, tuple[Any, ...]]:
        """A socket of one's own, to be closed, and the other side's address; None through a relay."""
        pair = self._nominated.get(1)
        if pair is None:
            return None, ()
        own = pair.protocol.transport.get_extra_info("socket")
        return (own.dup() if own is not None else None), pair.remote_addr

    def pass_on(self, packet: bytes) -> None:
        """An encrypted packet, by aioice's own way."""
        pair = self._nominated.get(1)
        if pair is not None:
            pair.protocol.transport.sendto(packet, pair.remote_addr)

    def report(self, packet: bytes) -> None:
        """A plain report; nothing when it cannot be encrypted."""
        with contextlib.suppress(pylibsrtp.Error):
            self.pass_on(self._session.protect_rtcp(packet))

    async def send(self, packet: bytes) -> None:
        """A plain packet, encrypted by aiortc; nothing when libsrtp refuses, as it does a number that it has long passed.
        Raises `ConnectionError`."""
        with contextlib.suppress(pylibsrtp.Error):
            await self._dtls._send_rtp(packet)


class Substitute(Reported, Protocol):
    """Who sends in aiortc's place, and its own sender reports. All is called in the loop."""

    def begin(self, outlet: Outlet) -> None:
        """The connection is up."""

    def again(self, sequence: int) -> Awaitable[None]:
        """The viewer lacks a packet."""


def substitute(sender: RTCRtpSender, own: Substitute, ssrc: int) -> None:
    """Has `own` send in the place of `sender`, which only hears what is asked for, and says goodbye. Before anything is
    negotiated."""
    private: Any = sender
    private._ssrc = ssrc
    begin_sending, handle = sender.send, sender._handle_rtcp_packet
    negotiated: list[RTCRtpSendParameters] = []

    async def send(parameters: RTCRtpSendParameters) -> None:
        negotiated.append(parameters)
        await begin_sending(parameters)

    async def run(codec: RTCRtpCodecParameters) -> None:
        private._RTCRtpSender__rtp_started.set()
        try:
            take_at_once(sender.transport, ssrc, own)
            own.begin(Outlet(sender, negotiated[-1]))
            await asyncio.Event().wait()
        except asyncio.CancelledError:  # `stop` ends it so, and waits for the end
            pass
        finally:
            let_go(sender.transport, ssrc)
            private._RTCRtpSender__rtp_exited.set()

    async def heard(packet: AnyRtcpPacket) -> None:
        own.heard()
        found = report_of(packet, ssrc, own.departures)
        if found is not None:
            own.reported(found)
        elif not isinstance(packet, RtcpRrPacket):  # aiortc makes statistics of those, which nobody asks for
            await handle(packet)

    async def bid_farewell() -> None:
        """In the place of what sends reports: `own` does."""
        private._RTCRtpSender__rtcp_started.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        try:
            await private._send_rtcp([RtcpByePacket(sources=[private._ssrc])])
        finally:
            private._RTCRtpSender__rtcp_exited.set()

    private.send, private._run_rtp, private._handle_rtcp_packet, private._retransmit = send, run, heard, own.again
    private._run_rtcp = bid_farewell


def can_substitute() -> bool:
    """Whether `substitute` works with these releases."""
    names = RTCRtpSender.__init__.__code__.co_names
    return (
        ffi is not None
        and hasattr(lib, "srtp_protect")
        and all(
            hasattr(RTCRtpSender, name)
            for name in (
                *("_run_rtp", "_run_rtcp", "_send_rtcp"),
                *("_handle_rtcp_packet", "_retransmit", "_send_keyframe"),
            )
        )
        and all(
            name in names
            for name in (
                *("_ssrc", "_rtx_ssrc"),
                *("_RTCRtpSender__rtp_started", "_RTCRtpSender__rtp_exited"),
                *("_RTCRtpSender__rtcp_started", "_RTCRtpSender__rtcp_exited"),
            )
        )
        and all(name in RTCDtlsTransport.__init__.__code__.co_names for name in ("_tx_srtp", "_srtp_profiles"))
        and hasattr(RTCDtlsTransport, "_send_rtp")
        and "_nominated" in ice.Connection.__init__.__code__.co_names
        and "_connection" in RTCIceTransport.__init__.__code__.co_names
        and "_srtp" in Session.__init__.__code__.co_names
    )
