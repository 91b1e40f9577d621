"""A browser and a camera that reach each other by a relay only: the portal lends it, the picture comes, and it ends."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect

from tests import network
from tests.e2e.conftest import CHROMIUM, FLAGS
from tests.far_side import DEVICE, SECRET, TURN, TURNSERVER, URLS, FarSide, far_side
from tests.portal.conftest import SECRET as PORTAL_SECRET
from tests.portal.conftest import Build
from tests.portal.edge import edge
from tests.portal.post_office import PostOffice
from tests.portal.served import served
from tests.portal.walk import MAX, NAME, ZOE, join, new_page, open_from_portal, pair
from tests.prerequisites import require
from tests.server import OWNER, PASSWORD, Server, serving
from web.portal.settings import Settings

pytestmark = [pytest.mark.browser, pytest.mark.timing]

CONNECTIONS = """
window.connections = [];
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...given) { super(...given); window.connections.push(this); }
};
window.ways = async () => {
  const connection = window.connections.findLast((one) => one.connectionState === "connected");
  const stats = await connection.getStats();
  const transport = [...stats.values()].find((one) => one.type === "transport");
  const pair = stats.get(transport.selectedCandidatePairId);
  const remote = [...stats.values()].filter((one) => one.type === "remote-candidate");
  return {
    pair: [pair.localCandidateId, pair.remoteCandidateId].map((id) => stats.get(id).candidateType),
    remote: remote.map((one) => one.address ?? one.ip),
    answer: connection.remoteDescription.sdp,
  };
};
"""


@pytest.fixture
def side(tmp_path: Path) -> Iterator[FarSide]:
    require("coturn (apt install coturn)", Path(TURNSERVER).exists())
    require(f"a network namespace ({network.problem()})", network.problem() is None)
    with far_side(tmp_path) as side, side.turn_server():
        yield side


@pytest.fixture
def portal() -> Iterator[ExitStack]:
    """Closed: the portal is gone."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def site(build: Build, portal: ExitStack, settings: Settings, office: PostOffice, tmp_path: Path) -> str:
    environment = {
        "DATABASE_URL": settings.database_url,
        "PORTAL_SECRET_KEY": PORTAL_SECRET,
        "MAIL_URL": f"smtp://127.0.0.1:{office.port}",
        "PORTAL_TURN_URLS": URLS,
        "PORTAL_TURN_SECRET": SECRET,
    }
    return portal.enter_context(served(tmp_path / "portal.log", environment))


@pytest.fixture
def camera(tmp_path: Path) -> Iterator[Server]:
    environment = {"PI_CAM_TUNNEL_HOST": NAME, "PI_CAM_RELAY_ONLY": "others", "PI_CAM_LOG_LEVEL": "debug"}
    source = "synthetic:?size=320x240&fps=15"
    with serving(tmp_path / "data", source, owner=True, tunnel=True, environment=environment) as server:
        yield server


@pytest.fixture
def browser(playwright: Playwright, side: FarSide, site: str, camera: Server, tmp_path: Path) -> Iterator[Browser]:
    """In the far network. Web pages reach it by the passage; media do not."""
    with edge(tmp_path) as tunnel:
        tunnel.names[NAME] = camera.through_tunnel().address()[1]
        ports = [tunnel.port, urlsplit(site).port or 0, urlsplit(camera.url).port or 0]
        with side.passage(*ports):
            rules = f"--host-resolver-rules=MAP {NAME} 127.0.0.1:{tunnel.port}"
            chromium = playwright.chromium.launch(
                executable_path=str(side.program(CHROMIUM)), args=[*FLAGS, rules, "--ignore-certificate-errors"]
            )
            yield chromium
            chromium.close()


def ways(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate("window.ways()")
    return found


def with_eyes(browser: Browser) -> Page:
    page = new_page(browser)
    page.add_init_script(CONNECTIONS)
    return page


def wait_for_rung(page: Page, rung: str) -> None:
    page.wait_for_selector(f'html[data-state="live"][data-rung="{rung}"]', state="attached", timeout=20_000)


def no_secret_and_no_address_in(log: str) -> None:
    for word in (SECRET, DEVICE, network.HOST_ADDRESS, "candidate:", "203.0.113."):
        assert word not in log, word


def test_the_picture_comes_over_the_relay_and_ends_within_five_seconds(
    browser: Browser, site: str, camera: Server, office: PostOffice
) -> None:
    away, home = with_eyes(browser), new_page(browser)
    join(away, site, office, ZOE)
    pair(home, away, camera, site)
    open_from_portal(away, site)
    wait_for_rung(away, "turn")
    assert ways(away)["pair"][0] == "relay"
    began = away.evaluate("window.connections.length")
    away.wait_for_timeout(3000)
    assert away.evaluate("window.connections.length") == began, "it did not hold"

    owner = away.context.new_page()
    owner.goto(f"{site}/cameras")
    owner.get_by_text("About this device").click()
    owner.get_by_role("button", name="Remove it from my account").click()
    expect(owner.get_by_text("You have no camera here yet")).to_be_visible()
    revoked = time.monotonic()
    away.wait_for_selector('html:not([data-state="live"])', state="attached", timeout=5_000)
    away.wait_for_function("window.connections.every((one) => one.connectionState === 'closed')", timeout=5_000)
    assert time.monotonic() - revoked <= 5.0
    rows = camera.request("GET", "/api/v1/journal", token=camera.token("configure")).json()["rows"]
    assert (ZOE, "stopped-watching") in {(row["actor"], row["action"]) for row in rows}
    no_secret_and_no_address_in(camera.log.read_text())


def test_others_get_it_by_the_cameras_relay_only(
    browser: Browser, site: str, camera: Server, office: PostOffice, side: FarSide
) -> None:
    """Where there is a direct way: the owner has it, and a guest does not learn of it."""
    side.route_directly()
    away, home, guest = with_eyes(browser), new_page(browser), with_eyes(browser)
    join(away, site, office, ZOE)
    pair(home, away, camera, site)
    open_from_portal(away, site)
    wait_for_rung(away, "webrtc")
    assert DEVICE in ways(away)["answer"]

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
    wait_for_rung(guest, "turn")
    seen = ways(guest)
    assert seen["pair"][1] == "relay"
    assert set(seen["remote"]) == {TURN}
    assert set(re.findall(r"\d+\.\d+\.\d+\.\d+", seen["answer"])) <= {TURN, "0.0.0.0", "127.0.0.1"}

    owner.reload()
    owner.get_by_role("button", name="End it").click()
    expect(owner.get_by_text("It is no longer shared")).to_be_visible()
    guest.wait_for_selector('html:not([data-state="live"])', state="attached", timeout=5_000)
    wait_for_rung(away, "webrtc")


def test_without_the_portal_there_is_no_relay_and_it_is_said(
    browser: Browser, site: str, portal: ExitStack, camera: Server, office: PostOffice, side: FarSide
) -> None:
    """Somebody comes in with the camera's own password while the portal is gone: what is direct goes on."""
    away, home = with_eyes(browser), new_page(browser)
    join(away, site, office, ZOE)
    pair(home, away, camera, site)
    away.goto("about:blank")
    portal.close()
    away.goto(f"https://{NAME}/login")
    away.get_by_label("Name").fill(OWNER)
    away.get_by_label("Password", exact=True).fill(PASSWORD)
    away.get_by_role("button", name="Sign in", exact=True).click()
    expect(away.locator("#notice-sentence")).to_contain_text("the portal lends no relay", timeout=25_000)
    side.route_directly()
    away.wait_for_selector('html[data-state="live"][data-rung="webrtc"]', state="attached", timeout=40_000)
