"""`make screenshots`: pictures of every page, taken from the running product, into docs/screenshots."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests import network
from tests.clips import real_clip
from tests.e2e.conftest import CHROMIUM, FLAGS, sign_in, wait_for_state
from tests.rtsp_camera import rtsp
from tests.server import OWNER, PASSWORD, serving

TARGET = Path(__file__).parents[1] / "docs/screenshots"
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}


def main() -> int:
    """Takes them all."""
    network.enter()
    TARGET.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        with serving(Path(folder) / "new", "synthetic:") as server:
            page = _page(browser, DESKTOP, "en-GB", "light")
            page.goto(f"{server.url}/setup#code={server.setup_code}")
            _take(page, "setup")
        with serving(Path(folder) / "synthetic", "synthetic:", owner=True) as server:
            page = _page(browser, PHONE, "fr-FR", "dark")
            page.goto(server.url + "/login")
            _take(page, "login-phone-fr")
            page.get_by_label("Nom").fill(OWNER)
            page.get_by_label("Mot de passe", exact=True).fill(PASSWORD)
            page.keyboard.press("Enter")
            _take_live(page, "live-phone-fr")
            page.get_by_role("button", name="Arrêter").click()
            wait_for_state(page, "stopped")
            _take(page, "stopped-phone-fr")
        with rtsp(real_clip()) as camera, serving(Path(folder) / "rtsp", camera.url(), owner=True) as server:
            page = _page(browser, DESKTOP, "en-GB", "light")
            sign_in(page, server)
            _take_live(page, "live-rtsp")
            page = _page(browser, DESKTOP, "en-GB", "dark")
            sign_in(page, server)
            _take_live(page, "live-rtsp-dark")
        browser.close()
    return 0


def _page(browser: Browser, size: dict[str, int], locale: str, scheme: str) -> Page:
    phone = size is PHONE
    context = browser.new_context(
        locale=locale,
        viewport=size,  # type: ignore[arg-type]
        color_scheme=scheme,  # type: ignore[arg-type]
        is_mobile=phone,
        has_touch=phone,
    )
    return context.new_page()


def _take_live(page: Page, name: str) -> None:
    wait_for_state(page, "live")
    page.wait_for_timeout(2_500)
    _take(page, name)


def _take(page: Page, name: str) -> None:
    page.screenshot(path=TARGET / f"{name}.png")
    sys.stdout.write(f"docs/screenshots/{name}.png\n")


if __name__ == "__main__":
    sys.exit(main())
