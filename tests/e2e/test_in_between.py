"""Somebody at the far end of the tunnel who would like to see the pictures; a browser that remembers the camera's key."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect

from tests.e2e.conftest import CHROMIUM, FLAGS, sign_in, wait_for_state
from tests.portal.edge import Edge, edge
from tests.portal.meddling import Meddler, with_other_fingerprint, without_proof
from tests.server import OWNER, PASSWORD, Server, serving

NAME = "cam.picam.test"
PUBLIC = f"https://{NAME}"
REFUSED = "was not signed by the camera that this browser remembers"


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data = tmp_path_factory.mktemp("in-between")
    environment = {"PI_CAM_TUNNEL_HOST": NAME}
    source = "synthetic:?size=320x240&fps=15"
    with serving(data, source, owner=True, tunnel=True, environment=environment) as server:
        yield server


@pytest.fixture(scope="module")
def tunnel(tmp_path_factory: pytest.TempPathFactory, camera: Server) -> Iterator[Edge]:
    with edge(tmp_path_factory.mktemp("edge")) as running:
        running.names[NAME] = camera.through_tunnel().address()[1]
        yield running


@pytest.fixture(scope="module")
def outside(playwright: Playwright, tunnel: Edge) -> Iterator[Browser]:
    """One for which the camera's public name leads to the edge."""
    rules = f"--host-resolver-rules=MAP {NAME} 127.0.0.1:{tunnel.port}"
    chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, rules, "--ignore-certificate-errors"])
    yield chromium
    chromium.close()


@pytest.fixture
def meddler(tunnel: Edge) -> Meddler:
    tunnel.meddler = Meddler()
    return tunnel.meddler


@pytest.fixture
def context(outside: Browser) -> Iterator[BrowserContext]:
    context = outside.new_context(locale="en-GB", viewport={"width": 1280, "height": 800})
    context.set_default_timeout(15_000)
    yield context
    context.close()


@pytest.fixture
def home(context: BrowserContext, camera: Server) -> Page:
    """The owner's page at home."""
    page = context.new_page()
    sign_in(page, camera)
    page.wait_for_url(camera.url + "/")
    page.goto(camera.url + "/remote")
    return page


@pytest.fixture
def away(context: BrowserContext) -> Page:
    """The same browser, through the tunnel; it sees how many packets of media came, and what was sent."""
    page = context.new_page()
    page.add_init_script(COUNTING)
    page.goto(f"{PUBLIC}/login")
    page.get_by_label("Name").fill(OWNER)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(f"{PUBLIC}/")
    return page


COUNTING = """
window.connections = [];
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...given) { super(...given); window.connections.push(this); }
};
"""
DESCRIBED = "window.connections.map((one) => [one.remoteDescription !== null, one.connectionState])"


def remember(home: Page, away: Page) -> str:
    """By the link on the page at home; the code that both show."""
    code = home.locator(".device-code").inner_text()
    link = home.get_by_role("link", name="Let this browser remember the camera").get_attribute("href")
    assert link is not None
    assert re.fullmatch(rf"{PUBLIC}/remember#[\w-]{{43}}", link)
    away.goto(link)
    expect(away.locator("#offered")).to_have_text(code)
    assert away.url == f"{PUBLIC}/remember"
    away.get_by_role("button", name="Yes, remember it").click()
    expect(away.locator("#known")).to_have_text(code)
    return code


def watch(page: Page, expected: str) -> None:
    page.goto(f"{PUBLIC}/")
    page.wait_for_selector(f'html[data-identity="{expected}"]', state="attached")


def test_without_a_key_it_says_that_it_cannot_tell(away: Page, home: Page, meddler: Meddler) -> None:
    watch(away, "unverified")
    assert wait_for_state(away, "live") == "live"
    expect(away.locator("#identity")).to_have_text("Not verified")
    away.get_by_text("Details").click()
    expect(away.locator("#identity-code")).to_have_text(home.locator(".device-code").inner_text())
    away.get_by_role("link", name="Compare it and remember it").click()
    away.get_by_role("button", name="Yes, remember it").click()
    watch(away, "verified")


def test_an_honest_edge_is_verified(away: Page, home: Page, meddler: Meddler) -> None:
    remember(home, away)
    watch(away, "verified")
    assert wait_for_state(away, "live") == "live"
    expect(away.locator("#identity")).to_have_text("Verified")


@pytest.mark.parametrize("trick", ["take_its_place", "sign_as_ours"])
def test_fingerprint_and_key_changed_together(away: Page, home: Page, meddler: Meddler, trick: str) -> None:
    """With the key remembered it is refused before anything flows; without it, nobody is told that all is well."""
    code = home.locator(".device-code").inner_text()
    meddler.change_answer = getattr(meddler, trick)
    watch(away, "unverified")
    away.get_by_text("Details").click()
    expect(away.locator("#identity-code")).to_have_text(re.compile(r"([a-z2-7]{4}-){4}[a-z2-7]{4}"))
    assert away.locator("#identity-code").inner_text() != code
    remember(home, away)
    watch(away, "forged")
    refused(away)
    meddler.be_honest()
    away.get_by_role("button", name="Try again").click()
    assert wait_for_state(away, "live") == "live"
    expect(away.locator("#identity")).to_have_text("Verified")


def refused(page: Page) -> None:
    assert wait_for_state(page, "failed") == "failed"
    expect(page.locator("#notice-sentence")).to_contain_text(REFUSED)
    expect(page.locator("#identity")).to_be_hidden()
    # Never an answer, so never an address or a key to send anything to; and no further try by itself.
    assert page.evaluate(DESCRIBED) == [[False, "closed"]]
    page.wait_for_timeout(1500)
    assert page.evaluate(DESCRIBED) == [[False, "closed"]]


@pytest.mark.parametrize("trick", ["replay", "with_an_old_signature"])
def test_what_was_signed_before_is_worth_nothing(away: Page, home: Page, meddler: Meddler, trick: str) -> None:
    remember(home, away)
    watch(away, "verified")
    meddler.change_answer = getattr(meddler, trick)
    watch(away, "forged")
    refused(away)


def test_an_answer_without_a_word_of_the_device_is_refused(away: Page, home: Page, meddler: Meddler) -> None:
    remember(home, away)
    meddler.change_answer = without_proof
    watch(away, "forged")
    refused(away)


def test_an_offer_that_was_changed_on_its_way_is_noticed(away: Page, home: Page, meddler: Meddler) -> None:
    remember(home, away)
    meddler.change_offer = with_other_fingerprint
    watch(away, "forged")
    refused(away)


def test_a_link_with_another_key_warns_and_changes_nothing_by_itself(away: Page, home: Page, meddler: Meddler) -> None:
    code = remember(home, away)
    away.goto("about:blank")
    away.goto(f"{PUBLIC}/remember#{meddler.public_key}")
    expect(away.get_by_role("alert")).to_contain_text("remembers another device under this name")
    expect(away.locator("#remembered")).to_have_text(code)
    watch(away, "verified")
    away.goto(f"{PUBLIC}/remember")
    away.get_by_role("button", name="Forget it").click()
    expect(away.get_by_text("There is no key in this address")).to_be_visible()
    watch(away, "unverified")


def test_at_home_nothing_is_said_of_it(home: Page, camera: Server, meddler: Meddler) -> None:
    home.goto(camera.url + "/")
    assert wait_for_state(home, "live") == "live"
    expect(home.locator("#identity")).to_be_hidden()
    assert home.evaluate("document.documentElement.dataset.identity") == "unverified"
