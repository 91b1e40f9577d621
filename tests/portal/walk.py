"""What a person does between a portal and a camera at home: the steps that several tests take."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, Playwright, expect

from tests.e2e.conftest import CHROMIUM, FLAGS, sign_in
from tests.portal.edge import Edge
from tests.portal.post_office import PostOffice
from tests.portal.visitor import PASSWORD
from tests.server import Server

ZOE, MAX = "zoe@example.org", "max@example.org"
NAME = "cam.picam.test"


@contextmanager
def browser_through(playwright: Playwright, tunnel: Edge, *flags: str) -> Iterator[Browser]:
    """One for which the camera's public name leads to the edge."""
    rules = f"--host-resolver-rules=MAP {NAME} 127.0.0.1:{tunnel.port}"
    given = [*FLAGS, rules, "--ignore-certificate-errors", *flags]
    chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=given)
    try:
        yield chromium
    finally:
        chromium.close()


def new_page(browser: Browser) -> Page:
    page = browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 800}).new_page()
    page.set_default_timeout(15_000)
    return page


def join(page: Page, site: str, office: PostOffice, email: str) -> None:
    before = len(office.to(email))
    page.goto(site + "/signup")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Look into your mail")).to_be_visible()
    page.goto(site + office.link(email, after=before))
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Confirm and sign in").click()
    expect(page.get_by_role("heading", name="My account")).to_be_visible()


def pair(home: Page, away: Page, camera: Server, site: str) -> None:
    """`home`: the browser in which the camera's owner is at home; `away`: the one with the portal."""
    sign_in(home, camera)
    home.wait_for_url(camera.url + "/")
    home.goto(camera.url + "/remote")
    home.get_by_label("The portal's address").fill(site)
    home.get_by_role("button", name="Ask for a code").click()
    code = home.locator(".pairing-code strong").inner_text()
    away.goto(f"{site}/pair")
    away.get_by_label("Code").fill(code)
    away.get_by_role("button", name="Look for it").click()
    away.get_by_role("button", name="Add it to my account").click()
    expect(away.get_by_text("now say yes on the page of the camera itself")).to_be_visible()
    expect(home.get_by_text("z***@example.org")).to_be_visible(timeout=15_000)
    home.get_by_role("button", name="Yes, this account may come in").click()
    expect(home.get_by_role("button", name="End the pairing")).to_be_visible()


def open_from_portal(away: Page, site: str) -> None:
    deadline = time.monotonic() + 5
    away.goto(f"{site}/cameras")
    while not away.get_by_text("Online").is_visible():
        assert time.monotonic() < deadline, "the device did not say that it is there"
        away.reload()
    away.get_by_role("link", name="Open").click()
    away.wait_for_url(re.compile(f"https://{NAME}/"))


def wait_for_journal(page: Page, site: str, who: str) -> None:
    """Until it stands there that somebody watches: soon, while somebody from the portal is there."""
    deadline = time.monotonic() + 10
    page.goto(f"{site}/journal")
    while not page.get_by_role("row").filter(has_text=who).filter(has_text="Began to watch").count():
        assert time.monotonic() < deadline, page.inner_text("body")
        time.sleep(0.2)
        page.reload()
