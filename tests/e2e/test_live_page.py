"""The main job, as a person sees it."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.bench import measure
from tests.e2e.conftest import sign_in, wait_for_state
from tests.server import OWNER, PASSWORD, Server, serving

pytestmark = pytest.mark.timing


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
        expect(page).to_have_url(re.compile("/setup/camera$"))
        page.context.clear_cookies()
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
    by_pixels, by_page = measure.delays(page, 1280, 30)
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


def test_privacy_is_shown_to_everybody_and_ends_at_home(page: Page, context: BrowserContext, synthetic: Server) -> None:
    sign_in(page, synthetic)
    wait_for_state(page, "live")
    other = context.new_page()
    other.goto(synthetic.url + "/privacy")
    other.get_by_role("button", name="Turn privacy on").click()
    expect(other.get_by_text("Privacy is on: every camera and the microphone are closed")).to_be_visible()
    wait_for_state(page, "privacy", seconds=3)
    expect(page.get_by_role("heading", name="Privacy is on")).to_be_visible()
    expect(page.get_by_role("button", name="Start")).to_be_hidden()
    other.get_by_role("button", name="End privacy").click()
    expect(other.get_by_role("button", name="Turn privacy on")).to_be_visible()
    wait_for_state(page, "live", seconds=15)


def test_a_restarted_camera_comes_back_by_itself(page: Page, tmp_path: Path) -> None:
    with serving(tmp_path, "synthetic:", owner=True) as server:
        sign_in(page, server)
        wait_for_state(page, "live")
        port = int(server.url.rpartition(":")[2])
    wait_for_state(page, "reconnecting", "connecting", seconds=5)
    with serving(tmp_path, "synthetic:", owner=True, port=port):
        wait_for_state(page, "live")


def test_a_lost_connection_is_replaced_on_the_same_page(page: Page, synthetic: Server) -> None:
    sign_in(page, synthetic)
    wait_for_state(page, "live")
    worker = synthetic.processes()[-1]
    os.kill(worker, signal.SIGSTOP)
    try:
        wait_for_state(page, "reconnecting", "unreachable", seconds=10)
    finally:
        os.kill(worker, signal.SIGCONT)
    wait_for_state(page, "live", seconds=20)
    assert synthetic.camera(synthetic.token("view"))["viewers"] == 1


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


def test_signing_out_ends_every_picture_of_that_session(page: Page, context: BrowserContext, synthetic: Server) -> None:
    sign_in(page, synthetic)
    wait_for_state(page, "live")
    other = context.new_page()
    other.goto(synthetic.url)
    wait_for_state(other, "live")
    other.evaluate(
        "fetch('/api/v1/sessions/current', {method: 'DELETE', headers: {'X-Pi-Cam': '1'}}).then(answer => answer.status)"
    )
    wait_for_state(page, "signed-out", seconds=2)
    assert synthetic.camera(synthetic.token("view"))["viewers"] == 0


def test_the_keyboard_goes_on_from_stop_to_start(page: Page, synthetic: Server) -> None:
    sign_in(page, synthetic)
    wait_for_state(page, "live")
    page.get_by_role("button", name="Stop").focus()
    page.keyboard.press("Enter")
    wait_for_state(page, "stopped")
    expect(page.get_by_role("button", name="Start")).to_be_focused()
    page.keyboard.press("Enter")
    wait_for_state(page, "live")
    expect(page.get_by_role("button", name="Stop")).to_be_focused()
