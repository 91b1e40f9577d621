"""Passkeys and authenticator apps, as a person uses them. The browser's authenticator is Chromium's own virtual one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pyotp
import pytest
from playwright.sync_api import BrowserContext, CDPSession, Page, expect

from tests.e2e.conftest import wait_for_state
from tests.server import OWNER, PASSWORD, Server, serving

AUTHENTICATOR = {
    "protocol": "ctap2",
    "ctap2Version": "ctap2_1",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path, "synthetic:", owner=True) as server:
        yield server


@pytest.fixture
def site(server: Server) -> str:
    """The server by its name: there are no passkeys under an address."""
    return re.sub(r"//[^:]+:", "//localhost:", server.url)


@pytest.fixture
def authenticator(context: BrowserContext, page: Page) -> Iterator[tuple[CDPSession, str]]:
    session = context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    yield session, session.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})["authenticatorId"]
    session.detach()


def sign_in(page: Page, site: str) -> None:
    page.goto(site + "/login")
    page.get_by_label("Name").fill(OWNER)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def turn_on(page: Page, site: str) -> tuple[pyotp.TOTP, list[str]]:
    """From the account page; what the app then knows, and the recovery codes."""
    page.goto(site + "/account")
    form = page.locator("form[data-gives=enrolment]")
    form.get_by_label("Present password").fill(PASSWORD)
    form.get_by_role("button", name="Turn it on").click()
    expect(page.get_by_role("img", name=re.compile("QR code"))).to_be_visible()
    assert page.evaluate(
        "document.querySelector('.qr').decode().then(() => document.querySelector('.qr').naturalWidth)"
    )
    app = pyotp.TOTP((page.locator("[data-secret]").text_content() or "").replace(" ", ""))
    page.get_by_label("six digits that it shows").fill(app.now())
    page.get_by_role("button", name="Confirm").click()
    codes = page.locator(".codes li")
    expect(codes).to_have_count(10)
    found = codes.all_text_contents()
    page.get_by_role("button", name="I have kept them").click()
    expect(page.get_by_text("your password opens nothing without a code")).to_be_visible()
    return app, found


def test_a_passkey_is_added_and_signs_in(page: Page, site: str, authenticator: tuple[CDPSession, str]) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    sign_in(page, site)
    wait_for_state(page, "live")
    page.goto(site + "/account")
    form = page.locator("#add-passkey")
    form.get_by_label("Name of the new passkey").fill("My phone")
    form.get_by_label("Present password").fill(PASSWORD)
    form.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("heading", name="My phone")).to_be_visible()
    page.context.clear_cookies()
    page.goto(site + "/login?next=/account")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page).to_have_url(site + "/account")
    expect(page.get_by_text("Last used")).to_be_visible()
    card = page.locator("[data-passkey]")
    card.get_by_text("Remove", exact=True).click()
    card.get_by_label("Present password").fill(PASSWORD)
    card.get_by_role("button", name="Remove this passkey").click()
    expect(card).to_have_count(0)
    assert complaints == []
    page.goto(site + "/login")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_text("This passkey was not accepted.")).to_be_visible()


def test_a_person_who_is_not_verified_is_not_let_in(
    page: Page, site: str, authenticator: tuple[CDPSession, str]
) -> None:
    session, name = authenticator
    sign_in(page, site)
    wait_for_state(page, "live")
    page.goto(site + "/account")
    form = page.locator("#add-passkey")
    form.get_by_label("Name of the new passkey").fill("My phone")
    form.get_by_label("Present password").fill("not the password")
    form.get_by_role("button").click()
    expect(form.get_by_text("The present password is wrong.")).to_be_visible()
    form.get_by_label("Present password").fill(PASSWORD)
    form.get_by_role("button").click()
    expect(page.get_by_role("heading", name="My phone")).to_be_visible()
    page.context.clear_cookies()
    session.send("WebAuthn.setUserVerified", {"authenticatorId": name, "isUserVerified": False})
    page.goto(site + "/login")
    button = page.get_by_role("button", name="Sign in with a passkey")
    button.click()
    expect(button).to_be_enabled()
    expect(page).to_have_url(site + "/login")
    page.goto(site + "/account")
    expect(page).to_have_url(re.compile("/login"))


def test_a_next_page_of_another_site_is_not_followed(
    page: Page, site: str, authenticator: tuple[CDPSession, str]
) -> None:
    sign_in(page, site)
    wait_for_state(page, "live")
    page.goto(site + "/account")
    form = page.locator("#add-passkey")
    form.get_by_label("Name of the new passkey").fill("My phone")
    form.get_by_label("Present password").fill(PASSWORD)
    form.get_by_role("button").click()
    expect(page.get_by_role("heading", name="My phone")).to_be_visible()
    for onward in ("https://evil.example/", "//evil.example", "javascript:alert(1)"):
        page.context.clear_cookies()
        page.goto(f"{site}/login?next={onward}")
        page.get_by_role("button", name="Sign in with a passkey").click()
        wait_for_state(page, "live")
        assert page.url == site + "/"


def test_under_an_address_of_numbers_passkeys_are_explained_and_not_offered(page: Page, server: Server) -> None:
    assert "127.0.0.1" in server.url
    page.goto(server.url + "/login")
    expect(page.get_by_role("button", name="Sign in with a passkey")).to_have_count(0)
    sign_in(page, server.url)
    wait_for_state(page, "live")
    page.goto(server.url + "/account")
    expect(page.get_by_text("Passkeys work under a name")).to_be_visible()


def test_an_authenticator_app_is_turned_on_used_and_turned_off(page: Page, site: str) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    sign_in(page, site)
    wait_for_state(page, "live")
    app, codes = turn_on(page, site)
    page.context.clear_cookies()

    sign_in(page, site)
    code = page.get_by_label("Six digits")
    expect(code).to_be_focused()
    assert PASSWORD not in page.content()
    code.fill("000000")
    code.press("Enter")
    expect(page.get_by_text("This code is wrong, or was used already.")).to_be_visible()
    page.get_by_label("Six digits").fill(app.at(int(page.evaluate("Date.now() / 1000")), counter_offset=1))
    page.get_by_label("Six digits").press("Enter")
    wait_for_state(page, "live")

    page.context.clear_cookies()
    sign_in(page, site)
    page.get_by_text("The app is not at hand").click()
    page.get_by_label("Recovery code").fill(codes[0])
    page.get_by_role("button", name="Sign in with the recovery code").click()
    wait_for_state(page, "live")
    page.goto(site + "/account")
    expect(page.get_by_text("Recovery codes left: 9")).to_be_visible()

    page.get_by_text("New recovery codes").click()
    form = page.locator("form[data-path$=recovery-codes]")
    form.get_by_label("Present password").fill(PASSWORD)
    form.get_by_role("button", name="Make new ones").click()
    expect(page.locator(".codes li")).to_have_count(10)
    assert not set(page.locator(".codes li").all_text_contents()) & set(codes)
    page.get_by_role("button", name="I have kept them").click()
    expect(page.get_by_text("Recovery codes left: 10")).to_be_visible()

    page.get_by_text("Turn the second factor off").click()
    form = page.locator("form[data-method=DELETE][data-path$=totp]")
    form.get_by_label("Present password").fill(PASSWORD)
    form.get_by_role("button", name="Turn it off").click()
    expect(page.get_by_role("button", name="Turn it on")).to_be_visible()
    page.context.clear_cookies()
    sign_in(page, site)
    wait_for_state(page, "live")
    assert [text for text in complaints if "401" not in text] == []
