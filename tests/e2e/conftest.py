"""A real browser in the test's own network."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright

from tests import network
from tests.prerequisites import require
from tests.server import OWNER, PASSWORD, Server, serving

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-device-for-media-stream",
)

expect.set_options(timeout=15_000)
"""As long as for a click: several browsers share the processor. Whoever tests a time says so there."""


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    """Only one may run at a time."""
    require("Chromium (apt install chromium)", Path(CHROMIUM).exists())
    require(f"a network namespace ({network.problem()})", network.problem() is None)
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="package")
def browser(playwright: Playwright) -> Iterator[Browser]:
    chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
    yield chromium
    chromium.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 800})
    context.set_default_timeout(15_000)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A camera with an owner."""
    with serving(tmp_path_factory.mktemp("synthetic"), "synthetic:", owner=True) as server:
        yield server


def sign_in(page: Page, server: Server) -> None:
    page.goto(server.url + "/login")
    page.get_by_label("Name").fill(OWNER)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def wait_for_state(page: Page, *states: str, seconds: float = 15) -> str:
    wanted = ", ".join(f'html[data-state="{state}"]' for state in states)
    page.wait_for_selector(wanted, state="attached", timeout=seconds * 1000)
    return str(page.evaluate("document.documentElement.dataset.state"))


@pytest.fixture
def browser_french(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(locale="fr-FR")
    yield context.new_page()
    context.close()
