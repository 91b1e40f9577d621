"""A person, a portal, a camera that stands at home, and the tunnel between: from the code to the picture, and its end."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, Playwright, expect

from tests.e2e.conftest import wait_for_state
from tests.portal.edge import Edge, edge
from tests.portal.post_office import PostOffice
from tests.portal.walk import NAME, ZOE, browser_through, join, new_page, open_from_portal, pair
from tests.server import Server, serving

pytestmark = pytest.mark.browser


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
    with browser_through(playwright, tunnel) as chromium:
        yield chromium


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
    until_shown(away, away.get_by_text("You have no camera here yet"))  # the portal is told by another thread
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
