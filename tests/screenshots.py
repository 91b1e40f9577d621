"""`make screenshots`: pictures of every page, taken from the running product, into docs/screenshots."""

from __future__ import annotations

import json
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from tests import network
from tests.clips import real_clip
from tests.e2e.conftest import CHROMIUM, FLAGS, sign_in, wait_for_state
from tests.rtsp_camera import rtsp
from tests.server import OWNER, PASSWORD, Server, serving

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
            page.wait_for_url("**/setup/owner")
            _take(page, "setup")
        with serving(Path(folder) / "wizard", "synthetic:", module="tests.wizard_host") as server:
            _wizard(_page(browser, PHONE, "en-GB", "light"), server)
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
        with serving(Path(folder) / "people", "synthetic:", owner=True) as server:
            _fill(server)
            page = _page(browser, DESKTOP, "en-GB", "light")
            sign_in(page, server)
            wait_for_state(page, "live")
            for name in ("cameras", "people", "journal", "settings", "account", "certificate"):
                page.goto(f"{server.url}/{name}")
                page.wait_for_load_state("networkidle")
                _take(page, name)
        with rtsp(real_clip()) as camera, serving(Path(folder) / "rtsp", camera.url(), owner=True) as server:
            page = _page(browser, DESKTOP, "en-GB", "light")
            sign_in(page, server)
            _take_live(page, "live-rtsp")
            page = _page(browser, DESKTOP, "en-GB", "dark")
            sign_in(page, server)
            _take_live(page, "live-rtsp-dark")
        browser.close()
    return 0


def _wizard(page: Page, server: Server, names: str = "setup-{}-phone") -> None:
    """Each step of setting up, as it is on a phone."""

    def take(step: str) -> None:
        page.wait_for_url(re.compile(f"/setup/{step.partition('-')[0]}"))
        page.wait_for_load_state("networkidle" if step != "camera" else "load")
        page.screenshot(path=TARGET / f"{names.format(step)}.png", full_page=True)
        sys.stdout.write(f"docs/screenshots/{names.format(step)}.png\n")

    def press(action: str) -> None:
        page.locator(f"main button[value={action}]").first.click()

    page.goto(f"{server.url}/setup/language#code={server.setup_code}")
    take("language")
    page.locator("#camera_name").fill("Hen house")
    press("done")
    page.wait_for_url("**/setup/owner")
    page.locator("#name").fill(OWNER)
    page.locator("#password").fill(PASSWORD)
    take("owner")
    page.keyboard.press("Enter")
    page.wait_for_url("**/setup/wifi")
    page.locator("input[name=network]").first.check()
    take("wifi")
    for passphrase, shown in (("not this one", "wifi-wrong"), ("correct horse battery", "wifi-joined")):
        page.locator("input[name=network]").first.check()
        page.locator("#passphrase").fill(passphrase)
        press("join")
        page.wait_for_selector("[data-wifi=joining]")
        take("wifi-joining")
        page.wait_for_selector("[data-wifi=hotspot], [data-wifi=online]")
        take(shown)
    press("done")
    page.wait_for_url("**/setup/camera")
    wait_for_state(page, "live")
    page.locator("#listen").click()
    page.wait_for_timeout(2_500)
    take("camera")
    press("done")
    take("time")
    press("done")
    take("remote")
    press("done")
    take("updates")
    press("done")
    take("done")


def _fill(server: Server) -> None:
    """What a home may have."""
    token = server.token("view,listen,talk,control,record,configure", "installer")
    kind = {"Content-Type": "application/json"}

    def tell(path: str, **fields: Any) -> None:
        server.request("POST", path, token=token, body=json.dumps(fields).encode(), headers=kind)

    tell("/api/v1/cameras", name="Hen house", address="rtsp://hens:secret@192.168.1.21/stream1", allow_lan=True)
    watch = {"main": ["view", "listen", "talk"], "hen-house": ["view"]}
    tell("/api/v1/users", name="Zoé", password=PASSWORD, role="member", cameras=watch)
    week = time.time() + 7 * 86_400
    tell(
        "/api/v1/users",
        name="Neighbour",
        password=PASSWORD,
        role="guest",
        cameras={"hen-house": ["view"]},
        expires_at=week,
    )
    tell("/api/v1/tokens", name="Home Assistant", can=["view", "listen"])


def _page(browser: Browser, size: dict[str, int], locale: str, scheme: str) -> Page:
    phone = size is PHONE
    context = browser.new_context(
        locale=locale,
        viewport=size,  # type: ignore[arg-type]
        timezone_id="Europe/Paris",
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
