"""`pi-cam serve` as a person runs it: its first words, its end, its sockets, and what hostile clients cost."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from tests import network
from tests.live_page import LivePage, until
from tests.peer import WhepPeer
from tests.prerequisites import require
from tests.server import OWNER, PASSWORD, Server, pi_cam, serving

SOURCE = "synthetic:?size=160x120&fps=10"
QUICK = {"PI_CAM_GRACE_SECONDS": "0.2", "PI_CAM_CONNECT_SECONDS": "3"}
SOCKETS_MAX = 56


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server"), SOURCE, owner=True, environment=QUICK) as server:
        yield server


@pytest.fixture(scope="module")
def token(server: Server) -> str:
    return server.token("view,control")


@pytest.fixture
def lonely(tmp_path: Path) -> Iterator[Server]:
    """A server of the test's own."""
    with serving(tmp_path, SOURCE, owner=True, environment=QUICK) as server:
        yield server


def own_network() -> None:
    require(f"a network namespace ({network.problem()})", network.problem() is None)


async def watch(page: LivePage) -> RTCPeerConnection:
    """Offers to watch over a live page, as a browser does; the connection once it is up."""
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    connection.addTransceiver("video", "recvonly")
    await connection.setLocalDescription(await connection.createOffer())
    page.send("offer", id="1", sdp=connection.localDescription.sdp)
    answer = await asyncio.to_thread(page.next, "answer")
    assert answer["id"] == "1"
    await connection.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))
    deadline = time.monotonic() + 10
    while connection.connectionState != "connected":
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    return connection


# Its first words and its end


def test_ready_comes_first_and_the_setup_code_second(tmp_path: Path) -> None:
    with serving(tmp_path, SOURCE) as server:
        assert server.url.startswith("http://127.0.0.1:")
        assert server.setup_code is not None
        assert len(server.setup_code) == 9
        answer = server.request("GET", "/healthz")
        assert (answer.status, answer.json()) == (200, {"status": "ok"})
        assert answer.headers.get("Server") in (None, "gunicorn")


def test_a_port_that_is_taken_is_one_sentence(server: Server, tmp_path: Path) -> None:
    port = server.url.rpartition(":")[2]
    command = [sys.executable, "-m", "pi_cam.cli", "serve", "--data", str(tmp_path), "--port", port, "--source", SOURCE]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert f"Cannot listen on 127.0.0.1 port {port}" in line


def test_sigterm_tells_pages_and_viewers_and_ends_within_two_seconds(tmp_path: Path, sender: str) -> None:
    own_network()

    async def run(lonely: Server, token: str) -> None:
        with LivePage(lonely, token) as watching, LivePage(lonely, token) as idle:
            connection = await watch(watching)
            async with WhepPeer(lonely, token, decode=False) as viewer:
                await viewer.until(lambda: len(viewer.packets) > 3)
                began = time.monotonic()
                status = await asyncio.to_thread(lonely.stop)
                took = time.monotonic() - began
                assert status == 0
                assert took < 2, f"took {took:.1f} s"
                assert [page.wait_closed(1) for page in (watching, idle)] == [1001, 1001]
            await connection.close()

    with serving(tmp_path, SOURCE, owner=True, environment={**QUICK, "PI_CAM_WEBRTC_SENDER": sender}) as lonely:
        asyncio.run(run(lonely, lonely.token()))


def test_sigterm_does_not_wait_for_a_page_that_does_not_read(lonely: Server) -> None:
    with deaf_page(lonely, lonely.token()):
        began = time.monotonic()
        assert lonely.stop() == 0
        assert time.monotonic() - began < 2


def test_a_worker_that_dies_comes_back(tmp_path: Path) -> None:
    with serving(tmp_path, SOURCE, owner=True) as server:
        token = server.token()
        (worker,) = server.processes()[1:]
        os.kill(worker, signal.SIGKILL)
        until(lambda: server.processes()[1:] not in ([], [worker]), what="for a new worker")
        assert server.request("GET", "/healthz").status == 200
        assert server.camera(token)["state"] == "idle"
        with LivePage(server, token) as page:
            assert page.next()["type"] == "hello"


def test_stop_survives_a_restart_and_start_does_too(tmp_path: Path) -> None:
    with serving(tmp_path, SOURCE, owner=True) as server:
        token = server.token()
        assert server.request("POST", "/api/v1/cameras/main/stop", token=token).json()["state"] == "stopped"
    with serving(tmp_path, SOURCE, owner=True) as server:
        assert server.camera(token)["state"] == "stopped"
        assert server.request("GET", "/api/v1/cameras/main/snapshot.jpg", token=token).status == 409
        assert server.request("POST", "/api/v1/cameras/main/start", token=token).json()["state"] == "idle"
    with serving(tmp_path, SOURCE, owner=True) as server:
        assert server.camera(token)["state"] == "idle"
        jpeg = server.request("GET", "/api/v1/cameras/main/snapshot.jpg", token=token)
        assert (jpeg.status, jpeg.body[:2]) == (200, b"\xff\xd8")


# The first owner


def setup(server: Server, code: str | None, name: str = OWNER) -> int:
    form = f"code={code}&name={name}&password={PASSWORD.replace(' ', '+')}".encode()
    return server.request(
        "POST", "/setup", body=form, headers={"Content-Type": "application/x-www-form-urlencoded"}
    ).status


def test_the_code_makes_one_owner_and_guessing_it_is_slowed_down(tmp_path: Path) -> None:
    with serving(tmp_path, SOURCE) as server:
        assert [setup(server, "AAAA-AAAA") for _ in range(5)] == [403] * 5
        assert setup(server, server.setup_code) == 429
        time.sleep(1.1)
        assert setup(server, server.setup_code) == 302
        assert setup(server, server.setup_code, "Eve") == 409
        assert server.request("GET", "/setup").status == 409


def test_of_two_who_race_one_becomes_the_owner(tmp_path: Path) -> None:
    with serving(tmp_path, SOURCE) as server:
        statuses: list[int] = []
        pair = [
            threading.Thread(target=lambda name=name: statuses.append(setup(server, server.setup_code, name)))
            for name in ("Ada", "Eve")
        ]
        for thread in pair:
            thread.start()
        for thread in pair:
            thread.join()
        assert sorted(statuses) == [302, 409]


# The live WebSocket


def test_a_page_is_greeted_watches_and_knows_the_delay(server: Server, token: str) -> None:
    own_network()

    async def run() -> None:
        with LivePage(server, token) as page:
            assert page.subprotocol == "pi-cam.v1"
            hello = page.next()
            assert hello["type"] == "hello"
            assert hello["camera"] == server.camera(token)
            assert hello["can"] == ["view", "control"]
            connection = await watch(page)
            assert server.camera(token)["viewers"] == 1
            until(lambda: page.newest["state"]["camera"]["state"] == "live")

            def clock() -> dict[str, object]:
                page.send("clock", id="c", sent=12.5, delay_ms=150)
                answer = page.next("clock")
                assert (answer["id"], answer["sent"]) == ("c", 12.5)
                assert abs(answer["server"] - time.monotonic() * 1000) < 2_000
                return answer

            until(lambda: clock()["rtp"] is not None)
            assert server.camera(token)["delay_ms"] == 150
            await connection.close()
        until(lambda: server.camera(token)["viewers"] == 0)

    asyncio.run(run())


def test_a_second_offer_replaces_the_first(server: Server, token: str) -> None:
    own_network()

    async def run() -> None:
        with LivePage(server, token) as page:
            first = await watch(page)
            second = await watch(page)
            assert server.camera(token)["viewers"] == 1
            await first.close()
            page.send("bye")
            until(lambda: server.camera(token)["viewers"] == 0)
            assert page.is_open()
            await second.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("can", "camera", "code"), [(None, "main", 4401), ("control", "main", 4403), ("view", "nowhere", 4404)]
)
def test_who_may_not_is_told_by_the_close_code(server: Server, can: str | None, camera: str, code: int) -> None:
    with LivePage(server, server.token(can) if can else "pct_made-up", camera) as page:
        assert page.wait_closed() == code


def test_nobody_at_all_is_not_signed_in(server: Server) -> None:
    with LivePage(server, None) as page:
        assert page.wait_closed() == 4401


def test_a_stopped_camera_says_so_and_closes(server: Server, token: str) -> None:
    with LivePage(server, token) as open_before:
        open_before.next("hello")
        assert server.request("POST", "/api/v1/cameras/main/stop", token=token).status == 200
        try:
            with LivePage(server, token) as opened_after:
                for page in (open_before, opened_after):
                    assert page.next("state")["camera"]["state"] == "stopped"
                    assert page.wait_closed() == 4409
        finally:
            server.request("POST", "/api/v1/cameras/main/start", token=token)


def test_signing_out_ends_the_page(server: Server) -> None:
    body = json.dumps({"name": OWNER, "password": PASSWORD}).encode()
    answer = server.request("POST", "/api/v1/sessions", body=body, headers={"Content-Type": "application/json"})
    cookie = {"Cookie": answer.headers["Set-Cookie"].partition(";")[0]}
    with LivePage(server, None, headers=cookie) as page:
        page.next("hello")
        own = {**cookie, "X-Pi-Cam": "1"}
        assert server.request("DELETE", "/api/v1/sessions/current", headers=own).status == 204
        assert page.wait_closed() == 4401


@pytest.mark.parametrize("text", ["hello", "[" * 60_000, '{"v": 2, "type": "bye"}', b"\x00\x01"])
def test_what_is_not_a_message_closes_the_socket(server: Server, token: str, text: str | bytes) -> None:
    with LivePage(server, token) as page:
        page.next("hello")
        page.send_text(text)
        assert page.wait_closed() == 4400


def test_messages_of_a_megabyte_close_their_sockets_and_free_the_threads(server: Server, token: str) -> None:
    def visit() -> None:
        with LivePage(server, token) as page:
            page.next("hello")
            with contextlib.suppress(OSError):
                page.send_text("x" * 1_000_000)
            assert page.wait_closed() in (1009, 1006)

    visit()
    threads = settled_threads(server)
    for _ in range(SOCKETS_MAX):
        visit()
    until(lambda: server.threads() <= threads + 3, 3, "for the threads to end")


def test_a_flood_of_messages_closes_the_socket(server: Server, token: str) -> None:
    with LivePage(server, token) as page:
        with contextlib.suppress(OSError, Exception):
            for _ in range(300):
                page.send("bye")
        assert page.wait_closed() in (4429, 1006, 1005)


def test_silence_of_some_seconds_is_tolerated(server: Server, token: str) -> None:
    with LivePage(server, token) as page:
        page.next("hello")
        time.sleep(3)
        page.send("clock", id="1", sent=1)
        assert page.next("clock")["id"] == "1"


@contextlib.contextmanager
def deaf_page(server: Server, token: str) -> Iterator[socket.socket]:
    """A client that asks for a great deal and never reads: the camera's side of its socket is full."""
    host, port = server.url.removeprefix("http://").split(":")
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
        client.connect((host, int(port)))
        key = base64.b64encode(os.urandom(16)).decode()
        lines = (
            "GET /api/v1/cameras/main/live HTTP/1.1",
            f"Host: {host}:{port}",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {key}",
            f"Authorization: Bearer {token}",
        )
        client.sendall("\r\n".join([*lines, "", ""]).encode())
        client.recv(300)
        number = "7" * 4_000
        for _ in range(90):  # fewer than a flood; each answer carries the number back
            client.sendall(frame(f'{{"v": 1, "type": "clock", "id": "1", "sent": {number}}}'))
        yield client


def frame(text: str) -> bytes:
    """A masked text frame (RFC 6455, section 5.2); the mask is zero."""
    data = text.encode()
    return b"\x81\xfe" + len(data).to_bytes(2, "big") + bytes(4) + data


def settled_threads(server: Server) -> int:
    """The number of threads at rest: all of the pools have begun, none serves anybody."""
    counts = [0]
    deadline = time.monotonic() + 10
    while len(counts) < 15 or len(set(counts[-10:])) > 1:
        assert time.monotonic() < deadline, counts
        counts.append(server.threads())
        time.sleep(0.05)
    return counts[-1]


def test_a_page_that_never_reads_frees_its_threads(server: Server, token: str) -> None:
    with deaf_page(server, token), LivePage(server, token) as other:
        other.next("hello")
        assert busy_sockets(server) >= 2
        other.send("clock", id="1", sent=1)
        assert other.next("clock", seconds=3)["id"] == "1"
        until(lambda: busy_sockets(server) == 1, 8, "for the deaf page to be given up")


def busy_sockets(server: Server) -> int:
    """Connections that the server holds now."""
    port = f":{int(server.url.rpartition(':')[2]):04X}"
    rows = [line.split() for line in Path(f"/proc/{server.process.pid}/net/tcp").read_text().splitlines()[1:]]
    return sum(row[1].endswith(port) and row[3] == "01" for row in rows)


def test_of_seventy_pages_the_last_are_sent_away_and_plain_requests_still_answer(server: Server, token: str) -> None:
    with contextlib.ExitStack() as stack:
        pages = [stack.enter_context(LivePage(server, token)) for _ in range(70)]
        for page in pages[:SOCKETS_MAX]:
            assert page.next()["type"] == "hello"
        assert [page.wait_closed() for page in pages[SOCKETS_MAX:]] == [4429] * (70 - SOCKETS_MAX)
        began = time.monotonic()
        for _ in range(10):
            assert server.request("GET", "/healthz").status == 200
        assert server.camera(token)["id"] == "main"
        assert time.monotonic() - began < 2
        assert all(page.is_open() for page in pages[:SOCKETS_MAX])
    until(lambda: opens_again(server, token), 10, "for a place")


def opens_again(server: Server, token: str) -> bool:
    with LivePage(server, token) as page:
        try:
            return bool(page.next(seconds=2)["type"] == "hello")
        except AssertionError:
            return False


def test_twenty_visits_leave_no_thread_and_no_socket(server: Server, token: str) -> None:
    own_network()

    async def visit() -> None:
        with LivePage(server, token) as page:
            page.next("hello")
            connection = await watch(page)
            await connection.close()

    def open_files() -> int:
        return sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in server.processes())

    def at_rest() -> bool:
        camera = server.camera(token)
        return (camera["viewers"], camera["state"]) == (0, "idle")

    for _ in range(3):  # until the pools have all their threads
        asyncio.run(visit())
    until(at_rest)
    threads, files = settled_threads(server), open_files()
    for _ in range(20):
        asyncio.run(visit())
    until(at_rest)
    until(lambda: server.threads() <= threads + 8 and open_files() <= files, 10, "for threads and sockets")


def test_a_token_made_beside_the_running_server_counts_at_once_and_so_does_its_end(server: Server) -> None:
    token = server.token("view", name="a guest")
    assert server.request("GET", "/api/v1/cameras", token=token).status == 200
    pi_cam("token", "revoke", "--data", server.data, "a guest")
    assert server.request("GET", "/api/v1/cameras", token=token).status == 401


def test_no_secret_is_in_the_log(server: Server, token: str) -> None:
    server.request(
        "GET", "/api/v1/cameras", headers={"Authorization": "Basic canary-of-a-header", "Cookie": "sid=canary"}
    )
    text = server.log.read_text()
    assert "canary" not in text
    assert token not in text
    assert PASSWORD not in text


def test_it_answers_on_the_other_loopback_too(tmp_path: Path) -> None:
    with serving(tmp_path, "synthetic:", listen="::1") as server:
        assert server.url.startswith("http://[::1]:")
        assert server.request("GET", "/healthz").status == 200
        assert server.request("GET", "/setup", headers={"Host": "[::2]"}).status == 400
        assert server.request("GET", "/healthz", headers={"Host": "LOCALHOST"}).status == 200


def test_another_token_cannot_touch_a_whep_session(server: Server, token: str) -> None:
    async def run() -> None:
        async with WhepPeer(server, token, decode=False) as peer:
            await peer.until(lambda: len(peer.packets) > 5)
            stranger = server.token("view")
            fragment = {"Content-Type": "application/trickle-ice-sdpfrag"}
            body = b"a=mid:0\r\na=candidate:1 1 udp 1 192.0.2.7 9999 typ host\r\n"
            assert server.request("DELETE", peer.location, token=stranger).status == 404
            assert server.request("PATCH", peer.location, token=stranger, body=body, headers=fragment).status == 404
            assert server.request("PATCH", peer.location, token=token, body=body, headers=fragment).status == 204
            count = len(peer.packets)
            await peer.until(lambda: len(peer.packets) > count + 5)

    own_network()
    asyncio.run(run())


def test_stills_share_one_picture_and_little_memory(server: Server, token: str) -> None:
    before = server.pss_bytes()
    with ThreadPoolExecutor(20) as many:
        stills = [
            many.submit(server.request, "GET", "/api/v1/cameras/main/snapshot.jpg", token=token) for _ in range(100)
        ]
    assert all(still.result().status == 200 for still in stills)
    assert server.pss_bytes() - before < 40_000_000


def chunked(server: Server, token: str, size: int) -> int:
    """The status of a WHEP offer that is sent without a length."""
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as client:
        head = f"POST /whep/main HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {token}\r\n"
        client.sendall(f"{head}Content-Type: application/sdp\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        with contextlib.suppress(OSError):
            client.sendall(f"{size:x}\r\n".encode() + b"a" * size + b"\r\n0\r\n\r\n")
        return int(client.recv(300).split()[1])


def test_a_body_without_a_length_is_held_to_the_same_limit(server: Server, token: str) -> None:
    assert chunked(server, token, 100) == 422
    assert chunked(server, token, 64 * 1024 + 1) == 413
    assert chunked(server, token, 1_000_000) == 413


def test_no_header_moves_the_address(server: Server) -> None:
    for name, value in (("SCRIPT_NAME", "/zz"), ("SCRIPT_NAME", "/healthz"), ("X-Forwarded-Proto", "https")):
        answer = server.request("GET", "/healthz", headers={name: value})
        assert (answer.status, answer.json()) == (200, {"status": "ok"})


def test_many_guesses_at_once_are_slowed_down_too(lonely: Server) -> None:
    body = json.dumps({"name": OWNER, "password": "wrong"}).encode()
    kind = {"Content-Type": "application/json"}
    with ThreadPoolExecutor(24) as many:
        guesses = [many.submit(lonely.request, "POST", "/api/v1/sessions", body=body, headers=kind) for _ in range(24)]
    statuses = [guess.result().status for guess in guesses]
    assert statuses.count(401) == 5
    assert statuses.count(429) == 19


def test_a_bad_offer_does_not_open_the_camera(lonely: Server) -> None:
    token = lonely.token()
    kind = {"Content-Type": "application/sdp"}
    assert lonely.request("POST", "/whep/main", token=token, body=b"garbage", headers=kind).status == 422
    assert lonely.camera(token)["state"] == "idle"


def test_a_still_of_a_camera_in_trouble_says_what_is_wrong(tmp_path: Path) -> None:
    with serving(tmp_path, "rtsp://127.0.0.1:9/", owner=True) as server:
        began = time.monotonic()
        answer = server.request("GET", "/api/v1/cameras/main/snapshot.jpg", token=server.token())
        assert time.monotonic() - began < 3
        assert (answer.status, answer.json()["code"]) == (503, "unreachable")
        assert "refuses the connection" in answer.json()["detail"]


@pytest.mark.parametrize("how", ["token revoked", "owner set anew"])
def test_a_right_that_ends_ends_the_page_and_the_pictures_within_two_seconds(lonely: Server, how: str) -> None:
    own_network()
    token = lonely.token("view", "door")
    body = json.dumps({"name": OWNER, "password": PASSWORD}).encode()
    answer = lonely.request("POST", "/api/v1/sessions", body=body, headers={"Content-Type": "application/json"})
    cookie = {"Cookie": answer.headers["Set-Cookie"].partition(";")[0]}

    async def run() -> None:
        by_token = how == "token revoked"
        with LivePage(lonely, token if by_token else None, headers=None if by_token else cookie) as page:
            connection = await watch(page)
            async with WhepPeer(lonely, token, decode=False) as viewer:
                await viewer.until(lambda: len(viewer.packets) > 3)
                if by_token:
                    await asyncio.to_thread(pi_cam, "token", "revoke", "door", "--data", lonely.data)
                else:
                    command = ("owner", "set", "--name", OWNER, "--data", lonely.data)
                    await asyncio.to_thread(lambda: pi_cam(*command, stdin=PASSWORD + "\n"))
                began = time.monotonic()
                assert page.wait_closed(3) == 4401
                assert time.monotonic() - began < 2
                if by_token:
                    count = await settled(viewer)
                    await asyncio.sleep(0.5)
                    assert len(viewer.packets) == count
            await connection.close()

    asyncio.run(run())


async def settled(viewer: WhepPeer) -> int:
    """The number of packets two seconds from now."""
    await asyncio.sleep(2)
    return len(viewer.packets)
