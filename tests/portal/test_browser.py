"""A person, a browser and a mailbox: from signing up to ending a sign-in elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect

from tests.e2e.conftest import CHROMIUM, FLAGS
from tests.e2e.test_second_factors import AUTHENTICATOR
from tests.portal.post_office import PostOffice
from tests.portal.visitor import PASSWORD

ZOE = "zoe@example.org"


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
    yield chromium
    chromium.close()


def new_page(browser: Browser, complaints: list[str], locale: str = "en-GB", width: int = 1280) -> Page:
    page = browser.new_context(locale=locale, viewport={"width": width, "height": 800}).new_page()
    page.set_default_timeout(15_000)
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return page


def test_sign_up_passkey_sign_in_list_revoke(browser: Browser, site: str, office: PostOffice) -> None:
    complaints: list[str] = []
    page = new_page(browser, complaints)
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    session.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})

    page.goto(site)
    page.get_by_role("link", name="Make an account").click()
    page.get_by_label("E-mail address").fill(ZOE)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Look into your mail")).to_be_visible()

    page.goto(site + office.link(ZOE))
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Confirm and sign in").click()
    expect(page.get_by_role("heading", name="My account")).to_be_visible()

    page.get_by_label("Name of the new passkey").fill("My phone")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("heading", name="My phone")).to_be_visible()
    page.get_by_role("button", name="Sign out", exact=True).click()
    expect(page).to_have_url(re.compile("/signin"))
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("heading", name="My account")).to_be_visible()
    expect(page.get_by_text("Last used:")).to_be_visible()

    elsewhere = new_page(browser, complaints, "fr-FR")
    elsewhere.goto(site + "/signin")
    elsewhere.get_by_label("Adresse e-mail").fill(ZOE)
    elsewhere.get_by_label("Mot de passe", exact=True).fill(PASSWORD)
    elsewhere.keyboard.press("Enter")
    expect(elsewhere.get_by_role("heading", name="Mon compte")).to_be_visible()

    page.reload()
    cards = page.locator("#sign-ins + ul .card")
    expect(cards).to_have_count(2)
    cards.get_by_role("button", name="Sign out there").click()
    expect(cards).to_have_count(1)
    elsewhere.reload()
    expect(elsewhere).to_have_url(re.compile("/signin"))
    assert complaints == []
    page.context.close()
    elsewhere.context.close()


OF_ACCOUNT = ("password", "email", "second-factor", "delete")
PAGES = (
    "signin",
    "signup",
    "forgot",
    "confirm",
    "reset/x",
    "verify",
    "account",
    *(f"account/{one}" for one in OF_ACCOUNT),
)


@pytest.mark.parametrize("locale", ["en-GB", "fr-FR"])
def test_by_keyboard_on_a_narrow_screen(browser: Browser, site: str, office: PostOffice, locale: str) -> None:
    """No page is wider than 320 pixels, none breaks the rules that it was sent with, and Tab and Enter reach everything."""
    complaints: list[str] = []
    page = new_page(browser, complaints, locale, width=320)
    page.goto(site + "/signup")
    by_tab(page, "email", ZOE)
    by_tab(page, "password", PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator(".lead strong")).to_have_text(ZOE)
    page.goto(site + office.link(ZOE))
    by_tab(page, "password", PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("#passkeys")).to_be_visible()
    for path in PAGES:
        page.goto(f"{site}/{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, path
        assert page.locator("h1").count() == 1, path
        fields = page.locator("main input:not([type=hidden]):not([hidden])").all()
        assert all(field.evaluate("(one) => one.labels.length > 0") for field in fields), path
    assert [one for one in complaints if "422" not in one] == []  # the link that is none
    page.context.close()


def by_tab(page: Page, field: str, text: str) -> None:
    """Goes to a field as somebody without a mouse does, and types."""
    for _ in range(12):
        if page.evaluate("document.activeElement.id") == field:
            page.keyboard.type(text)
            return
        page.keyboard.press("Tab")
    pytest.fail(f"Tab does not reach {field}")
