"""What a viewer is told beside the media, on real connections."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

from aiortc.rtp import AnyRtcpPacket, RtcpByePacket, RtcpPacket, RtcpSdesPacket, RtcpSrPacket

from pi_cam.transport.rtp_packets import NTP_EPOCH
from tests import network
from tests.peer import WhepPeer
from tests.prerequisites import require
from tests.server import serving

SOURCE = "synthetic:?size=320x240&fps=15"
CAPTURED_SECONDS = 0.5
"""Before a report comes, at most: a picture's time, how long it takes, and a busy machine."""


class Told:
    """What comes by RTCP, with the second (since 1970) at which it came."""

    def __init__(self, peer: WhepPeer) -> None:
        self.compounds: list[tuple[float, list[AnyRtcpPacket]]] = []
        transport: Any = peer.connection.getReceivers()[0].transport
        handle = transport._handle_rtcp_data

        async def keep(data: bytes) -> None:
            self.compounds.append((time.time(), RtcpPacket.parse(data)))
            await handle(data)

        transport._handle_rtcp_data = keep

    def reports(self) -> list[tuple[float, RtcpSrPacket, RtcpSdesPacket]]:
        found = []
        for at, (first, *others) in self.compounds:
            if isinstance(first, RtcpSrPacket) and first.sender_info.packet_count:
                (description,) = others
                assert isinstance(description, RtcpSdesPacket)
                found.append((at, first, description))
        return found

    def left(self) -> set[int]:
        found = [one for _, packets in self.compounds for one in packets if isinstance(one, RtcpByePacket)]
        return {source for packet in found for source in packet.sources}


def test_reports_name_the_moment_of_capture_and_the_end_is_said(tmp_path: Path, sender: str) -> None:
    require(f"a network namespace ({network.problem()})", network.problem() is None)

    async def watch() -> None:
        async with WhepPeer(server, token, audio=False, decode=False) as peer:
            told = Told(peer)
            await peer.until(lambda: len(told.reports()) >= 3, 20)
            times = [packet.timestamp for packet in peer.packets]
            assert len({description.chunks[0].items[0] for _, _, description in told.reports()}) == 1, "one name"
            for at, report, description in told.reports():
                info = report.sender_info
                captured = info.ntp_timestamp / 2**32 - NTP_EPOCH
                assert 0 <= at - captured < CAPTURED_SECONDS
                assert info.rtp_timestamp in times, "of a picture that came"
                assert description.chunks[0].ssrc == report.ssrc
            counts = [report.sender_info.packet_count for _, report, _ in told.reports()]
            assert counts == sorted(counts)
            assert counts[-1] <= len(peer.packets)
            assert (await peer.leave()).status == 200
            await peer.until(lambda: report.ssrc in told.left())

    with serving(tmp_path, SOURCE, owner=True, environment={"PI_CAM_WEBRTC_SENDER": sender}) as server:
        token = server.token("view")
        asyncio.run(watch())
