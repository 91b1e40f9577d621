"""A person, a portal, a camera that stands at home, and the tunnel between: from the code to the picture, and its end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright, expect

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
