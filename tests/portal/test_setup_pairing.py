"""Pairing as a step of setting up, on a phone without scripts, with a portal that is served."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright, expect

from tests.e2e.conftest import CHROMIUM, FLAGS
from tests.portal.post_office import PostOffice
from tests.portal.walk import ZOE, join, new_page
from tests.server import OWNER, PASSWORD, Server, serving

pytestmark = pytest.mark.browser

PHONE = {"width": 390, "height": 844}
FITS = "document.documentElement.scrollWidth <= innerWidth"


@pytest.fixture
def camera(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path / "data", "synthetic:?size=320x240&fps=15", owner=True) as server:
        yield server


@pytest.fixture
def browser(playwright: Playwright) -> Iterator[Browser]:
    chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
    yield chromium
    chromium.close()


@pytest.mark.parametrize("scripts", [True, False])
def test_the_step_pairs_with_a_portal(
    browser: Browser, site: str, camera: Server, office: PostOffice, scripts: bool
) -> None:
    away = new_page(browser)
    join(away, site, office, ZOE)
    context = browser.new_context(
        locale="en-GB",
        viewport=PHONE,  # type: ignore[arg-type]
        java_script_enabled=scripts,
    )
    home = context.new_page()
    home.goto(camera.url + "/login")
    home.get_by_label("Name").fill(OWNER)
    home.get_by_label("Password", exact=True).fill(PASSWORD)
    home.get_by_role("button", name="Sign in", exact=True).click()
    expect(home).to_have_url(camera.url + "/")
    home.goto(camera.url + "/setup/remote")
    home.get_by_label("The portal's address").fill(site)
    home.get_by_role("button", name="Ask for a code").click()
    code = home.locator(".pairing-code strong").inner_text()
    assert home.evaluate(FITS)
    away.goto(f"{site}/pair")
    away.get_by_label("Code").fill(code)
    away.get_by_role("button", name="Look for it").click()
    away.get_by_role("button", name="Add it to my account").click()
    expect(home.get_by_text("z***@example.org")).to_be_visible(timeout=20_000)
    assert home.evaluate(FITS)
    home.get_by_role("button", name="Yes, this account may come in").click()
    expect(home).to_have_url(re.compile("/setup/updates$"))
    home.goto(camera.url + "/setup/remote")
    expect(home.get_by_text("This camera belongs to an account at a portal")).to_be_visible()
    assert home.evaluate(FITS)
    home.get_by_role("button", name="Continue").click()
    expect(home).to_have_url(re.compile("/setup/updates$"))
    context.close()
