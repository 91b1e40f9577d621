"""Talking on the live page, as people do it: with the mouse, a finger, the keyboard, hands-free, and one at a time.

That the voice comes out of the loudspeaker is shown in test_two_way.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.conftest import wait_for_state
from tests.e2e.conversing import (
    MISSING,
    MISSING_SENTENCE,
    SOURCE,
    add,
    chip,
    note,
    someone,
    sound_button,
    talk_button,
    wait_for_talk,
)
from tests.server import Server, serving
from tests.virtual_sound import VirtualSound

pytestmark = pytest.mark.timing


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """With sound of its own, and a loudspeaker that is not connected."""
    with serving(tmp_path_factory.mktemp("talk"), SOURCE, owner=True, environment=MISSING) as server:
        yield server


def test_held_with_the_mouse_everybody_sees_who_talks(browser: Browser, camera: Server) -> None:
    with someone(browser, camera) as ada, someone(browser, camera) as other:
        talk_button(ada).hover()
        ada.mouse.down()
        wait_for_talk(ada, "on")
        expect(talk_button(ada)).to_have_attribute("aria-pressed", "true")
        expect(chip(ada)).to_have_text("You are talking")
        expect(chip(other)).to_have_text("Ada is talking")
        ada.mouse.move(5, 5)  # the hand may wander
        ada.wait_for_timeout(400)
        wait_for_talk(ada, "on")
        expect(note(ada)).to_contain_text(MISSING_SENTENCE)
        ada.mouse.up()
        expect(talk_button(ada)).to_have_attribute("aria-pressed", "false")
        expect(chip(ada)).to_be_hidden()
        expect(chip(other)).to_be_hidden()
        expect(note(ada)).to_contain_text(MISSING_SENTENCE)  # it was not heard
        assert ada.evaluate("connections") == 1
        assert ada.evaluate("tracks.map(({readyState}) => readyState)") == ["live"]  # for the next word


def test_the_voice_comes_out_of_the_loudspeaker_while_the_button_is_held(
    browser: Browser, tmp_path: Path, sound: VirtualSound
) -> None:
    how = {**sound.environment, "PI_CAM_LOUDSPEAKER": "vspk"}
    with serving(tmp_path / "data", SOURCE, owner=True, environment=how) as server, someone(browser, server) as ada:
        for _ in range(
            2
        ):  # the second time with the microphone still at hand, and the loudspeaker open or not any more
            before = sound.loudspeaker.samples()
            ada.keyboard.down("t")
            wait_for_talk(ada, "on")
            ada.wait_for_timeout(2_500)  # Chromium's own microphone beeps every second
            ada.keyboard.up("t")
            assert np.abs(sound.loudspeaker.since(before)).max(initial=0) > 1_000
            expect(chip(ada)).to_be_hidden()
            ada.wait_for_timeout(300)
            released = sound.loudspeaker.samples()
            ada.wait_for_timeout(1_500)
            assert np.abs(sound.loudspeaker(released)).max(initial=0) < 50
        assert ada.evaluate("[connections, tracks.length]") == [1, 1]
        expect(note(ada)).to_be_hidden()


@pytest.mark.parametrize("key", ["t", " ", "Enter"])
def test_held_with_the_keyboard(browser: Browser, camera: Server, key: str) -> None:
    with someone(browser, camera) as ada:
        if key != "t":
            talk_button(ada).focus()
        ada.keyboard.down(key)
        wait_for_talk(ada, "on")
        ada.keyboard.down(key)  # as a keyboard repeats
        ada.wait_for_timeout(400)
        wait_for_talk(ada, "on")
        ada.keyboard.up(key)
        expect(chip(ada)).to_be_hidden()
        assert wait_for_state(ada, "live")  # the space bar did not pause the picture


def test_held_with_a_finger(browser: Browser, camera: Server) -> None:
    with someone(browser, camera, has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844}) as ada:
        box = talk_button(ada).bounding_box()
        assert box is not None
        assert box["height"] >= 44
        finger = ada.context.new_cdp_session(ada)
        place = {"x": box["x"] + 40, "y": box["y"] + 20}
        finger.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [place]})
        wait_for_talk(ada, "on")
        finger.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [{"x": 20, "y": 300}]})
        ada.wait_for_timeout(700)  # as long as it takes until a phone makes a menu or a selection of it
        wait_for_talk(ada, "on")
        assert ada.evaluate("getSelection().toString()") == ""
        finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        expect(chip(ada)).to_be_hidden()


def test_hands_free(browser: Browser, camera: Server) -> None:
    with someone(browser, camera) as ada:
        lock = ada.get_by_role("button", name="Talk hands-free")
        lock.click()
        wait_for_talk(ada, "on")
        expect(lock).to_have_attribute("aria-pressed", "true")
        ada.wait_for_timeout(600)
        wait_for_talk(ada, "on")
        talk_button(ada).click()  # the large button ends it as well
        expect(chip(ada)).to_be_hidden()
        expect(lock).to_have_attribute("aria-pressed", "false")


def test_a_tap_is_explained(browser: Browser, tmp_path: Path, sound: VirtualSound) -> None:
    how = {**sound.environment, "PI_CAM_LOUDSPEAKER": "vspk"}
    with serving(tmp_path / "data", SOURCE, owner=True, environment=how) as server, someone(browser, server) as ada:
        talk_button(ada).click()
        wait_for_talk(ada, "off", "hold")
        expect(note(ada)).to_contain_text("Hold the button while you talk.")


def test_one_at_a_time_and_only_the_owner_takes_over(browser: Browser, camera: Server) -> None:
    add(camera, "Zoé", "view", "talk")
    add(camera, "Bob", "view", "talk")
    with (
        someone(browser, camera, "Zoé") as zoe,
        someone(browser, camera, "Bob") as bob,
        someone(browser, camera) as ada,
    ):
        expect(sound_button(zoe)).to_be_hidden()  # she may talk, not listen
        zoe.get_by_role("button", name="Talk hands-free").click()
        wait_for_talk(zoe, "on")
        for page in (bob, ada):
            page.keyboard.down("t")
            wait_for_talk(page, "refused", "floor-taken")
            expect(note(page)).to_contain_text("Zoé is talking. Wait a moment, then press again.")
            page.keyboard.up("t")
        expect(bob.get_by_role("button", name="Take over")).to_be_hidden()
        ada.get_by_role("button", name="Take over").click()
        wait_for_talk(ada, "on")
        wait_for_talk(zoe, "refused", "floor-lost")
        expect(note(zoe)).to_contain_text("Ada talks now, and you are no longer heard.")
        expect(chip(bob)).to_have_text("Ada is talking")
        talk_button(ada).click()
        wait_for_talk(zoe, "off")
        wait_for_talk(bob, "off")


def test_french(browser: Browser, camera: Server) -> None:
    with someone(browser, camera, locale="fr-FR") as ada:
        ada.get_by_role("button", name="Parler", exact=True).hover()
        ada.mouse.down()
        expect(chip(ada)).to_have_text("Vous parlez")
        expect(note(ada)).to_contain_text("Le haut-parleur none-such n’est pas branché.")
        ada.mouse.up()
        expect(ada.get_by_role("button", name=re.compile("^Son$"))).to_be_visible()
