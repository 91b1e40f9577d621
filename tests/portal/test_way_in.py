"""A person, a portal, a camera that stands at home, and the tunnel between: from the code to the picture, and its end."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, Playwright, expect, sync_playwright

from tests import network
from tests.e2e.conftest import CHROMIUM, FLAGS, sign_in, wait_for_state
from tests.portal.conftest import SECRET, Build
from tests.portal.edge import Edge, edge
from tests.portal.post_office import PostOffice
from tests.portal.served import served
from tests.portal.visitor import PASSWORD
from tests.prerequisites import require
from tests.server import Server, serving
from web.portal.settings import Settings

pytestmark = pytest.mark.browser

ZOE, MAX = "zoe@example.org", "max@example.org"
NAME = "cam.picam.test"


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    require("Chromium (apt install chromium)", Path(CHROMIUM).exists())
    require(f"a network namespace ({network.problem()})", network.problem() is None)
    with sync_playwright() as running:
        yield running


@pytest.fixture
def site(build: Build, settings: Settings, office: PostOffice, tmp_path: Path) -> Iterator[str]:
    environment = {
        "DATABASE_URL": settings.database_url,
        "PORTAL_SECRET_KEY": SECRET,
        "MAIL_URL": f"smtp://127.0.0.1:{office.port}",
    }
    with served(tmp_path / "portal.log", environment) as url:
        yield url


@pytest.fixture
def camera(tmp_path: Path) -> Iterator[Server]:
    with serving(
        tmp_path / "data",
        "synthetic:?size=320x240&fps=15",
        owner=True,
        tunnel=True,
        environment={"PI_CAM_TUNNEL_HOST": NAME},
    ) as server:
        yield server


@pytest.fixture
def tunnel(tmp_path: Path, camera: Server) -> Iterator[Edge]:
    with edge(tmp_path) as running:
        running.names[NAME] = camera.through_tunnel().address()[1]
        yield running


@pytest.fixture
def browser(playwright: Playwright, tunnel: Edge) -> Iterator[Browser]:
    """One for which the camera's public name leads to the edge."""
    rules = f"--host-resolver-rules=MAP {NAME} 127.0.0.1:{tunnel.port}"
    chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, rules, "--ignore-certificate-errors"])
    yield chromium
    chromium.close()


def new_page(browser: Browser) -> Page:
    page = browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 800}).new_page()
    page.set_default_timeout(15_000)
    return page


def join(page: Page, site: str, office: PostOffice, email: str) -> None:
    page.goto(site + "/signup")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Look into your mail")).to_be_visible()
    page.goto(site + office.link(email))
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


def test_from_the_code_to_the_picture_and_to_its_end(
    browser: Browser, site: str, camera: Server, tunnel: Edge, office: PostOffice
) -> None:
    away, home = new_page(browser), new_page(browser)
    join(away, site, office, ZOE)
    pair(home, away, camera, site)
    open_from_portal(away, site)
    assert wait_for_state(away, "live") == "live"
    assert "?token" not in "".join(tunnel.requests)
    expect(away.get_by_role("link", name="Settings")).to_have_count(0)

    home.get_by_role("button", name="End the pairing").click()
    home.get_by_role("button", name="End it").click()
    expect(home.get_by_role("button", name="Ask for a code")).to_be_visible()
    away.wait_for_selector('html:not([data-state="live"])', state="attached", timeout=5_000)
    away.goto(f"{site}/cameras")
    expect(away.get_by_text("You have no camera here yet")).to_be_visible()
    assert ZOE not in camera.log.read_text()


def test_removing_it_at_the_portal_ends_the_picture_within_five_seconds(
    browser: Browser, site: str, camera: Server, office: PostOffice
) -> None:
    away, home = new_page(browser), new_page(browser)
    join(away, site, office, ZOE)
    pair(home, away, camera, site)
    open_from_portal(away, site)
    assert wait_for_state(away, "live") == "live"
    other = away.context.new_page()
    other.goto(f"{site}/cameras")
    other.get_by_text("About this device").click()
    other.get_by_role("button", name="Remove it from my account").click()
    expect(other.get_by_text("You have no camera here yet")).to_be_visible()
    away.wait_for_selector('html:not([data-state="live"])', state="attached", timeout=5_000)
    home.reload()
    expect(home.get_by_role("button", name="Ask for a code")).to_be_visible()


def test_a_guest_sees_does_not_talk_and_is_sent_away(
    browser: Browser, site: str, camera: Server, office: PostOffice
) -> None:
    away, home, guest = new_page(browser), new_page(browser), new_page(browser)
    join(away, site, office, ZOE)
    pair(home, away, camera, site)
    open_from_portal(away, site)
    assert wait_for_state(away, "live") == "live"
    away.get_by_role("button", name="Stop").click()
    wait_for_state(away, "stopped")
    away.get_by_role("button", name="Start").click()
    assert wait_for_state(away, "live") == "live"
    expect(away.get_by_role("button", name="Talk", exact=True)).to_be_visible()

    owner = away.context.new_page()
    owner.goto(f"{site}/cameras")
    owner.get_by_role("link", name="Share it").click()
    owner.get_by_label("E-mail address").fill(MAX)
    owner.get_by_role("button", name="Invite").click()
    expect(owner.get_by_role("heading", name=MAX)).to_be_visible()

    link = office.link(MAX)
    join(guest, site, office, MAX)
    guest.goto(site + link)
    guest.get_by_role("button", name="Take it").click()
    open_from_portal(guest, site)
    assert wait_for_state(guest, "live") == "live"
    expect(guest.get_by_role("button", name="Talk", exact=True)).to_be_hidden()
    expect(guest.get_by_role("button", name="Stop")).to_be_hidden()

    owner.reload()
    owner.get_by_role("button", name="End it").click()
    expect(owner.get_by_text("It is no longer shared")).to_be_visible()
    guest.wait_for_selector('html:not([data-state="live"])', state="attached", timeout=5_000)
    assert wait_for_state(away, "live") == "live"
    rows = camera.request("GET", "/api/v1/journal", token=camera.token("configure")).json()["rows"]
    assert {(row["actor"], row["action"]) for row in rows} >= {(ZOE, "watched"), (MAX, "watched"), (ZOE, "stopped")}


def test_while_the_tunnel_is_away_the_home_goes_on(
    browser: Browser, site: str, camera: Server, tunnel: Edge, office: PostOffice
) -> None:
    away, home = new_page(browser), new_page(browser)
    join(away, site, office, ZOE)
    pair(home, away, camera, site)
    tunnel.down = True
    response = away.goto(f"https://{NAME}/auth/portal")
    assert response is not None
    assert response.status == 530
    home.goto(camera.url + "/")
    assert wait_for_state(home, "live") == "live"
    tunnel.down = False
    open_from_portal(away, site)
    assert wait_for_state(away, "live") == "live"


def test_settings_that_are_changed_at_both_ends_meet(
    browser: Browser, site: str, camera: Server, office: PostOffice
) -> None:
    away, home = new_page(browser), new_page(browser)
    join(away, site, office, ZOE)
    pair(home, away, camera, site)
    away.goto(f"{site}/cameras")
    until_shown(away, away.get_by_role("link", name="Settings"))
    away.get_by_role("link", name="Settings").click()
    until_shown(away, away.get_by_label("Log level"))
    away.get_by_label("Name of the camera").fill("Porch")
    away.get_by_label("Log level").select_option("debug")
    away.get_by_role("button", name="Save").click()
    expect(away.get_by_text("Waits for the camera").first).to_be_visible()

    token = camera.token("view,configure")
    change = json.dumps({"log_level": "error"}).encode()
    headers = {"Content-Type": "application/json"}
    assert camera.request("PATCH", "/api/v1/settings", token=token, body=change, headers=headers).status == 200
    until_shown(away, away.get_by_text("Overtaken").first)
    expect(away.get_by_label("Log level")).to_have_value("error")
    expect(away.get_by_label("Name of the camera")).to_have_value("Porch")
    assert camera.camera(token)["name"] == "Porch"
    home.goto(camera.url + "/settings")
    expect(home.get_by_role("heading", name="Name of the camera · Porch")).to_be_visible()
    expect(home.get_by_text("It was changed at home after that.")).to_be_visible()
    expect(home.get_by_text("z***@example.org").first).to_be_visible()
    rows = camera.request("GET", "/api/v1/journal?action=setting-changed-from-portal", token=token).json()["rows"]
    assert [(row["actor"], row["camera"], row["result"]) for row in rows] == [
        ("z***@example.org", "", "refused"),
        ("z***@example.org", "main", "ok"),
    ]


def until_shown(page: Page, wanted: Locator) -> None:
    """The page does not change by itself."""
    deadline = time.monotonic() + 40
    while not wanted.is_visible():
        assert time.monotonic() < deadline, "it never came"
        page.wait_for_timeout(500)
        page.reload()
