"""Where the delay comes from: on the page, in the API and in the figures for Prometheus, against the clock in the pixels."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect
from prometheus_client.parser import text_string_to_metric_families

from pi_cam.transport.delay import STAGES
from tests.bench import measure
from tests.clips import real_clip
from tests.e2e.conftest import CHROMIUM, FLAGS, sign_in, wait_for_state
from tests.prerequisites import require
from tests.rough_path import NEAR, TUN, rough_path
from tests.rtsp_camera import rtsp
from tests.server import Server, serving

pytestmark = pytest.mark.timing

SOURCE, WIDTH = "synthetic:?size=640x360&fps=30", 640
READ_STAGES = "() => ({delay: piCam.player.delayMs, ...piCam.player.meter.stages})"


@pytest.fixture(params=[0.0, 0.2], ids=["as it is", "200 ms more"])
def added(request: pytest.FixtureRequest) -> float:
    """Seconds, each way."""
    seconds: float = request.param
    return seconds


@pytest.fixture
def watched(playwright: Playwright, added: float, sender: str, tmp_path: Path) -> Iterator[tuple[Server, Page]]:
    """A page in another network."""
    require("TUN interfaces (root)", Path(TUN).exists())
    with (
        rough_path(tmp_path, delay=added) as path,
        serving(
            tmp_path / "camera", SOURCE, owner=True, listen=NEAR, environment={"PI_CAM_WEBRTC_SENDER": sender}
        ) as server,
    ):
        chromium = playwright.chromium.launch(executable_path=path.program(CHROMIUM), args=list(FLAGS))
        page = chromium.new_context(locale="en-GB", ignore_https_errors=True).new_page()
        page.set_default_timeout(30_000)
        sign_in(page, server)
        wait_for_state(page, "live", seconds=30)
        page.wait_for_timeout(3_000)
        yield server, page
        chromium.close()


def medians(page: Page, times: int = 8) -> dict[str, float]:
    """As the page shows them."""
    found: list[dict[str, Any]] = []
    for _ in range(times):
        found.append(page.evaluate(READ_STAGES))
        page.wait_for_timeout(250)
    return {name: statistics.median(one[name] for one in found) for name in ("delay", *STAGES)}


def test_each_stage_has_its_part(watched: tuple[Server, Page], added: float) -> None:
    server, page = watched
    by_pixels, by_page = measure.delays(page, WIDTH, 40)
    assert abs(by_page - by_pixels) <= 20, (by_page, by_pixels)
    shown = medians(page)
    assert abs(sum(shown[name] for name in STAGES) - shown["delay"]) <= 10, shown
    assert 0 <= shown["network"] - 1000 * added <= 20, shown
    assert 0 < shown["encode"] <= 60
    assert 0 <= shown["hub"] <= 20
    assert 0 <= shown["send"] <= 20
    assert 0 < shown["display"] <= 150

    token = server.token("view")
    (viewer,) = server.request("GET", "/api/v1/cameras/main/viewers", token=token).json()["viewers"]
    assert list(viewer["delay"]) == sorted(STAGES)
    assert abs(viewer["delay"]["network"] - 1000 * added) <= 20
    assert abs(sum(viewer["delay"].values()) - viewer["delay_ms"]) <= 20, viewer
    metrics = server.request("GET", "/metrics", token=token).body.decode()
    seconds = {
        sample.labels["stage"]: sample.value
        for family in text_string_to_metric_families(metrics)
        for sample in family.samples
        if sample.name == "pi_cam_delay_stage_seconds"
    }
    assert set(seconds) == set(STAGES)
    assert abs(seconds["network"] - added) <= 0.02

    page.get_by_text("Details").click()
    for name in STAGES:
        expect(page.locator(f"[data-stage={name}]")).to_contain_text("ms")
    page.get_by_role("button", name="Pause").click()
    for name in STAGES:
        expect(page.locator(f"[data-stage={name}]")).to_have_text("–")


def test_what_a_network_camera_spends_before_is_not_known(browser: Browser, tmp_path: Path) -> None:
    with rtsp(real_clip()) as camera, serving(tmp_path, camera.url(), owner=True) as server:
        page = browser.new_context(locale="en-GB").new_page()
        sign_in(page, server)
        wait_for_state(page, "live")
        page.get_by_text("Details").click()
        expect(page.locator("[data-stage=display]")).to_contain_text("ms")
        expect(page.locator("[data-stage=send]")).to_contain_text("ms")
        expect(page.locator("[data-stage=encode]")).to_have_text("–")
        page.context.close()
