"""WHEP against the running product, with real peer connections."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection

from tests import network
from tests.peer import SDP, WhepPeer
from tests.prerequisites import require
from tests.server import Server, serving


@pytest.fixture(scope="module", autouse=True)
def _own_network() -> None:
    require(f"a network namespace ({network.problem()})", network.problem() is None)


@pytest.fixture(scope="module")
def server(sender: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    environment = {"PI_CAM_GRACE_SECONDS": "0.5", "PI_CAM_VIEWERS_MAX": "4", "PI_CAM_CONNECT_SECONDS": "2"}
    environment["PI_CAM_WEBRTC_SENDER"] = sender
    with serving(tmp_path_factory.mktemp("whep"), "synthetic:?size=640x360&fps=30", environment=environment) as server:
        yield server


@pytest.fixture(scope="module")
def token(server: Server) -> str:
    return server.token("view,control")


def test_pictures_arrive_and_decode(server: Server, token: str) -> None:
    async def run() -> None:
        async with WhepPeer(server, token) as peer:
            await peer.until(lambda: len(peer.pictures) >= 30)
            assert (peer.pictures[-1].width, peer.pictures[-1].height) == (640, 360)
            assert "m=audio" in peer.answer
            assert "profile-level-id=42e01f" in peer.answer.split("a=rtpmap:")[1]
            assert server.camera(token)["viewers"] == 1
            assert (await peer.leave()).status == 200
        assert server.camera(token)["viewers"] == 0

    asyncio.run(run())


def test_first_picture_is_a_keyframe_with_parameter_sets(server: Server, token: str) -> None:
    async def run() -> None:
        async with WhepPeer(server, token, decode=False) as peer:
            await peer.until(lambda: len(peer.access_units()) >= 5)
            kinds = [unit[0] & 0x1F for unit in peer.access_units()[0]]
            assert kinds[:2] == [7, 8]
            assert 5 in kinds

    asyncio.run(run())


def test_second_viewer_of_a_running_camera_gets_a_keyframe_at_once(server: Server, token: str) -> None:
    async def run() -> None:
        async with WhepPeer(server, token) as first:
            await first.until(lambda: len(first.pictures) >= 10)
            started = time.monotonic()
            async with WhepPeer(server, token) as second:
                await second.until(lambda: len(second.pictures) >= 1)
                assert time.monotonic() - started < 1.5  # keyframes come every two seconds by themselves

    asyncio.run(run())


def test_picture_loss_indication_is_answered_by_a_keyframe(server: Server, token: str) -> None:
    async def run() -> None:
        async with WhepPeer(server, token) as peer:
            await peer.until(lambda: len(peer.pictures) >= 5)
            await asyncio.sleep(0.4)
            before, asked = len(peer.access_units()), time.monotonic()
            receiver = peer.connection.getReceivers()[0]
            source = next(iter(receiver._RTCRtpReceiver__remote_streams))  # type: ignore[attr-defined]
            await receiver._send_rtcp_pli(source)
            await peer.until(
                lambda: any(unit[0] & 0x1F == 5 for picture in peer.access_units()[before:] for unit in picture)
            )
            assert time.monotonic() - asked < 0.5

    asyncio.run(run())


def test_lost_packets_are_sent_again(server: Server, token: str) -> None:
    async def run() -> None:
        async with WhepPeer(server, token, lose=lambda number: number % 20 == 7) as peer:
            await peer.until(lambda: len(peer.pictures) >= 60, 15)

    asyncio.run(run())


def test_stop_ends_the_pictures_of_everybody_within_half_a_second(server: Server, token: str) -> None:
    async def run() -> None:
        async with WhepPeer(server, token) as one, WhepPeer(server, token) as two:
            for peer in (one, two):
                await peer.until(lambda peer=peer: len(peer.pictures) >= 5)  # type: ignore[misc]
            answer = await asyncio.to_thread(server.request, "POST", "/api/v1/cameras/main/stop", token=token)
            stopped = time.monotonic()
            assert answer.json()["state"] == "stopped"
            await asyncio.sleep(2)
            assert max(peer.packets[-1].at for peer in (one, two)) - stopped < 0.5
        again = WhepPeer(server, token)
        try:
            refused = await again.start()
            assert refused.status == 409
            assert refused.json()["code"] == "stopped"
            assert server.request("GET", "/api/v1/cameras/main/snapshot.jpg", token=token).status == 409
            assert server.request("POST", "/api/v1/cameras/main/start", token=token).json()["state"] == "idle"
        finally:
            await again.close()
        async with WhepPeer(server, token) as third:
            await third.until(lambda: len(third.pictures) >= 5)

    asyncio.run(run())


def test_privacy_ends_the_pictures_of_everybody_and_closes_the_camera(server: Server, token: str) -> None:
    configure = server.token("view,control,configure")

    def turn(on: bool) -> int:
        body, headers = json.dumps({"on": on}).encode(), {"Content-Type": "application/json"}
        return server.request("PUT", "/api/v1/privacy", token=configure, body=body, headers=headers).status

    async def run() -> None:
        async with WhepPeer(server, token) as one, WhepPeer(server, token) as two:
            for peer in (one, two):
                await peer.until(lambda peer=peer: len(peer.pictures) >= 5)  # type: ignore[misc]
            assert await asyncio.to_thread(turn, True) == 200
            ended = time.monotonic()
            await asyncio.sleep(2)
            assert max(peer.packets[-1].at for peer in (one, two)) - ended < 0.5
        again = WhepPeer(server, token)
        try:
            refused = await again.start()
            assert (refused.status, refused.json()["code"]) == (409, "privacy")
        finally:
            await again.close()
            assert await asyncio.to_thread(turn, False) == 200
        async with WhepPeer(server, token) as third:
            await third.until(lambda: len(third.pictures) >= 5)

    asyncio.run(run())


def test_viewer_cap(server: Server, token: str) -> None:
    async def run() -> None:
        peers = [WhepPeer(server, token, decode=False) for _ in range(4)]
        try:
            for peer in peers:
                assert (await peer.start()).status == 201
                await peer.until(lambda peer=peer: len(peer.packets) > 3)  # type: ignore[misc]  # it is connected
            one_more = WhepPeer(server, token)
            refused = await one_more.start()
            await one_more.close()
            assert refused.status == 503
            assert int(refused.headers["Retry-After"]) > 0
        finally:
            for peer in peers:
                await peer.close()

    asyncio.run(run())
    _wait_until_nobody_watches(server, token)


def test_half_open_offers_are_let_go(server: Server, token: str) -> None:
    async def offer() -> bytes:
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        connection.addTransceiver("video", "recvonly")
        await connection.setLocalDescription(await connection.createOffer())
        sdp: str = connection.localDescription.sdp
        await connection.close()
        return "\r\n".join(line for line in sdp.split("\r\n") if "candidate" not in line).encode()

    body = asyncio.run(offer())
    answers = [server.request("POST", "/whep/main", token=token, body=body, headers=SDP) for _ in range(3)]
    assert [answer.status for answer in answers] == [201, 201, 429], "half of four places"
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert server.camera(token)["viewers"] == 2
    _wait_until_nobody_watches(server, token, seconds=6)


def test_a_viewer_that_vanishes_is_forgotten_and_the_camera_closes(server: Server, token: str) -> None:
    async def run() -> None:
        async with WhepPeer(server, token) as peer:
            await peer.until(lambda: len(peer.pictures) >= 5)

    asyncio.run(run())
    _wait_until_nobody_watches(server, token)
    server.wait_for(token, "idle")
    # Nothing draws or encodes any more. A kernel that gives back idle memory makes single wakes dear: the calmest counts,
    # and what as many wakes cost a process that does nothing else is not the camera's.
    assert min(server.cpu_percent(2) - _cpu_percent_of_waking(2) for _ in range(5)) < 1


def _cpu_percent_of_waking(seconds: float) -> float:
    """Of a bare interpreter that wakes six times a second, as an idle camera's threads do together."""
    code = "import time\nwhile True: time.sleep(1 / 6)"
    with subprocess.Popen([sys.executable, "-S", "-c", code]) as process:
        spent = Path(f"/proc/{process.pid}/schedstat")
        time.sleep(0.3)
        before = int(spent.read_text("ascii").split()[0])
        time.sleep(seconds)
        used = int(spent.read_text("ascii").split()[0]) - before
        process.kill()
    return used / seconds / 1e7


def test_a_viewer_that_is_killed_is_let_go(server: Server, token: str) -> None:
    """Nothing says goodbye: its consent to receive runs out (RFC 7675), after half a minute."""
    viewer = subprocess.Popen([sys.executable, "-c", KILLED_VIEWER, server.url, token], stdout=subprocess.PIPE)
    try:
        assert viewer.stdout is not None
        assert viewer.stdout.readline() == b"watching\n"
        assert server.camera(token)["viewers"] == 1
        viewer.kill()
        viewer.wait()
        _wait_until_nobody_watches(server, token, seconds=45)
    finally:
        viewer.kill()
        viewer.wait()
        viewer.stdout.close()  # type: ignore[union-attr]


KILLED_VIEWER = """
import asyncio, pathlib, subprocess, sys
from tests.peer import WhepPeer
from tests.server import Server

async def watch():
    server = Server(sys.argv[1], None, pathlib.Path(), subprocess.Popen(["true"]), pathlib.Path())
    async with WhepPeer(server, sys.argv[2], decode=False) as peer:
        await peer.until(lambda: len(peer.packets) > 10)
        print("watching", flush=True)
        await asyncio.sleep(600)

asyncio.run(watch())
"""


def _wait_until_nobody_watches(server: Server, token: str, seconds: float = 8) -> None:
    deadline = time.monotonic() + seconds
    while server.camera(token)["viewers"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_beep_and_flash_come_together(server: Server) -> None:
    listener = server.token("view,listen")

    async def run() -> tuple[list[float], list[float]]:
        flashes: list[float] = []
        async with WhepPeer(server, listener) as peer:
            await peer.until(lambda: len(peer.pictures) > 30 and len(peer.sound) > 50)
            peer.sound.clear()
            began = time.monotonic()
            seen = len(peer.pictures)
            bright = False
            while time.monotonic() - began < 4:
                await asyncio.sleep(0.005)
                while seen < len(peer.pictures):
                    white = _is_flash(peer.pictures[seen])
                    if white and not bright:
                        flashes.append(time.monotonic())
                    bright, seen = white, seen + 1
            return flashes, _beeps(peer.sound)

    flashes, beeps = asyncio.run(run())
    assert len(flashes) >= 3
    assert all(min(abs(beep - flash) for beep in beeps) < 0.15 for flash in flashes[:-1]), (flashes, beeps)


def test_without_the_right_to_listen_there_is_silence(server: Server, token: str) -> None:
    async def run() -> None:
        async with WhepPeer(server, token) as peer:
            await peer.until(lambda: len(peer.pictures) > 30)
            assert "m=audio" in peer.answer
            assert peer.sound == []

    asyncio.run(run())


@pytest.mark.parametrize("direction", ["inactive", "sendonly"])
def test_for_who_does_not_want_to_hear_no_sound_is_brought(server: Server, direction: str) -> None:
    async def run() -> None:
        async with WhepPeer(server, server.token("view,listen"), audio_direction=direction) as peer:
            await peer.until(lambda: len(peer.pictures) > 10)
            assert _listeners(server) == 0

    asyncio.run(run())


@pytest.mark.parametrize("codec", ["audio/pcmu", "audio/pcma", "audio/g722"])
def test_who_speaks_no_opus_still_sees(server: Server, codec: str) -> None:
    async def run() -> None:
        async with WhepPeer(server, server.token("view,listen"), audio_codec=codec) as peer:
            await peer.until(lambda: len(peer.pictures) > 10)
            assert "a=inactive" in peer.answer.partition("m=audio")[2].partition("m=")[0]
            assert _listeners(server) == 0

    asyncio.run(run())


def _listeners(server: Server) -> int:
    return int(server.request("GET", "/api/v1/audio", token=server.token("configure")).json()["listeners"])


def _is_keyframe(picture: list[bytes]) -> bool:
    return any(unit[0] & 0x1F == 5 for unit in picture)


def _is_flash(picture: av.VideoFrame) -> bool:
    luma = picture.to_ndarray(format="gray")
    side = picture.height // 6
    return bool(luma[side + 4 : 2 * side - 4, -2 * side + 4 : -side - 4].mean() > 200)


def _beeps(sound: list[tuple[float, av.AudioFrame]]) -> list[float]:
    """When a loud block follows a quiet one."""
    found, loud = [], True
    for at, block in sound:
        now = bool(np.abs(block.to_ndarray().astype(float)).mean() > 1000)
        if now and not loud:
            found.append(at)
        loud = now
    return found
