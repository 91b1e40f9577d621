"""The figures that were promised for the main job. `make bench` takes the same ones more often and writes them down."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest
from playwright.sync_api import Browser, Page

from tests.bench import measure
from tests.clips import clip_1080p
from tests.e2e.conftest import sign_in, wait_for_state
from tests.peer import WhepPeer
from tests.rtsp_camera import RtspServer, rtsp
from tests.server import Server, serving

pytestmark = pytest.mark.timing

WARM_MS = 500
MEMORY_BYTES = 150_000_000

T = TypeVar("T")


@pytest.fixture(scope="module")
def camera() -> Iterator[RtspServer]:
    """1080p30, 4 Mbit/s, a keyframe every two seconds."""
    with rtsp(clip_1080p()) as camera:
        yield camera


@pytest.fixture(scope="module")
def unaskable(camera: RtspServer, sender: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("unaskable")
    environment = {**measure.NO_GRACE, "PI_CAM_WEBRTC_SENDER": sender}
    with serving(folder, camera.url(), owner=True, environment=environment) as server:
        yield server


@pytest.fixture(scope="module")
def askable(sender: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("askable")
    source = "synthetic:?size=1920x1080&fps=30&bitrate=4000000"
    environment = {**measure.NO_GRACE, "PI_CAM_WEBRTC_SENDER": sender}
    with serving(folder, source, owner=True, environment=environment) as server:
        yield server


def run_aside(coroutine: Coroutine[Any, Any, T]) -> T:
    """In a thread of its own: in this one Playwright's loop may be running."""
    with ThreadPoolExecutor(1) as aside:
        return aside.submit(asyncio.run, coroutine).result()


def test_nal_units_at_the_viewer_equal_the_source_s(unaskable: Server) -> None:
    found = run_aside(measure.nal_units_at_viewer(unaskable, unaskable.token("view"), clip_1080p(), 90))
    assert found.pictures == 90
    assert found.equal == found.seen >= 90


def test_four_viewers_fit_into_the_memory(unaskable: Server) -> None:
    assert run_aside(measure.memory_with_viewers(unaskable, unaskable.token("view"), 4, 1)) < MEMORY_BYTES


@pytest.mark.parametrize("sender", ["shared"], indirect=True, scope="module")  # of the other one test_whep tells
def test_nobody_watching_costs_nothing(unaskable: Server, askable: Server, camera: RtspServer) -> None:
    async def watched() -> int:
        async with WhepPeer(unaskable, unaskable.token("view"), decode=False) as peer:
            await peer.until(lambda: len(peer.packets) > 10)
            return measure.connections_to(camera.port)

    assert run_aside(watched()) == 1
    for server in (unaskable, askable):
        token = server.token("view")
        assert server.request("GET", "/api/v1/cameras/main/snapshot.jpg", token=token).status == 200  # it was open
        server.wait_for(token, "idle")
        assert min(server.cpu_percent(4) for _ in range(3)) <= 1.0  # neither draws nor encodes
    assert measure.connections_to(camera.port) == 0


@pytest.mark.parametrize("kind", ["askable", "unaskable"])
def test_first_picture_of_a_camera_that_runs(
    page: Page, browser: Browser, kind: str, sender: str, request: pytest.FixtureRequest
) -> None:
    server: Server = request.getfixturevalue(kind)
    sign_in(page, server)
    wait_for_state(page, "live")
    other = browser.new_context(locale="en-GB")
    try:
        somebody = other.new_page()
        sign_in(somebody, server)
        wait_for_state(somebody, "live")
        times = measure.first_pictures(page, server, server.token("view"), 5, cold=False)
    finally:
        other.close()
    assert statistics.median(times) <= WARM_MS, times
