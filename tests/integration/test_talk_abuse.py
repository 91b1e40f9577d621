"""What somebody who may talk can send, and that it harms nobody else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pi_cam.transport.webrtc_peer import CLOSE_SECONDS
from tests import network
from tests.peer import WhepPeer
from tests.prerequisites import require
from tests.server import Server, pi_cam, serving
from tests.talker import SILENT_OPUS, Talker
from tests.virtual_sound import VirtualSound

SOURCE = "synthetic:?size=320x240&fps=15"


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    require(f"a network namespace ({network.problem()})", network.problem() is None)
    folder = tmp_path_factory.mktemp("abuse")
    with serving(folder, SOURCE, owner=True, environment={"PI_CAM_LOUDSPEAKER": "none such"}) as server:
        yield server


def test_a_hundred_voices_on_one_connection_keep_no_right_alive(server: Server) -> None:
    async def run() -> None:
        pi_token = {name: server.token(can, name) for name, can in (("talker", "view,talk"), ("victim", "view,listen"))}
        talker = Talker(server, pi_token["talker"])
        await talker.start()
        for number in range(200):
            await talker.send(1000 + number, number)
        await asyncio.sleep(3)  # three receiver reports
        async with WhepPeer(server, pi_token["victim"], decode=False) as victim:
            await victim.until(lambda: len(victim.packets) > 3)
            for name in ("talker", "victim"):
                await asyncio.to_thread(pi_cam, "token", "revoke", name, "--data", server.data)
            await asyncio.sleep(4)
            before = len(victim.packets)
            await asyncio.sleep(1)
            assert len(victim.packets) == before
        await talker.close()

    asyncio.run(run())
    reader = server.token("view")
    deadline = time.monotonic() + 10
    while server.camera(reader)["viewers"]:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert "does not close" not in server.log.read_text()


def test_leaps_in_time_let_the_connection_end(server: Server) -> None:
    """Their jitter fits no report (RFC 3550, section 6.4.2)."""

    async def run() -> None:
        talker = Talker(server, server.token("view,talk", "talker"))
        await talker.start()
        for number in range(400):
            await talker.send(7, number, timestamp=(2**32 - 1) * (number % 2))
        await asyncio.sleep(2.5)  # two reports
        await talker.close()

    asyncio.run(run())
    reader = server.token("view")
    deadline = time.monotonic() + 10
    while server.camera(reader)["viewers"]:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    time.sleep(CLOSE_SECONDS + 1)
    assert "does not close" not in server.log.read_text()


def test_nonsense_for_sound_ends_no_picture(tmp_path: Path, sound: VirtualSound) -> None:
    """With a loudspeaker, so that all of it is taken up, and decoded where it looks like sound."""
    require(f"a network namespace ({network.problem()})", network.problem() is None)
    how = {**sound.environment, "PI_CAM_LOUDSPEAKER": "vspk"}

    async def run(server: Server) -> None:
        talker = Talker(server, server.token("view,talk", "talker"))
        await talker.start()
        async with WhepPeer(server, server.token("view", "viewer"), decode=False, audio=False) as viewer:
            await viewer.until(lambda: len(viewer.access_units()) > 3)
            assert (await talker.ask("talk", on=True))["on"] is True
            before, began = len(viewer.access_units()), time.monotonic()
            for number in range(300):
                payload = (b"", b"\xff" * 1100, bytes([number % 256]) * (number % 60), SILENT_OPUS)[number % 4]
                await talker.send(7 + number % 2, number * 37, payload, payload_type=(None, 0, 8, 111, 127)[number % 5])
                await asyncio.sleep(0.01)
            seconds = time.monotonic() - began
            assert len(viewer.access_units()) - before > 0.8 * 15 * seconds
            assert (await talker.ask("talk", on=False))["on"] is False
        await talker.close()

    with serving(tmp_path / "data", SOURCE, owner=True, environment=how) as server:
        asyncio.run(run(server))
        assert server.wait_for(server.token("view"), "live", "idle")
