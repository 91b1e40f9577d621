"""Cameras that are added while the product runs: their addresses, their passwords, and how little they touch each other."""

from __future__ import annotations

import asyncio
import base64
import json
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.camera_host import ADDRESS, camera_host
from tests.clips import real_clip
from tests.live_page import LivePage, until
from tests.peer import WhepPeer
from tests.rtsp_camera import RtspServer, rtsp
from tests.server import Answer, Server, serving

SOURCE = "synthetic:?size=160x120&fps=10"
NAME, PASSWORD = "viewer", "sesame-s3cret"
QUICK = {"PI_CAM_GRACE_SECONDS": "0.2"}
EVERYTHING = "view,listen,control,configure"


@pytest.fixture(scope="module")
def camera() -> Iterator[RtspServer]:
    with (
        camera_host() as within,
        rtsp(real_clip(), "--user", NAME, "--password", PASSWORD, within=within, address=ADDRESS) as camera,
    ):
        yield camera


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path, SOURCE, owner=True, environment=QUICK) as server:
        yield server


def tell(server: Server, token: str, method: str, path: str, **fields: Any) -> Answer:
    body = json.dumps(fields).encode()
    return server.request(method, path, token=token, body=body, headers={"Content-Type": "application/json"})


def add(server: Server, token: str, name: str, address: str, **fields: Any) -> Answer:
    return tell(server, token, "POST", "/api/v1/cameras", name=name, address=address, **fields)


def try_out(server: Server, token: str, address: str, allow_lan: bool = True) -> dict[str, Any]:
    answer = tell(server, token, "POST", "/api/v1/cameras/check", address=address, allow_lan=allow_lan)
    assert answer.status == 200, answer.body
    report: dict[str, Any] = answer.json()
    return report


def test_an_added_camera_is_watched_and_its_password_is_nowhere(server: Server, camera: RtspServer) -> None:
    token = server.token(EVERYTHING)
    answer = add(server, token, "Hen house", camera.url(f"{NAME}:{PASSWORD}@"), allow_lan=True)
    assert (answer.status, answer.json()["id"], answer.json()["name"]) == (201, "hen-house", "Hen house")

    async def run() -> None:
        async with WhepPeer(server, token, camera="hen-house", decode=False) as viewer:
            await viewer.until(lambda: len(viewer.packets) > 20)

    asyncio.run(run())
    still = server.request("GET", "/api/v1/cameras/hen-house/snapshot.jpg", token=token)
    assert still.body[:2] == b"\xff\xd8"
    listed = server.request("GET", "/api/v1/cameras", token=token)
    assert [one["id"] for one in listed.json()["cameras"]] == ["main", "hen-house"]
    kept = b"".join(path.read_bytes() for path in server.data.iterdir() if path.is_file())
    for text in (answer.body, listed.body, kept):
        assert PASSWORD.encode() not in text
        assert base64.b64encode(PASSWORD.encode()) not in text


def test_it_is_there_again_after_a_restart(tmp_path: Path, camera: RtspServer) -> None:
    with serving(tmp_path, SOURCE, owner=True) as server:
        token = server.token(EVERYTHING)
        add(server, token, "Door", camera.url(f"{NAME}:{PASSWORD}@"), allow_lan=True)
        assert tell(server, token, "PUT", "/api/v1/cameras", cameras=["door", "main"]).status == 204
        assert tell(server, token, "PATCH", "/api/v1/cameras/main", name="Kitchen").status == 200
        assert server.request("POST", "/api/v1/cameras/door/stop", token=token).status == 200
    with serving(tmp_path, SOURCE, owner=True) as server:
        cameras = server.request("GET", "/api/v1/cameras", token=token).json()["cameras"]
        assert [(one["id"], one["name"], one["state"]) for one in cameras] == [
            ("door", "Door", "stopped"),
            ("main", "Kitchen", "idle"),
        ]
        assert server.request("POST", "/api/v1/cameras/door/start", token=token).status == 200
        assert server.request("GET", "/api/v1/cameras/door/snapshot.jpg", token=token).status == 200


def test_trying_an_address_says_what_is_there_and_shows_it(server: Server, camera: RtspServer) -> None:
    token = server.token(EVERYTHING)
    report = try_out(server, token, camera.url(f"{NAME}:{PASSWORD}@"))
    still = report.pop("still")
    assert report.pop("fps") == pytest.approx(25, abs=6)
    assert report == {
        "verdict": "works",
        "trouble": None,
        "sends": "h264",
        "transcoded": False,
        "width": 1280,
        "height": 720,
    }
    assert base64.b64decode(still.removeprefix("data:image/jpeg;base64,"))[:2] == b"\xff\xd8"
    assert PASSWORD not in str(report)


def test_trying_an_address_says_what_is_wrong(server: Server, camera: RtspServer) -> None:
    token = server.token(EVERYTHING)
    wrong = {
        camera.url(f"{NAME}:wrong@"): ("forbidden", "password"),
        f"rtsp://{ADDRESS}:9/": ("unreachable", "refuses the connection"),
        "rtsp://nowhere.invalid/": ("unreachable", "no host"),
        camera.url(f"{NAME}:{PASSWORD}@") + "/nothing": ("unreachable", "no stream at this path"),
    }
    for address, (verdict, words) in wrong.items():
        report = try_out(server, token, address)
        assert (report["verdict"], report["still"]) == (verdict, None), report
        assert words in report["trouble"]
    until(lambda: server.threads() < 40, 5, "for the threads of the trials to end")


LOOPBACK = ["127.0.0.1", "[::1]", "localhost", "127.1", "0.0.0.0", "169.254.169.254", "[::ffff:127.0.0.1]", "10.99.0.1"]


@pytest.mark.parametrize("host", LOOPBACK)
def test_no_address_leads_to_this_machine_or_its_links(server: Server, host: str) -> None:
    token = server.token(EVERYTHING)
    address = f"rtsp://{host}:554/"
    answer = tell(server, token, "POST", "/api/v1/cameras/check", address=address, allow_lan=True)
    if host in ("localhost", "10.99.0.1"):  # a name, and an own address, are seen through when they are opened
        assert (answer.status, answer.json()["verdict"]) == (200, "unreachable")
        assert "cannot be at" in answer.json()["trouble"]
    else:
        assert answer.status == 422
        assert add(server, token, "Door", address, allow_lan=True).status == 422


def test_a_private_network_takes_the_owners_tick(server: Server, camera: RtspServer) -> None:
    token = server.token(EVERYTHING)
    address = camera.url(f"{NAME}:{PASSWORD}@")
    refused = tell(server, token, "POST", "/api/v1/cameras/check", address=address, allow_lan=False)
    assert refused.status == 422
    assert "private network" in refused.json()["detail"]
    assert add(server, token, "Door", address).status == 422
    assert add(server, token, "Door", address, allow_lan=True).status == 201
    assert tell(server, token, "PATCH", "/api/v1/cameras/door", allow_lan=False).status == 200
    answer = server.request("GET", "/api/v1/cameras/door/snapshot.jpg", token=token)
    assert answer.status == 503
    assert "private network" in answer.json()["detail"]
    assert tell(server, token, "PATCH", "/api/v1/cameras/door", allow_lan=True).status == 200
    assert server.request("GET", "/api/v1/cameras/door/snapshot.jpg", token=token).status == 200


def test_an_old_token_does_not_open_a_new_camera_of_the_same_name(server: Server) -> None:
    token = server.token(EVERYTHING)
    add(server, token, "Garden", "rtsp://camera.invalid/")
    made = tell(server, token, "POST", "/api/v1/tokens", name="old", can=["view"], cameras=["garden"]).json()["token"]
    assert server.request("GET", "/api/v1/cameras/garden", token=made).status == 200
    assert server.request("DELETE", "/api/v1/cameras/garden", token=token).status == 204
    assert add(server, token, "Garden", "rtsp://camera.invalid/").json()["id"] == "garden-2"
    assert server.request("GET", "/api/v1/cameras/garden-2", token=made).status == 403
    assert server.request("GET", "/api/v1/cameras", token=made).json()["cameras"] == []


def test_two_changes_at_once_are_both_kept(server: Server) -> None:
    token = server.token(EVERYTHING)
    add(server, token, "Door", "rtsp://camera.invalid/0", allow_lan=True)
    with ThreadPoolExecutor(2) as both:
        for number in range(1, 16):
            changes = ({"name": f"Door {number}"}, {"address": f"rtsp://camera.invalid/{number}"})
            asked = [both.submit(tell, server, token, "PATCH", "/api/v1/cameras/door", **change) for change in changes]
            assert [one.result().status for one in asked] == [200, 200]
            found = server.request("GET", "/api/v1/cameras/door", token=token).json()
            assert (found["name"], found["source"]) == (f"Door {number}", f"rtsp://camera.invalid/{number}")


def test_trying_and_ordering_stand_in_the_journal(server: Server) -> None:
    token = server.token(EVERYTHING)
    try_out(server, token, "rtsp://bob:s3cret@nowhere.invalid:8554/")
    assert tell(server, token, "PUT", "/api/v1/cameras", cameras=["main"]).status == 204
    rows = server.request("GET", "/api/v1/journal?limit=2", token=token).json()["rows"]
    assert [row["action"] for row in rows] == ["cameras-ordered", "address-tried"]
    assert rows[1]["detail"] == {"host": "nowhere.invalid", "port": 8554}


@pytest.mark.parametrize(
    "address",
    ["file:/etc/passwd", "synthetic:", "camera:", "rtsp://", "exec:id", "-i", "rtsp://a b/", "concat:a|b", "tcp://h:1"],
)
def test_what_is_no_cameras_address_is_refused_at_once(server: Server, address: str) -> None:
    token = server.token(EVERYTHING)
    assert add(server, token, "Door", address).status == 422
    assert add(server, token, "Door", "rtsp://camera.invalid/", small_address=address).status == 422
    assert len(server.request("GET", "/api/v1/cameras", token=token).json()["cameras"]) == 1


def test_one_broken_camera_touches_no_other(server: Server) -> None:
    token = server.token(EVERYTHING)
    for number in range(3):
        add(server, token, f"Broken {number}", f"rtsp://{ADDRESS}:9/{number}", allow_lan=True)

    async def run() -> None:
        async with WhepPeer(server, token, decode=False) as viewer:
            await viewer.until(lambda: len(viewer.packets) > 3)
            for number in range(3):
                with LivePage(server, token, f"broken-{number}") as page:
                    page.next("hello")
                path = f"/api/v1/cameras/broken-{number}/snapshot.jpg"
                answer = await asyncio.to_thread(server.request, "GET", path, token=token)
                assert answer.status == 503
            count = len(viewer.packets)
            await viewer.until(lambda: len(viewer.packets) > count + 20)

    asyncio.run(run())
    assert server.camera(token)["state"] in ("live", "idle")


def test_removing_a_camera_ends_its_pages_and_what_was_granted(server: Server, camera: RtspServer) -> None:
    token = server.token(EVERYTHING)
    add(server, token, "Door", camera.url(f"{NAME}:{PASSWORD}@"), allow_lan=True)
    body = {"name": "Bob", "password": "a green door behind the house", "role": "member", "cameras": {"door": ["view"]}}
    user = tell(server, token, "POST", "/api/v1/users", **body).json()["id"]
    with LivePage(server, token, "door") as page:
        page.next("hello")
        assert server.request("DELETE", "/api/v1/cameras/door", token=token).status == 204
        assert page.wait_closed(2) == 4404
    assert server.request("GET", f"/api/v1/users/{user}", token=token).json()["cameras"] == {}
    assert server.request("GET", "/api/v1/cameras/door", token=token).status == 404
    assert server.request("DELETE", "/api/v1/cameras/main", token=token).status == 409
    assert tell(server, token, "PATCH", "/api/v1/cameras/main", address="rtsp://camera.invalid/").status == 409


def test_a_small_stream_is_kept_beside_the_main_one(server: Server, camera: RtspServer) -> None:
    token = server.token(EVERYTHING)
    address = camera.url(f"{NAME}:{PASSWORD}@")
    assert add(server, token, "Door", address, small_address=address, allow_lan=True).json()["small"] is True
    changed = tell(server, token, "PATCH", "/api/v1/cameras/door", small_address=None)
    assert (changed.status, changed.json()["small"]) == (200, False)


def test_an_address_that_cannot_be_unsealed_is_said_and_all_else_goes_on(tmp_path: Path) -> None:
    with serving(tmp_path, SOURCE, owner=True) as server:
        token = server.token(EVERYTHING)
        add(server, token, "Door", "rtsp://bob:secret@camera.invalid/", allow_lan=True)
    with sqlite3.connect(tmp_path / "pi-cam.db") as database:
        database.execute("UPDATE cameras SET address = x'00112233445566778899aabbccddeeff' WHERE id = 'door'")
    database.close()
    with serving(tmp_path, SOURCE, owner=True) as server:
        assert server.request("GET", "/api/v1/cameras/main/snapshot.jpg", token=token).status == 200
        answer = server.request("GET", "/api/v1/cameras/door/snapshot.jpg", token=token)
        assert answer.status == 503
        assert "cannot be read any more" in answer.json()["detail"]
        assert tell(server, token, "PATCH", "/api/v1/cameras/door", name="Back door").status == 200
    with closing(sqlite3.connect(tmp_path / "pi-cam.db")) as database:  # the key may come back, from a backup
        (sealed,) = database.execute("SELECT address FROM cameras WHERE id = 'door'").fetchone()
    assert sealed.hex() == "00112233445566778899aabbccddeeff"
