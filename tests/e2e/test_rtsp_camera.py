"""The main job on real input: a camera that speaks RTSP, with a name and a password, shows a real clip in the browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.clips import real_clip
from tests.e2e.conftest import sign_in, wait_for_state
from tests.rtsp_camera import RtspServer, rtsp
from tests.server import Server, serving

pytestmark = pytest.mark.timing

NAME, PASSWORD = "viewer", "sesame-s3cret"


@pytest.fixture(scope="module")
def camera() -> Iterator[RtspServer]:
    with rtsp(real_clip(), "--user", NAME, "--password", PASSWORD) as camera:
        yield camera


@pytest.fixture
def server(camera: RtspServer, tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path, camera.url(f"{NAME}:{PASSWORD}@"), owner=True) as server:
        yield server


def test_the_real_clip_is_live_and_its_password_nowhere(page: Page, server: Server) -> None:
    sign_in(page, server)
    wait_for_state(page, "live")
    assert page.evaluate("document.querySelector('video').videoWidth") == 1280
    camera = server.camera(server.token("view"))
    assert camera["transcoded"] is False
    assert (camera["codec"], camera["width"], camera["height"]) == ("h264", 1280, 720)
    assert PASSWORD not in str(camera) + server.log.read_text() + page.content()
    for pid in server.processes():
        assert PASSWORD not in Path(f"/proc/{pid}/environ").read_text(errors="replace")


def test_the_camera_goes_away_and_comes_back(page: Page, camera: RtspServer, tmp_path: Path, sender: str) -> None:
    environment = {"PI_CAM_WEBRTC_SENDER": sender}
    with serving(tmp_path, camera.url(f"{NAME}:{PASSWORD}@"), owner=True, environment=environment) as server:
        sign_in(page, server)
        wait_for_state(page, "live")
        camera.kill()
        wait_for_state(page, "unreachable", seconds=8)
        camera.start()
        wait_for_state(page, "live", seconds=25)


def test_a_refused_password_is_said(page: Page, camera: RtspServer, tmp_path: Path) -> None:
    with serving(tmp_path, camera.url(f"{NAME}:wrong-s3cret@"), owner=True) as server:
        sign_in(page, server)
        wait_for_state(page, "unreachable")
        expect(page.get_by_text("password").first).to_be_visible()
        assert "wrong-s3cret" not in server.log.read_text() + page.content()
