"""The hotspot's page in a phone's browser, by plain HTTP from the hotspot's address: chosen, sealed, sent, told."""

from __future__ import annotations

import asyncio
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect

from pi_cam.setup_wizard import wifi_keeper
from pi_cam.setup_wizard.captive import HEAD_BYTES_MAX, ORIGIN, Captive
from pi_cam.setup_wizard.captive_page import CaptivePage
from pi_cam.setup_wizard.hotspot import Hotspot, Times
from pi_cam.setup_wizard.network_profiles import HOTSPOT_ADDRESS
from pi_cam.setup_wizard.wifi_keeper import Keeper
from pi_cam.setup_wizard.wifi_wishes import Found
from tests.scripted_radio import ScriptedRadio

HOME, PASSWORD = "Maison d’Été 🏠", "un mot de passe"
SCAN = [
    Found(HOME.encode(), 82, "wpa"),
    Found(b"Livebox-5F20", 64, "wpa"),
    Found("<b>Caf\N{LATIN SMALL LETTER E WITH ACUTE}</b>".encode(), 51, "open", "none"),
    Found(b"ENTREPRISE", 33, "enterprise", "wpa-eap"),
    Found(b"vieux-routeur", 21, "wep", "none"),
]
PHONE: ViewportSize = {"width": 390, "height": 844}


async def nothing(_wanted: bool) -> None: ...


class Hotel:
    """The hotspot, served in a thread. `radio` is what the camera has."""

    def __init__(self) -> None:
        self.radio = ScriptedRadio(*SCAN, slow=1.0)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._tasks: list[asyncio.Task[None]] = []
        self._do(self._begin())

    def end(self) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def _do(self, work: Any) -> None:
        future: Future[None] = asyncio.run_coroutine_threadsafe(work, self._loop)
        future.result(60)

    async def _begin(self) -> None:
        page = CaptivePage()
        await page.prepare()
        rule = Hotspot(self._loop.time, Times(settle=0.0))
        keeper = Keeper(self.radio, rule, "Camera-7Q2M", nothing, self._loop.time)
        self._tasks = [asyncio.create_task(keeper.run())]
        self._server = await asyncio.start_server(
            Captive(keeper, page, lambda: "pi-cam-k7qx2m.local").meet, HOTSPOT_ADDRESS, 80, limit=HEAD_BYTES_MAX
        )
        while not keeper.is_hotspot:  # noqa: ASYNC110  as a phone looks
            await asyncio.sleep(0.01)

    async def _end(self) -> None:
        self._server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0.05)
        await self._loop.shutdown_default_executor()


@pytest.fixture
def hotel(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hotel]:
    monkeypatch.setattr(wifi_keeper, "ANSWER_SECONDS", 0.5)
    subprocess.run(["ip", "address", "replace", f"{HOTSPOT_ADDRESS}/32", "dev", "lo"], check=True)
    hotel = Hotel()
    yield hotel
    hotel.end()


@pytest.fixture
def phone(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(locale="fr-FR", viewport=PHONE, device_scale_factor=2, has_touch=True, is_mobile=True)
    yield context
    context.close()


@pytest.fixture
def page(phone: BrowserContext) -> Page:
    return phone.new_page()


def test_wrong_then_right(hotel: Hotel, page: Page) -> None:
    hotel.radio.outcomes = ["wrong_password", None]
    bodies: list[str] = []
    page.on("request", lambda request: bodies.append(request.post_data or ""))
    troubles: list[str] = []
    page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    page.goto(f"{ORIGIN}/generate_204")
    assert page.url == f"{ORIGIN}/setup-wifi"
    page.get_by_label(HOME).check()
    page.get_by_label("Mot de passe du Wi-Fi").fill("trop faux !")
    page.get_by_role("button", name="Connecter").click()
    expect(page.get_by_role("heading", name=f"La caméra rejoint « {HOME} »")).to_be_visible()
    expect(page.get_by_text("https://pi-cam-k7qx2m.local")).to_be_visible()
    expect(page.get_by_text("le Wi-Fi « Camera-7Q2M » revient")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text(f"« {HOME} » a refusé le mot de passe", timeout=20_000)
    page.get_by_label(HOME).check()
    page.get_by_label("Mot de passe du Wi-Fi").fill(PASSWORD)
    page.get_by_label("Afficher le mot de passe").check()
    page.get_by_role("button", name="Connecter").click()
    expect(page.get_by_role("heading", name="La caméra rejoint")).to_be_visible()
    page.wait_for_timeout(2000)
    assert [one.passphrase for one in hotel.radio.wishes] == ["trop faux !", PASSWORD]
    assert hotel.radio.wishes[1].ssid == HOME.encode()
    sealed = [body for body in bodies if "sealed" in body]
    assert len(sealed) == 2
    assert not [body for body in sealed if "mot de passe" in body or "faux" in body]
    assert not [text for text in troubles if "Content Security Policy" in text]


def test_what_it_does_not_speak_is_said_when_chosen(hotel: Hotel, page: Page) -> None:
    page.goto(f"{ORIGIN}/setup-wifi?lang=en")
    page.get_by_label("vieux-routeur").check()
    expect(page.get_by_role("alert")).to_contain_text("WEP")
    page.get_by_label("ENTREPRISE").check()
    expect(page.get_by_role("alert")).to_contain_text("enterprise")
    page.get_by_label("<b>Café</b>").check()
    expect(page.get_by_role("alert")).to_be_hidden()
    expect(page.get_by_label("Password of the Wi-Fi")).to_be_hidden()


def test_a_hidden_network(hotel: Hotel, page: Page) -> None:
    hotel.radio.outcomes = [None]
    page.goto(f"{ORIGIN}/setup-wifi?lang=en")
    page.get_by_label("Another network").check()
    page.get_by_label("Name of the network").fill("Tout caché")
    page.get_by_label("Password of the Wi-Fi").fill("short")
    page.get_by_role("button", name="Join", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("8 to 63 characters")
    page.get_by_label("Password of the Wi-Fi").fill(PASSWORD)
    page.get_by_role("button", name="Join", exact=True).click()
    expect(page.get_by_role("heading", name="Tout caché")).to_be_visible()


@pytest.mark.parametrize("language", ["fr", "en"])
def test_it_fits_a_phone(hotel: Hotel, page: Page, language: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    page.goto(f"{ORIGIN}/setup-wifi?lang={language}")
    page.get_by_label(HOME).check()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    small = page.locator("button:visible, a:visible, .networks label").evaluate_all(
        "all => all.filter(one => one.getBoundingClientRect().height < 44).map(one => one.outerHTML)"
    )
    assert small == []
    (tmp_path_factory.mktemp("captive") / f"{language}.png").write_bytes(page.screenshot())
