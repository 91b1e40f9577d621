"""Reports are taken when they come, where they come."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace
from typing import Any, cast

import pylibsrtp
import pytest
from aiortc.rtcrtpparameters import RTCRtpSendParameters
from aiortc.rtp import RTCP_PSFB_PLI, RtcpPsfbPacket, RtcpReceiverInfo, RtcpRrPacket
from pylibsrtp import Policy, Session

from pi_cam.path_estimate import Report
from pi_cam.transport import webrtc_seam_guard
from pi_cam.transport import webrtc_seam_reports as reports
from pi_cam.transport.receiver_reports import Departures
from pi_cam.transport.webrtc_seam_sender import Outlet

OURS, SOUND, OTHER = 4711, 4712, 4713
LOSS = Report(loss=0.25)


def session(kind: int) -> Session:
    return Session(Policy(key=bytes(28), ssrc_type=kind, srtp_profile=Policy.SRTP_PROFILE_AEAD_AES_128_GCM))


class Stream:
    """As `Reported`."""

    def __init__(self) -> None:
        self.departures = Departures()
        self.times = 0
        self.said: list[Report] = []

    def heard(self) -> None:
        self.times += 1

    def reported(self, report: Report) -> None:
        self.said.append(report)


class Transport:
    """As the library's, and as guarded: what is not told is read by it."""

    def __init__(self) -> None:
        self._rx_srtp = session(Policy.SSRC_ANY_INBOUND)
        self.transport = SimpleNamespace(_connection=SimpleNamespace())
        self.read: list[bytes] = []
        self.fault: Exception | None = None
        self.waits = False

    async def _handle_rtcp_data(self, data: bytes) -> None:
        if self.waits:
            await asyncio.sleep(0)
        if self.fault is not None:
            raise self.fault
        if not reports.told(self, data):  # type: ignore[arg-type]
            self.read.append(data)


class Line:
    """A viewer, whose pictures and sound are reported of."""

    def __init__(self) -> None:
        self.transport = cast(Any, Transport())
        self.pictures, self.sound = Stream(), Stream()
        self._far = session(Policy.SSRC_ANY_OUTBOUND)
        reports.take_at_once(self.transport, OURS, self.pictures)
        reports.take_at_once(self.transport, SOUND, self.sound)

    def sealed(self, packet: object) -> bytes:
        return self._far.protect_rtcp(bytes(packet))  # type: ignore[call-overload]

    def comes(self, data: bytes) -> bool:
        return reports.taken(self.transport.transport._connection, data)


def arrived(*ssrcs: int) -> RtcpRrPacket:
    return RtcpRrPacket(ssrc=1, reports=[RtcpReceiverInfo(ssrc, 64, 3, 9, 1, 0, 0) for ssrc in ssrcs])


def test_these_releases_let_us_take_them() -> None:
    assert reports.can_take()


def test_each_stream_is_told_what_is_said_of_it() -> None:
    line = Line()
    assert line.comes(line.sealed(arrived(OURS, OTHER, SOUND)))
    assert line.comes(line.sealed(arrived(SOUND)))
    assert (line.pictures.times, line.pictures.said) == (1, [LOSS])
    assert (line.sound.times, line.sound.said) == (2, [LOSS, Report(loss=0.25, packets=0)])
    assert line.transport.read == []


def test_they_are_taken_where_datagrams_come() -> None:
    line, address = Line(), ("192.0.2.1", 9)
    protocol = SimpleNamespace(receiver=line.transport.transport._connection)
    webrtc_seam_guard._datagram(protocol, line.sealed(arrived(OURS)), address)
    assert line.pictures.said == [LOSS]


def test_the_library_reads_what_asks_for_something() -> None:
    line = Line()
    wish = RtcpPsfbPacket(RTCP_PSFB_PLI, 1, OURS)
    assert line.comes(line.sealed(wish))
    assert line.transport.read == [bytes(wish)]
    assert line.pictures.times == 0


@pytest.mark.parametrize("first", [0, 20, 64, 126, 127, 192, 255])
def test_what_is_no_report_is_for_the_library(first: int) -> None:
    line = Line()
    assert not line.comes(bytes([first, 201]) + bytes(40))
    assert not line.comes(bytes([0x80, 96]) + bytes(40)), "media"
    assert not line.comes(b"\x80")


def test_what_is_forged_or_comes_twice_is_heard_by_nobody() -> None:
    line = Line()
    sealed = line.sealed(arrived(OURS))
    assert line.comes(bytes(arrived(OURS)))
    assert line.comes(sealed[:-1] + bytes([sealed[-1] ^ 1]))
    assert line.comes(b"\x81\xc9")
    assert line.pictures.times == 0
    assert line.comes(sealed)
    assert line.comes(sealed)
    assert line.pictures.times == 1


def test_a_stream_that_ended_hears_nothing() -> None:
    line = Line()
    reports.let_go(line.transport, OURS)
    reports.let_go(line.transport, OURS)
    assert line.comes(line.sealed(arrived(OURS)))
    assert line.pictures.times == 0


@pytest.mark.parametrize("fault", [ConnectionError("closed"), pylibsrtp.Error("replay check failed")])
def test_what_a_handler_runs_into_ends_nothing(fault: Exception) -> None:
    line = Line()
    line.transport.fault = fault
    assert line.comes(line.sealed(arrived(OURS)))
    line.transport.fault = None
    assert line.comes(line.sealed(arrived(OURS)))
    assert line.pictures.said == [LOSS]


def test_a_connection_that_is_over_takes_nothing() -> None:
    line = Line()
    connection, data = line.transport.transport._connection, line.sealed(arrived(OURS))
    line.transport = None
    assert not reports.taken(connection, data)
    assert not reports.taken(SimpleNamespace(), data), "nor one that was never begun"
    assert not reports.taken(None, data)


def test_a_number_that_is_long_passed_ends_no_request() -> None:
    """As who negotiated no retransmission asks for one."""

    async def refuse(packet: bytes) -> None:
        raise pylibsrtp.Error("replay check failed (index too old)")

    tls = SimpleNamespace(get_selected_srtp_profile=lambda: b"SRTP_AEAD_AES_128_GCM")
    transport = SimpleNamespace(
        transport=SimpleNamespace(_connection=SimpleNamespace(_nominated={})),
        _tx_srtp=session(Policy.SSRC_ANY_OUTBOUND),
        _ssl=tls,
        _send_rtp=refuse,
    )
    sender: Any = SimpleNamespace(_ssrc=1, _rtx_ssrc=2, transport=transport)
    outlet = Outlet(sender, RTCRtpSendParameters())
    asyncio.run(outlet.send(bytes(20)))
    outlet.report(b"too short")


def test_where_the_library_waits_reports_go_its_way(caplog: pytest.LogCaptureFixture) -> None:
    line = Line()
    line.transport.waits = True

    async def story() -> None:
        with caplog.at_level(logging.WARNING):
            assert line.comes(line.sealed(arrived(OURS)))
        assert not line.comes(line.sealed(arrived(OURS)))

    asyncio.run(story())
    assert "go the library's way" in caplog.text
