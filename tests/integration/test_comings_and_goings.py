"""People come and go all day: what they took is given back."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from aiortc import RTCSessionDescription

from pi_cam.transport.viewers import Visitor
from tests import network
from tests.contract.application import Application, running
from tests.live_page import until
from tests.peer import WhepPeer
from tests.prerequisites import require
from tests.server import Server, serving

pytestmark = pytest.mark.timing

SOURCE = "synthetic:?size=320x240&fps=15"
CYCLES = {"shared": 200, "plain": 100}
"""Each takes a second. Growth is counted over the second half, when the first has filled what is filled once."""

GROWTH_BYTES = 2_000_000
"""Of an allocator that finds its places (half a megabyte over the fifty of the library's own sender); each connection that
stayed would cost some 200 kB."""

FEW = 3
"""Of the server's threads, each with its own way to the database, one more may have been needed meanwhile."""


def descriptors(server: Server) -> int:
    return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in server.processes())


async def come_and_go(server: Server, token: str, *, politely: bool) -> None:
    peer = WhepPeer(server, token, decode=False)
    answer = await peer.start()
    assert answer.status == 201, answer.body
    await peer.until(lambda: len(peer.packets) > 3, 20)
    if politely:
        await peer.leave()
    await peer.close()


@pytest.mark.timeout(900)
def test_viewers_by_the_hundred_leave_nothing_behind(tmp_path: Path, sender: str) -> None:
    require(f"a network namespace ({network.problem()})", network.problem() is None)
    found: list[tuple[int, int, int]] = []

    async def all_of_them(server: Server, token: str) -> None:
        """Somebody else watches all the time, so that the camera stays open."""
        async with WhepPeer(server, token, decode=False) as other:
            for number in range(CYCLES[sender]):
                await come_and_go(server, token, politely=number % 2 == 0)
                other.packets.clear()
                if number + 1 in (CYCLES[sender] // 2, CYCLES[sender]):
                    await asyncio.sleep(2)
                    found.append((server.own_bytes(), descriptors(server), server.threads()))

    with serving(tmp_path, SOURCE, owner=True, environment={"PI_CAM_WEBRTC_SENDER": sender}) as server:
        asyncio.run(all_of_them(server, server.token("view")))
    (memory, files, threads), (memory_after, files_after, threads_after) = found
    assert memory_after - memory < GROWTH_BYTES, found
    assert files_after <= files + FEW, found
    assert threads_after <= threads + FEW, found


async def tasks() -> int:
    return len(asyncio.all_tasks())


@pytest.mark.parametrize("ending", ["goodbye", "silence"])
def test_no_task_is_left_in_the_loop(tmp_path: Path, sender: str, ending: str) -> None:
    """Whether the camera closes the connection, or the other side does."""
    require(f"a network namespace ({network.problem()})", network.problem() is None)

    async def one(application: Application) -> None:
        here = application.services
        viewer = WhepPeer(server=None, token="", decode=False)  # type: ignore[arg-type]
        await viewer.prepare()
        offer = viewer.connection.localDescription.sdp
        hub, visitor = here.cameras.get("main").hub, Visitor("token far", "far", None)
        opening = here.door.open("main", hub, visitor, offer, lambda reason: None)
        peer, viewer.answer = await asyncio.to_thread(here.loop.call, opening, 10.0)
        await viewer.connection.setRemoteDescription(RTCSessionDescription(viewer.answer, "answer"))
        await viewer.until(lambda: len(viewer.packets) > 3, 20)
        if ending == "goodbye":
            await asyncio.to_thread(here.loop.call, peer.close("goodbye"))
        await viewer.close()
        await viewer.until(lambda: not here.door.viewers.all())

    async def several(application: Application) -> None:
        for _ in range(5):
            await one(application)

    with running(tmp_path, PI_CAM_WEBRTC_SENDER=sender) as application:
        assert application.services.door.senders.kind == sender
        loop = application.services.loop
        application.services.tokens.create(
            "far", frozenset({"view"}), None
        )  # who has no right is ended within a second
        before = loop.call(tasks())
        asyncio.run(several(application))
        until(lambda: loop.call(tasks()) <= before, 10, "of tasks")  # the last connection may be closing still
