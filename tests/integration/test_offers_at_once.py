"""An offer is answered at once, whatever candidates are in it, and the connection comes about without any."""

from __future__ import annotations

import asyncio
import re
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from aiortc import RTCSessionDescription

from tests import network
from tests.peer import SDP, WhepPeer
from tests.prerequisites import require
from tests.server import Server, serving

pytestmark = pytest.mark.timing

ANSWER_SECONDS = 0.5
"""The library would try to look a `.local` name up for a second."""

TIMES = 3


def hidden(offer: str) -> str:
    """As browsers hide their addresses (draft-ietf-mmusic-mdns-ice-candidates), and nobody here answers for such names."""
    name = "9b36eaac-bb2e-49bb-bb78-21c41c499900.local"
    return re.sub(r"^(a=candidate:\S+ \d udp \d+) \S+", rf"\1 {name}", offer, flags=re.MULTILINE)


def without(offer: str) -> str:
    """As it is before a browser has gathered any."""
    return re.sub(r"^a=(candidate:.*|end-of-candidates)\r\n", "", offer, flags=re.MULTILINE)


async def watch(server: Server, token: str, change: Callable[[str], str]) -> float:
    """Seconds until the answer."""
    peer = WhepPeer(server, token, decode=False)
    await peer.prepare()
    offer = peer.connection.localDescription.sdp
    changed = change(offer)
    assert changed != offer
    began = time.monotonic()
    answer = await asyncio.to_thread(
        server.request, "POST", "/whep/main", token=token, body=changed.encode(), headers=SDP
    )
    took = time.monotonic() - began
    assert answer.status == 201, answer.body
    peer.answer = answer.body.decode()
    await peer.connection.setRemoteDescription(RTCSessionDescription(peer.answer, "answer"))
    await peer.until(lambda: len(peer.packets) > 3)
    await peer.close()
    return took


@pytest.mark.parametrize("change", [hidden, without])
def test_nothing_is_waited_for(tmp_path: Path, sender: str, change: Callable[[str], str]) -> None:
    require(f"a network namespace ({network.problem()})", network.problem() is None)

    async def times(server: Server, token: str) -> list[float]:
        return [await watch(server, token, change) for _ in range(TIMES)]

    source, environment = "synthetic:?size=320x240&fps=15", {"PI_CAM_WEBRTC_SENDER": sender}
    with serving(tmp_path, source, owner=True, environment=environment) as server:
        found = asyncio.run(times(server, server.token("view")))
    assert statistics.median(found) < ANSWER_SECONDS, found
