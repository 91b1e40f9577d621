"""What can be in the way of talking, and what the live page says about it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.e2e.conftest import wait_for_state
from tests.e2e.conversing import (
    MISSING,
    NO_ANSWER,
    SOURCE,
    add,
    chip,
    note,
    someone,
    talk_button,
    tell,
    until,
    untouched,
    wait_for_talk,
    watch,
)
from tests.server import Server, serving

pytestmark = pytest.mark.timing


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """With sound of its own, and a loudspeaker that is not connected."""
    with serving(tmp_path_factory.mktemp("talk"), SOURCE, owner=True, environment=MISSING) as server:
        yield server


def test_who_loses_the_right_to_talk_in_the_middle_is_told(browser: Browser, camera: Server) -> None:
    user = add(camera, "Eve", "view", "talk")
    with someone(browser, camera, "Eve") as eve:
        eve.get_by_role("button", name="Talk hands-free").click()
        wait_for_talk(eve, "on")
        tell(camera, "PATCH", f"/api/v1/users/{user}", cameras={"main": ["view"]})
        wait_for_talk(eve, "refused", "not-allowed")
        expect(talk_button(eve)).to_be_hidden()
        expect(note(eve)).to_contain_text("You may not talk through this camera.")
        assert eve.evaluate("tracks.map(({readyState}) => readyState)") == ["ended"]
        wait_for_state(eve, "live")


def test_a_reconnection_does_not_go_on_talking(browser: Browser, camera: Server) -> None:
    with someone(browser, camera) as ada, someone(browser, camera) as other:
        ada.get_by_role("button", name="Talk hands-free").click()
        wait_for_talk(ada, "on")
        expect(chip(other)).to_have_text("Ada is talking")
        ada.evaluate("piCam.player.retry()")
        wait_for_talk(ada, "refused", "connection-lost")
        expect(chip(other)).to_be_hidden()
        assert ada.evaluate("tracks.map(({readyState}) => readyState)") == ["ended"]
        wait_for_state(ada, "live")
        ada.get_by_role("button", name="Talk hands-free").click()
        wait_for_talk(ada, "on")


@pytest.mark.parametrize("leaving", ["hidden", "closed"])
def test_whoever_leaves_takes_the_microphone_along(browser: Browser, camera: Server, leaving: str) -> None:
    with someone(browser, camera) as ada, someone(browser, camera) as other:
        ada.get_by_role("button", name="Talk hands-free").click()
        wait_for_talk(ada, "on")  # the floor may be hers before the browser has opened her microphone
        expect(chip(other)).to_have_text("Ada is talking")
        if leaving == "closed":
            ada.close()
        else:
            ada.evaluate(
                "Object.defineProperty(document, 'hidden', {value: true, configurable: true});"
                "document.dispatchEvent(new Event('visibilitychange'))"
            )
            assert ada.evaluate("tracks.map(({readyState}) => readyState)") == ["ended"]
        expect(chip(other)).to_be_hidden()


def test_a_microphone_that_is_unplugged(browser: Browser, camera: Server) -> None:
    with someone(browser, camera) as ada:
        ada.get_by_role("button", name="Talk hands-free").click()
        wait_for_talk(ada, "on")
        ada.evaluate("tracks[0].dispatchEvent(new Event('ended'))")
        wait_for_talk(ada, "refused", "microphone-gone")
        expect(note(ada)).to_contain_text("Your microphone was disconnected.")


def test_permission_refused(browser: Browser, camera: Server) -> None:
    with someone(browser, camera, microphone=False) as ada, someone(browser, camera) as other:
        ada.keyboard.down("t")
        wait_for_talk(ada, "refused", "denied")
        expect(note(ada)).to_contain_text("This page may not use your microphone.")
        ada.keyboard.up("t")
        expect(chip(other)).to_be_hidden()
        note(ada).get_by_role("button", name="Close").click()
        expect(note(ada)).to_be_hidden()


def test_a_question_that_is_never_answered(browser: Browser, camera: Server) -> None:
    with (
        someone(browser, camera, microphone=False, script=NO_ANSWER) as ada,
        someone(browser, camera) as other,
    ):
        ada.get_by_role("button", name="Talk hands-free").click()
        wait_for_talk(ada, "asking", "prompt", seconds=2)
        expect(note(ada)).to_contain_text("Please allow it.")
        wait_for_talk(ada, "refused", "unanswered", seconds=25)
        expect(note(ada)).to_contain_text("The browser asks whether this page may use your microphone.")
        expect(chip(other)).to_be_hidden()
        wait_for_state(ada, "live")


def test_without_https(browser: Browser, camera: Server) -> None:
    port = camera.address()[1]
    away = Server(f"http://pi-cam.local:{port}", None, camera.data, camera.process, camera.log)
    with (
        untouched(browser, "--host-resolver-rules=MAP pi-cam.local 127.0.0.1") as other,
        someone(other, away, microphone=False) as ada,
    ):
        assert ada.evaluate("isSecureContext") is False
        ada.keyboard.down("t")
        wait_for_talk(ada, "refused", "insecure")
        expect(note(ada)).to_contain_text("Open this camera at its address that begins with https.")


def test_a_loudspeaker_that_its_owner_muted(page: Page, context: BrowserContext, camera: Server) -> None:
    context.grant_permissions(["microphone"])
    watch(page, camera)
    tell(camera, "PATCH", "/api/v1/settings", loudspeaker_muted=True)
    try:
        until(page, "piCam.player.line.sound.talk.muted")
        page.keyboard.down("t")
        wait_for_talk(page, "refused", "loudspeaker-muted")
        expect(page.locator('[data-detail="talk"]')).to_have_text("Loudspeaker muted")
        page.keyboard.up("t")
    finally:
        tell(camera, "PATCH", "/api/v1/settings", loudspeaker_muted=False)
    wait_for_talk(page, "off")
