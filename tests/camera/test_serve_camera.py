"""`pi-cam serve --source camera:` with the real picamera2, watched by WebRTC: which pictures arrive, and in which order."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import network
from tests.camera.pictures import COUNT, HEIGHT, WIDTH, correlation, picture, read_number
from tests.camera.watcher import luma_of
from tests.peer import WhepPeer
from tests.prerequisites import require
from tests.server import Server, serving

SITE = Path(__file__).parent / "site"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    require(f"a network namespace ({network.problem()})", network.problem() is None)
    environment = {"PI_CAM_GRACE_SECONDS": "0.5", "PYTHONPATH": f"{SITE}:{os.environ['PYTHONPATH']}"}
    source = "camera:?id=Virtual0&bitrate=4000000"
    with serving(tmp_path_factory.mktemp("camera"), source, environment=environment) as server:
        yield server


@pytest.fixture(scope="module")
def token(server: Server) -> str:
    return server.token("view,control")


def test_the_known_pictures_arrive_in_order(server: Server, token: str) -> None:
    async def run() -> None:
        async with WhepPeer(server, token) as peer:
            await peer.until(lambda: len(peer.pictures) >= 120, seconds=30)
            camera = server.camera(token)
            assert (camera["state"], camera["width"], camera["height"]) == ("live", WIDTH, HEIGHT)
            assert (await peer.leave()).status == 200
        lumas = [luma_of(frame) for frame in peer.pictures]
        numbers = [read_number(luma) for luma in lumas]
        known = [number for number in numbers if number is not None]
        assert len(known) == len(lumas)
        # A picture may be lost on a busy machine, four of the same never.
        assert {(after - before) % COUNT for before, after in itertools.pairwise(known)} == {0, 1}
        likeness = [correlation(luma, picture(number)) for luma, number in zip(lumas, known, strict=True)]
        assert min(likeness) >= 0.95

    asyncio.run(run())
    server.wait_for(token, "idle", seconds=4)


def test_it_opens_again_and_stops_at_once(server: Server, token: str) -> None:
    async def run() -> None:
        async with WhepPeer(server, token, decode=False) as peer:
            await peer.until(lambda: len(peer.access_units()) >= 5)
            kinds = [unit[0] & 0x1F for unit in peer.access_units()[0]]
            assert kinds[:2] == [7, 8]
            assert 5 in kinds
            answer = await asyncio.to_thread(server.request, "POST", "/api/v1/cameras/main/stop", token=token)
            assert answer.status in {200, 204}
            await asyncio.sleep(0.5)
            stopped = len(peer.packets)
            await asyncio.sleep(0.5)
            assert len(peer.packets) == stopped

    asyncio.run(run())
    assert server.camera(token)["state"] == "stopped"
