"""What a real connection is protected with, whatever the other side would rather have."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from pi_cam.transport.webrtc_ciphers import COUNTER, GCM, accelerates_aes, processor
from tests import network
from tests.peer import WhepPeer
from tests.prerequisites import require
from tests.server import Server, serving

SOURCE = "synthetic:?size=320x240&fps=15"


async def negotiated(server: Server) -> bytes:
    """The test's own library would take AES-256. Pictures must come by what was chosen."""
    async with WhepPeer(server, server.token("view")) as peer:
        await peer.until(lambda: len(peer.pictures) >= 3)
        transport: Any = peer.connection.getReceivers()[0].transport
        assert "a=setup:passive" in peer.answer
        found: bytes = transport._ssl.get_selected_srtp_profile()
        return found


@pytest.mark.parametrize("module", ["pi_cam.cli", "tests.old_processor"])
def test_it_is_what_this_processor_does_fastest(tmp_path: Path, module: str, sender: str) -> None:
    require(f"a network namespace ({network.problem()})", network.problem() is None)
    fast = module == "pi_cam.cli" and accelerates_aes(processor())
    environment = {"PI_CAM_WEBRTC_SENDER": sender}
    with serving(tmp_path, SOURCE, owner=True, module=module, environment=environment) as server:
        assert asyncio.run(negotiated(server)) == (GCM if fast else COUNTER)
