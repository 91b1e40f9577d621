"""The main job, as a person sees it."""

from __future__ import annotations

import re
import statistics
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.conftest import sign_in, wait_for_state
from tests.server import OWNER, PASSWORD, Server, serving

READ_CLOCK = """
async ({columns, rows, cell}) => {
  const video = document.querySelector('video');
  const canvas = document.createElement('canvas');
  canvas.width = columns * cell; canvas.height = rows * cell;
  const paper = canvas.getContext('2d', {willReadFrequently: true});
  const samples = [];
  while (samples.length < 30) {
    const now = await new Promise(resolve => video.requestVideoFrameCallback((_, about) => resolve(about)));
    paper.drawImage(video, 0, video.videoHeight - canvas.height, canvas.width, canvas.height, 0, 0, canvas.width, canvas.height);
    let code = 0n;
    for (let row = 0; row < rows; row++) for (let column = 0; column < columns; column++) {
      const pixel = paper.getImageData(column * cell + cell / 2, row * cell + cell / 2, 1, 1).data;
      code = code << 1n | (pixel[1] > 128 ? 1n : 0n);
    }
    const value = code >> 8n;
    let sum = 0n;
    for (let shift = 0n; shift < 40n; shift += 8n) sum += value >> shift & 255n;
    if ((sum & 255n) !== (code & 255n)) continue;
    const shown = performance.timeOrigin + now.expectedDisplayTime;
    samples.push({pixels: shown - Number(value + (BigInt(Math.floor(shown)) & ~0xFFFFFFFFFFn)),
                  page: Number(document.documentElement.dataset.delayMs || NaN)});
  }
  return samples;
}
"""


def test_first_visit_makes_the_owner_and_shows_the_picture(page: Page, tmp_path: Path) -> None:
    with serving(tmp_path, "synthetic:") as server:
        page.goto(server.url)
        expect(page).to_have_url(re.compile("/setup$"))
        page.goto(f"{server.url}/setup#code={server.setup_code}")
        page.get_by_label("Name").fill(OWNER)
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name=re.compile("mine|Make|Take|owner", re.I)).click()
        wait_for_state(page, "live")
        assert page.evaluate("document.querySelector('video').videoWidth") == 1280
        page.goto(server.url + "/setup")
        expect(page.get_by_text("This camera has an owner already.")).to_be_visible()


def test_picture_is_live_after_signing_in(page: Page, synthetic: Server) -> None:
    sign_in(page, synthetic)
    wait_for_state(page, "live")
    assert page.evaluate("document.querySelector('video').videoWidth") == 1280
    assert page.locator("html").get_attribute("data-rung") == "webrtc"
    assert not page.evaluate("document.querySelector('video').paused")


def test_delay_on_the_page_agrees_with_the_clock_in_the_pixels(page: Page, synthetic: Server) -> None:
    sign_in(page, synthetic)
    wait_for_state(page, "live")
    page.wait_for_timeout(2_500)
    samples = page.evaluate(READ_CLOCK, {"columns": 12, "rows": 4, "cell": 16})
    by_pixels = statistics.median(sample["pixels"] for sample in samples)
    by_page = statistics.median(sample["page"] for sample in samples)
    assert 0 < by_pixels < 1000
    assert abs(by_page - by_pixels) <= 20, (by_page, by_pixels)


def test_stop_and_start_from_the_page(page: Page, context: BrowserContext, synthetic: Server) -> None:
    sign_in(page, synthetic)
    wait_for_state(page, "live")
    other = context.new_page()
    other.goto(synthetic.url)
    wait_for_state(other, "live")
    page.get_by_role("button", name="Stop").click()
    for watched in (page, other):
        wait_for_state(watched, "stopped", seconds=3)
    page.get_by_role("button", name="Start").click()
    for watched in (page, other):
        wait_for_state(watched, "live")


def test_a_restarted_camera_comes_back_by_itself(page: Page, tmp_path: Path) -> None:
    with serving(tmp_path, "synthetic:", owner=True) as server:
        sign_in(page, server)
        wait_for_state(page, "live")
        port = int(server.url.rpartition(":")[2])
    wait_for_state(page, "reconnecting", "connecting", seconds=5)
    with serving(tmp_path, "synthetic:", owner=True, port=port):
        wait_for_state(page, "live")


def test_snapshot_is_a_picture(page: Page, synthetic: Server) -> None:
    sign_in(page, synthetic)
    wait_for_state(page, "live")
    with page.expect_download() as download:
        page.get_by_role("link", name="Snapshot").click()
    assert Path(download.value.path()).read_bytes().startswith(b"\xff\xd8\xff")


def test_signing_out_closes_the_door(page: Page, synthetic: Server) -> None:
    sign_in(page, synthetic)
    wait_for_state(page, "live")
    page.context.clear_cookies()
    page.goto(synthetic.url)
    expect(page).to_have_url(re.compile("/login$"))


def test_french(browser_french: Page, synthetic: Server) -> None:
    browser_french.goto(synthetic.url + "/login")
    assert browser_french.locator("html").get_attribute("lang") == "fr"
    expect(browser_french.get_by_label("Mot de passe", exact=True)).to_be_visible()


def test_no_page_breaks_its_own_content_policy(page: Page, synthetic: Server) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    sign_in(page, synthetic)
    wait_for_state(page, "live")
    for path in ("/", "/login", "/nowhere"):
        page.goto(synthetic.url + path)
    assert [text for text in complaints if "404" not in text] == []
