"""Setting up a new camera with a phone, from the printed address to the live picture, in both languages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.e2e.conftest import wait_for_state
from tests.server import OWNER, PASSWORD, Server, serving

pytestmark = [pytest.mark.browser, pytest.mark.timing]

PHONE = {"width": 390, "height": 844}
LOUDEST = """new Promise((done) => {
  let loudest = 0;
  const began = performance.now();
  const timer = setInterval(() => {
    loudest = Math.max(loudest, Number(document.querySelector("#level").style.getPropertyValue("--level")));
    if (loudest > 0.1 || performance.now() - began > 10_000) [clearInterval(timer), done(loudest)];
  }, 20);
})"""
"""What the bar showed; the test card beeps each second."""

FITS = "document.documentElement.scrollWidth <= innerWidth"


@dataclass(frozen=True)
class Words:
    """What a person reads and presses."""

    locale: str
    called: str
    go_on: str
    name: str
    password: str
    make: str
    wifi_password: str
    join: str
    wrong: str
    connected: str
    listen: str
    good: str
    home_only: str
    by_themselves: str
    ready: str
    watch: str


ENGLISH = Words(
    "en-GB", "What is this camera called?", "Continue", "Your name", "Password", "Make it mine", "Wi-Fi password",
    "Join this network", "The password was wrong.", "The camera is connected to", "Listen", "Looks good", "At home only",
    "By themselves", "Your camera is ready", "Watch",
)  # fmt: skip
FRENCH = Words(
    "fr-FR", "Comment s’appelle cette caméra\u202f?", "Continuer", "Votre nom", "Mot de passe", "Prendre possession",
    "Mot de passe du Wi-Fi", "Rejoindre ce réseau", "Le mot de passe était faux.", "La caméra est connectée à",
    "Écouter", "C’est bien", "À la maison seulement", "D’elles-mêmes", "Votre caméra est prête", "Regarder",
)  # fmt: skip


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path, "synthetic:", module="tests.wizard_host") as server:
        yield server


def phone(browser: Browser, locale: str, *, scripts: bool = True, zone: str = "Europe/Paris") -> BrowserContext:
    context = browser.new_context(
        locale=locale,
        timezone_id=zone,
        viewport=PHONE,  # type: ignore[arg-type]
        is_mobile=True,
        has_touch=True,
        java_script_enabled=scripts,
    )
    context.set_default_timeout(15_000)
    return context


def at(page: Page, step: str) -> None:
    """On the page of this step, which fits the phone."""
    expect(page).to_have_url(re.compile(f"/setup/{step}$"))
    assert page.evaluate(FITS), step


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).tap()


@pytest.mark.parametrize("words", [ENGLISH, FRENCH], ids=["en", "fr"])
def test_the_whole_way_on_a_phone(browser: Browser, server: Server, words: Words) -> None:
    context = phone(browser, words.locale)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.goto(f"{server.url}/setup/language#code={server.setup_code}")
    page.get_by_label(words.called).fill("Hühner & Co")
    press(page, words.go_on)
    expect(page).to_have_url(re.compile("/setup/owner$"))  # and the code came along
    page.get_by_label(words.name).fill(OWNER)
    page.get_by_label(words.password, exact=True).fill(PASSWORD)
    press(page, words.make)
    at(page, "wifi")
    page.get_by_text("Maison", exact=True).tap()
    page.get_by_label(words.wifi_password, exact=True).fill("not this one")
    press(page, words.join)
    expect(page.get_by_text(words.wrong)).to_be_visible()  # by itself, when it is known
    page.get_by_role("radio", name=re.compile("Maison")).check()
    page.get_by_label(words.wifi_password, exact=True).fill("correct horse battery")
    press(page, words.join)
    expect(page.get_by_text(words.connected)).to_be_visible()
    press(page, words.go_on)
    at(page, "camera")
    wait_for_state(page, "live")
    assert page.evaluate("document.querySelector('video').videoWidth") == 1280
    press(page, words.listen)
    assert page.evaluate(LOUDEST) > 0.1
    press(page, words.good)
    at(page, "time")
    expect(page.locator("#time_zone")).to_have_value("Europe/Paris")
    press(page, words.go_on)
    at(page, "remote")
    press(page, words.home_only)
    at(page, "updates")
    expect(page.get_by_label(words.by_themselves)).to_be_checked()
    press(page, words.go_on)
    at(page, "done")
    expect(page.get_by_role("heading", name=words.ready)).to_be_visible()
    page.get_by_role("link", name=words.watch, exact=True).tap()
    wait_for_state(page, "live")
    expect(page.get_by_role("heading", name="Hühner & Co")).to_be_visible()
    assert [text for text in complaints if "422" not in text] == []
    context.close()


def test_without_scripts_and_with_a_break(browser: Browser, tmp_path: Path) -> None:
    words = ENGLISH
    context = phone(browser, words.locale, scripts=False)
    with serving(tmp_path, "synthetic:?size=320x180", module="tests.wizard_host") as server:
        page = context.new_page()
        page.goto(server.url + "/setup")
        press(page, words.go_on)
        page.get_by_label("Setup code").fill(server.setup_code or "")
        page.get_by_label(words.name).fill(OWNER)
        page.get_by_label(words.password, exact=True).fill(PASSWORD)
        press(page, words.make)
        page.get_by_role("radio", name=re.compile("Maison")).check()
        page.get_by_label(words.wifi_password, exact=True).fill("correct horse battery")
        press(page, words.join)
        expect(page.get_by_text(words.connected)).to_be_visible(timeout=20_000)  # the page looks by itself
        port = int(server.url.rpartition(":")[2])
    with serving(tmp_path, "synthetic:?size=320x180", owner=True, module="tests.wizard_host", port=port) as server:
        page.goto(server.url + "/setup")
        expect(page).to_have_url(re.compile("/setup/wifi$"))
        press(page, "Skip this step")
        picture = page.locator("noscript img, .picture img").first
        expect(picture).to_be_visible()
        press(page, words.good)
        page.get_by_label("Time zone").select_option("Europe/Paris")
        press(page, words.go_on)
        press(page, words.home_only)
        press(page, words.go_on)
        expect(page.get_by_role("heading", name=words.ready)).to_be_visible()
    context.close()


def test_a_camera_that_went_to_the_other_network_is_said_so(browser: Browser, tmp_path: Path) -> None:
    context = phone(browser, "en-GB")
    page = context.new_page()
    with serving(tmp_path, "synthetic:?size=320x180", owner=True, module="tests.wizard_host") as server:
        page.goto(server.url + "/login")
        page.get_by_label("Name").fill(OWNER)
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).tap()
        wait_for_state(page, "live")
        page.goto(server.url + "/setup/wifi")
        page.get_by_role("radio", name=re.compile("Maison")).check()
        page.get_by_label("Wi-Fi password", exact=True).fill("correct horse battery")
        press(page, "Join this network")
        expect(page.get_by_text("This takes up to half a minute.")).to_be_visible()
    expect(page.get_by_text("This page does not reach the camera any more")).to_be_visible()
    context.close()


def test_the_printed_address_leads_to_the_owner_at_once(browser: Browser, server: Server) -> None:
    context = phone(browser, "en-GB")
    page = context.new_page()
    page.goto(f"{server.url}/setup#code={server.setup_code}")
    page.get_by_label("Name").fill(OWNER)
    assert page.get_by_label("Setup code").input_value() == server.setup_code
    expect(page).to_have_url(re.compile("/setup/owner$"))
    context.close()


def test_a_camera_that_is_missing_is_said_in_words(browser: Browser, tmp_path: Path) -> None:
    with serving(tmp_path, "rtsp://127.0.0.1:9/none", owner=True) as server:
        context = phone(browser, "en-GB")
        page = context.new_page()
        page.goto(server.url + "/login")
        page.get_by_label("Name").fill(OWNER)
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).tap()
        wait_for_state(page, "unreachable")
        page.goto(server.url + "/setup/camera")
        expect(page.get_by_role("heading", name="The camera cannot be reached")).to_be_visible()
        expect(page.locator("#notice-sentence")).to_contain_text("refuses the connection")
        context.close()


def test_the_owner_comes_back_to_it_and_times_are_the_cameras(browser: Browser, tmp_path: Path) -> None:
    with serving(tmp_path, "synthetic:?size=320x180", owner=True) as server:
        context = phone(browser, "en-GB", zone="America/New_York")
        page = context.new_page()
        page.goto(server.url + "/login")
        page.get_by_label("Name").fill(OWNER)
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).tap()
        wait_for_state(page, "live")
        for path in ("/settings", "/system"):
            page.goto(server.url + path)
            page.get_by_role("link", name="Go through the steps of setting up again").tap()
            expect(page).to_have_url(re.compile("/setup/language$"))
        page.goto(server.url + "/setup/camera")
        wait_for_state(page, "live")
        assert server.request("POST", "/api/v1/cameras/main/stop", token=server.token("control")).status == 200
        wait_for_state(page, "stopped")
        press(page, "Start")
        wait_for_state(page, "live")
        page.goto(server.url + "/setup/time")
        expect(page.locator("#time_zone")).to_have_value("America/New_York")
        page.get_by_label("Time zone of the camera’s place").select_option("Asia/Tokyo")
        expect(page.locator("#now")).to_contain_text("There it is now:")
        press(page, "Continue")
        at(page, "remote")
        page.goto(server.url + "/system")
        expect(page.locator("time[data-seconds]").first).to_contain_text(re.compile(r"GMT\+9|JST"))
        context.close()
