"""The main job, as a person sees it."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.e2e.conftest import sign_in, wait_for_state
from tests.server import Server


def test_picture_is_live_after_signing_in(page: Page, synthetic: Server) -> None:
    sign_in(page, synthetic)
    wait_for_state(page, "live")
    page.wait_for_function("document.querySelector('video').videoWidth === 1280")
    assert page.locator("html").get_attribute("data-rung") == "webrtc"
