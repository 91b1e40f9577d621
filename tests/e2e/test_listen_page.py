"""Listening on the live page: sound is there when it is wanted, and what is in the way is said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.clips import real_clip
from tests.e2e.conftest import wait_for_state
from tests.e2e.conversing import (
    LISTEN,
    MISSING,
    SOURCE,
    someone,
    sound_button,
    talk_button,
    tell,
    until,
    untouched,
    wait_for_talk,
    watch,
)
from tests.rtsp_camera import rtsp
from tests.server import Server, serving
from tests.speech import speech
from tests.virtual_sound import VirtualSound

pytestmark = pytest.mark.timing


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """With sound of its own, and a loudspeaker that is not connected."""
    with serving(tmp_path_factory.mktemp("talk"), SOURCE, owner=True, environment=MISSING) as server:
        yield server


def test_sound_is_heard_when_it_is_wanted_and_only_then(page: Page, camera: Server) -> None:
    watch(page, camera)
    assert page.evaluate(LISTEN, 1_200) == 0
    expect(sound_button(page)).to_have_attribute("aria-pressed", "false")
    sound_button(page).click()
    expect(sound_button(page)).to_have_attribute("aria-pressed", "true")
    assert page.evaluate(LISTEN, 2_500) > 0.1
    until(page, "Number(document.querySelector('#level').style.getPropertyValue('--level')) > 0.3")
    page.keyboard.press("m")
    expect(page.locator("html")).to_have_attribute("data-sound", "off")
    assert page.evaluate(LISTEN, 1_500) == 0
    assert page.evaluate("document.querySelector('video').srcObject.getTracks().map(({kind}) => kind).sort()") == [
        "audio",
        "video",
    ]


def test_sound_comes_back_with_the_connection_and_with_the_page(page: Page, camera: Server) -> None:
    watch(page, camera)
    sound_button(page).click()
    page.evaluate("piCam.player.retry()")
    wait_for_state(page, "live")
    assert page.evaluate(LISTEN, 2_500) > 0.1
    page.reload()
    wait_for_state(page, "live")
    assert page.evaluate(LISTEN, 2_500) > 0.1


def test_a_browser_that_plays_no_sound_by_itself_shows_the_picture_and_says_so(
    browser: Browser, camera: Server
) -> None:
    with untouched(browser) as other, someone(other, camera) as page:
        fresh = page.context.new_page()
        fresh.add_init_script("sessionStorage.setItem('pi-cam.sound', 'on')")
        fresh.goto(camera.url)
        fresh.wait_for_timeout(3_000)  # to Chromium, a look by this test is a person's touch
        expect(fresh.get_by_text("The browser keeps the sound off until you press the button “Sound”.")).to_be_visible()
        assert fresh.evaluate("[document.querySelector('video').muted, document.querySelector('video').paused]") == [
            True,
            False,
        ]
        sound_button(fresh).click()
        expect(fresh.locator("#sound-note")).to_be_hidden()
        assert fresh.evaluate(LISTEN, 2_500) > 0.1


def test_neither_microphone_nor_loudspeaker(page: Page, tmp_path: Path) -> None:
    off = {"PI_CAM_LOUDSPEAKER": "off", "PI_CAM_MICROPHONE": "off"}
    with serving(tmp_path, SOURCE, owner=True, environment=off) as server:
        watch(page, server)
        expect(sound_button(page)).to_be_hidden()
        expect(talk_button(page)).to_be_hidden()
        page.get_by_text("Details").click()
        expect(page.locator('[data-detail="talk"]')).to_have_text("No loudspeaker")
        expect(page.locator('[data-detail="sound"]')).to_have_text("Off")
        page.keyboard.down("t")
        wait_for_talk(page, "refused", "no-loudspeaker")
        expect(page.locator("#talk-note")).to_contain_text("This camera has no loudspeaker to talk through.")
        page.keyboard.up("t")


def test_a_microphone_that_is_not_there_and_half_duplex(browser: Browser, tmp_path: Path) -> None:
    how = {**MISSING, "PI_CAM_MICROPHONE": "none-such", "PI_CAM_ECHO_CANCELLING": "off"}
    with serving(tmp_path, SOURCE, owner=True, environment=how) as server, someone(browser, server) as ada:
        note = ada.locator("#sound-note")
        expect(ada.locator('[data-detail="talk"]')).to_have_text("The microphone is lowered while somebody talks.")
        sound_button(ada).click()
        expect(note).to_contain_text("The microphone none-such is not connected.")
        tell(server, "PATCH", "/api/v1/settings", microphone_muted=True)
        expect(note).to_contain_text("The camera’s microphone is muted.")
        sound_button(ada).click()
        expect(note).to_be_hidden()


def test_a_camera_without_sound_is_told(browser: Browser, tmp_path: Path) -> None:
    with (
        rtsp(real_clip()) as camera,
        serving(tmp_path, camera.url(), owner=True) as server,
        someone(browser, server) as ada,
    ):
        sound_button(ada).click()
        expect(ada.locator("#sound-note")).to_contain_text("Perhaps this camera has no microphone.", timeout=10_000)


def test_an_echo_that_nothing_takes_out_is_told_while_somebody_talks(browser: Browser, camera: Server) -> None:
    with someone(browser, camera) as ada:
        expect(ada.locator('[data-detail="talk"]')).to_have_text("Both sides at once, without echo cancelling")
        sound_button(ada).click()
        note = ada.locator("#sound-note")
        expect(note).to_be_hidden()
        ada.keyboard.down("t")
        expect(note).to_contain_text("whoever talks may hear themselves")
        ada.keyboard.up("t")
        expect(note).to_be_hidden()


def test_half_duplex_is_told_while_somebody_talks(browser: Browser, tmp_path: Path, sound: VirtualSound) -> None:
    how = {"PI_CAM_MICROPHONE": "vmic", "PI_CAM_LOUDSPEAKER": "vspk", "PI_CAM_ECHO_CANCELLING": "off"}
    environment = {**sound.environment, **how}
    with (
        serving(tmp_path / "data", SOURCE, owner=True, environment=environment) as server,
        someone(browser, server) as ada,
    ):
        sound_button(ada).click()
        ada.wait_for_timeout(1_000)
        sound.microphone.play(speech(2.0, "en", rms=4_000))
        assert ada.evaluate(LISTEN, 2_000) > 0.05
        note = ada.locator("#sound-note")
        expect(note).to_be_hidden()
        ada.keyboard.down("t")
        expect(note).to_contain_text("The microphone is lowered while somebody talks.")
        ada.keyboard.up("t")
        expect(note).to_be_hidden()
