"""The pages on which things are changed, as a person uses them: cameras, people, settings, the journal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, expect

from tests.e2e.conftest import sign_in, wait_for_state
from tests.server import PASSWORD, Server, serving

EVERYTHING = "view,listen,talk,control,record,configure"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path, "synthetic:?size=320x240&fps=15", owner=True) as server:
        yield server


@pytest.fixture
def owner(page: Page, server: Server) -> Iterator[Page]:
    """The owner, signed in; at the end nothing was complained of in the console."""
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error" and "Failed to load resource" not in message.text:  # refusals that are shown, too
            complaints.append(message.text)

    page.on("console", note)
    sign_in(page, server)
    wait_for_state(page, "live")
    yield page
    assert complaints == []


def test_somebody_is_let_in_watches_and_is_shown_out(owner: Page, context: BrowserContext, server: Server) -> None:
    owner.get_by_label("Menu").click()
    owner.get_by_role("link", name="People").click()
    form = owner.locator("form[data-method=POST][data-path='/api/v1/users']")
    form.get_by_label("Name").fill("Bob")
    form.get_by_label("First password").fill("short")
    form.get_by_role("checkbox", name="Watch").check()
    form.get_by_role("button", name="Let in").click()
    expect(form.get_by_role("alert")).to_contain_text("at least 15 characters")
    form.get_by_label("First password").fill(PASSWORD)
    form.get_by_role("button", name="Let in").click()
    card = owner.locator("[data-user]", has_text="Bob")
    expect(card).to_contain_text("Camera: Watch")

    browser = context.browser
    assert browser is not None
    other = browser.new_context(locale="en-GB")
    bob = other.new_page()
    bob.goto(server.url + "/login")
    bob.get_by_label("Name").fill("Bob")
    bob.get_by_label("Password", exact=True).fill(PASSWORD)
    bob.get_by_role("button", name="Sign in", exact=True).click()
    wait_for_state(bob, "live")
    expect(bob.get_by_role("button", name="Stop")).to_be_hidden()
    assert bob.goto(server.url + "/people").status == 403  # type: ignore[union-attr]
    bob.goto(server.url + "/")
    wait_for_state(bob, "live")

    card.get_by_text("Change").click()
    card.get_by_role("button", name="Remove").click()
    owner.get_by_role("button", name="Take it away").click()
    wait_for_state(bob, "signed-out", seconds=4)
    other.close()
    expect(owner.locator("[data-user]", has_text="Bob")).to_have_count(0)


def test_a_camera_is_tried_added_named_and_removed(owner: Page, server: Server) -> None:
    owner.goto(server.url + "/cameras")
    form = owner.locator("form[data-method=POST]")
    form.get_by_label("Name").fill("Hen house")
    form.get_by_label("Address", exact=True).fill("file:/etc/passwd")
    form.get_by_role("button", name="Try the address").click()
    expect(form.get_by_role("alert")).to_contain_text("starts with rtsp")
    form.get_by_label("Address", exact=True).fill("rtsp://bob:s3cret@10.99.7.7/stream1")
    form.get_by_role("button", name="Try the address").click()
    expect(form.get_by_role("alert")).to_contain_text("private network")
    form.get_by_label("It stands in my own network").check()
    form.get_by_role("button", name="Try the address").click()
    expect(form.locator("[data-checked]")).to_contain_text("does not answer", timeout=15_000)
    form.get_by_role("button", name="Add", exact=True).click()
    card = owner.locator("[data-camera='hen-house']")
    expect(card).to_contain_text("rtsp://***@10.99.7.7/stream1")
    assert "s3cret" not in owner.content()
    owner.wait_for_load_state("networkidle")  # the page came anew with the card, and its modules with it
    card.get_by_role("button", name="Move up").click()
    expect(owner.locator("[data-camera]").first).to_have_attribute("data-camera", "hen-house")
    card.get_by_text("Change").click()
    card.get_by_label("Name").fill("Door <img src=x onerror=alert(1)>")
    card.get_by_role("button", name="Save").click()
    expect(card.get_by_role("heading")).to_have_text("Door <img src=x onerror=alert(1)>")
    card.get_by_text("Change").click()
    card.get_by_role("button", name="Remove").click()
    owner.locator("#confirm").get_by_role("button", name="Remove").click()
    expect(owner.locator("[data-camera]")).to_have_count(1)


def test_a_setting_is_changed_and_the_journal_says_so(owner: Page, server: Server) -> None:
    owner.goto(server.url + "/settings")
    owner.get_by_label("Viewers at once").fill("0")
    owner.get_by_role("button", name="Save").click()  # the browser itself knows the bounds
    assert owner.locator(":invalid").count() > 0
    owner.get_by_label("Viewers at once").fill("3")
    with owner.expect_navigation():
        owner.get_by_role("button", name="Save").click()
    expect(owner.get_by_label("Viewers at once")).to_have_value("3")
    owner.goto(server.url + "/journal")
    row = owner.locator("[data-row]", has_text="A setting was changed").first
    expect(row).to_contain_text("viewers_max")
    owner.get_by_label("What", exact=True).select_option("setting-changed")
    owner.get_by_role("button", name="Show").click()
    expect(owner.locator("[data-row]")).to_have_count(1)


def test_a_token_is_shown_once(owner: Page, server: Server) -> None:
    owner.goto(server.url + "/people")
    form = owner.locator("form[data-path='/api/v1/tokens'][data-method=POST]")
    form.get_by_label("What it is for").fill("Home Assistant")
    form.get_by_role("button", name="Make a token").click()
    expect(form.locator("output")).to_contain_text("pct_")
    secret = form.locator("output").inner_text()
    assert server.request("GET", "/api/v1/cameras", token=secret).status == 200
    owner.reload()
    assert secret not in owner.content()
    owner.locator("[data-token='Home Assistant']").get_by_role("button", name="Revoke").click()
    owner.locator("#confirm").get_by_role("button", name="Revoke").click()
    expect(owner.locator("[data-token]")).to_have_count(0)
    assert server.request("GET", "/api/v1/cameras", token=secret).status == 401
