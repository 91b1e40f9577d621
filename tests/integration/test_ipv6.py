"""Pictures where there is no IPv4 between the two."""

from __future__ import annotations

import asyncio
import ipaddress
from pathlib import Path
from typing import Any

from aiortc import RTCSessionDescription

from tests import network
from tests.peer import SDP, WhepPeer
from tests.prerequisites import require
from tests.server import Server, serving


def only_ipv6(description: str) -> str:
    """The candidates of the other family are gone."""
    kept = [line for line in description.split("\r\n") if not line.startswith("a=candidate") or ":" in line.split()[4]]
    assert any(line.startswith("a=candidate") for line in kept), "this machine has no address of IPv6"
    return "\r\n".join(kept)


async def watch(server: Server, token: str) -> tuple[Any, Any, int]:
    """The pair of addresses that was used, and the pictures that came by it, of which nearly all have packets sent again."""
    peer = WhepPeer(server, token, lose=lambda number: number % 20 == 7)
    await peer.prepare()
    offer = only_ipv6(peer.connection.localDescription.sdp)
    answer = await asyncio.to_thread(
        server.request, "POST", "/whep/main", token=token, body=offer.encode(), headers=SDP
    )
    assert answer.status == 201, answer.body
    peer.answer = only_ipv6(answer.body.decode())
    await peer.connection.setRemoteDescription(RTCSessionDescription(peer.answer, "answer"))
    await peer.until(lambda: len(peer.pictures) >= 60, 20)
    transport: Any = peer.connection.getReceivers()[0].transport.transport
    pair = transport._connection._nominated[1]
    pictures = len(peer.pictures)
    await peer.close()
    return pair.local_candidate, pair.remote_candidate, pictures


def test_pictures_come_by_ipv6(tmp_path: Path, sender: str) -> None:
    require(f"a network namespace ({network.problem()})", network.problem() is None)
    source, environment = "synthetic:?size=640x360&fps=15", {"PI_CAM_WEBRTC_SENDER": sender}
    with serving(tmp_path, source, owner=True, environment=environment) as server:
        ours, theirs, pictures = asyncio.run(watch(server, server.token("view")))
    assert pictures >= 60
    assert ipaddress.ip_address(ours.host).version == ipaddress.ip_address(theirs.host).version == 6
