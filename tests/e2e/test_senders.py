"""Chromium and both ways of sending: packets made once for all viewers, and the library's own sender."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, WebSocket

from tests.bench import measure
from tests.e2e.conftest import sign_in, wait_for_state
from tests.e2e.conversing import LISTEN, MISSING, SOURCE, someone, sound_button
from tests.server import Server, serving

pytestmark = pytest.mark.timing

KEEP_CONNECTION = """
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...how) {
    super(...how);
    window.connection = this;
  }
};
"""
STATISTICS = """async () => {
  const found = {};
  for (const one of (await connection.getStats()).values())
    if (one.type === "inbound-rtp" || one.type === "remote-outbound-rtp") found[one.type + " " + one.kind] = one;
  return found;
}"""


@pytest.fixture(scope="module")
def camera(sender: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    environment = {**MISSING, "PI_CAM_WEBRTC_SENDER": sender}
    with serving(tmp_path_factory.mktemp("sender"), SOURCE, owner=True, environment=environment) as server:
        yield server


def statistics(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate(STATISTICS)
    return found


def test_pictures_and_sound_come_whole(browser: Browser, camera: Server) -> None:
    with someone(browser, camera, script=KEEP_CONNECTION) as page, someone(browser, camera) as other:
        sound_button(page).click()
        assert page.evaluate(LISTEN, 2_500) > 0.1
        before = statistics(page)["inbound-rtp video"]
        page.wait_for_timeout(4_000)
        after = statistics(page)
        seen = after["inbound-rtp video"]
        assert seen["framesDecoded"] - before["framesDecoded"] >= 40  # of 60
        assert seen["framesDropped"] <= before["framesDropped"] + 2
        for kind in ("video", "audio"):
            assert after[f"inbound-rtp {kind}"]["packetsLost"] == 0, "a hole in the numbers would count as loss"
            assert after[f"remote-outbound-rtp {kind}"]["packetsSent"] > 0
        assert seen["nackCount"] == 0
        assert seen["pliCount"] <= 1
        assert seen["freezeCount"] <= before["freezeCount"]
        wait_for_state(other, "live")


def test_the_delay_is_that_of_the_pixels(browser: Browser, camera: Server) -> None:
    with someone(browser, camera) as page:
        page.wait_for_timeout(2_500)
        by_pixels, by_page = measure.delays(page, 320, 30)
        assert abs(by_page - by_pixels) <= 20, (by_page, by_pixels)


def test_without_a_jitter_buffer(browser: Browser, tmp_path: Path, sender: str) -> None:
    """The browser takes the wish for none, and shows each picture all the same."""
    environment = {**MISSING, "PI_CAM_LATENCY": "low", "PI_CAM_WEBRTC_SENDER": sender}
    with (
        serving(tmp_path, SOURCE, owner=True, environment=environment) as server,
        someone(browser, server, script=KEEP_CONNECTION) as page,
    ):
        assert "playout-delay" in page.evaluate("connection.remoteDescription.sdp")
        before = statistics(page)["inbound-rtp video"]
        page.wait_for_timeout(3_000)
        after = statistics(page)["inbound-rtp video"]
        shown = after["framesDecoded"] - before["framesDecoded"]
        assert shown >= 30  # of 45
        assert after["packetsLost"] == 0
        waited = after["jitterBufferDelay"] - before["jitterBufferDelay"]
        assert waited / shown < 0.005, "seconds per picture; 0.009 to 0.016 with one"


def waited(page: Page) -> float:
    """Seconds that a picture waited in the jitter buffer, over the next three seconds."""
    before = statistics(page)["inbound-rtp video"]
    page.wait_for_timeout(3_000)
    after = statistics(page)["inbound-rtp video"]
    delay = after["jitterBufferDelay"] - before["jitterBufferDelay"]
    return float(delay / (after["framesDecoded"] - before["framesDecoded"]))


def choose(page: Page, choice: str) -> None:
    """And wait until the pictures come anew."""
    page.evaluate("before = connection")
    page.get_by_label("On this screen").select_option(choice)
    page.wait_for_function("connection !== before")
    wait_for_state(page, "live")
    page.wait_for_timeout(1_000)


def test_whoever_watches_may_choose(browser: Browser, camera: Server) -> None:
    """For this browser, until something else is chosen; others see the picture as before."""
    with (
        someone(browser, camera, script=KEEP_CONNECTION) as page,
        someone(browser, camera, script=KEEP_CONNECTION) as other,
    ):
        page.get_by_text("Details").click()
        choose(page, "Least delay")
        assert waited(page) < 0.005
        page.reload()
        wait_for_state(page, "live")
        page.wait_for_timeout(1_000)
        assert waited(page) < 0.005, "it is remembered"
        page.get_by_text("Details").click()
        assert page.get_by_label("On this screen").input_value() == "low"
        choose(page, "As the camera is set")
        assert waited(page) > 0.005
        assert waited(other) > 0.005


def test_the_offer_waits_for_nothing(browser: Browser, camera: Server) -> None:
    """It leaves before the browser has gathered any candidate."""
    page = browser.new_context(locale="en-GB").new_page()
    sent: list[dict[str, Any]] = []

    def note(socket: WebSocket) -> None:
        socket.on("framesent", lambda text: sent.append(json.loads(text)))

    sign_in(page, camera)
    wait_for_state(page, "live")
    page.on("websocket", note)
    page.reload()
    wait_for_state(page, "live")
    page.context.close()
    (offer,) = [message for message in sent if message["type"] == "offer"]
    assert "a=candidate" not in offer["sdp"]


def test_a_stopped_camera_and_a_new_start_leave_no_gap(browser: Browser, camera: Server) -> None:
    with someone(browser, camera, script=KEEP_CONNECTION) as page, someone(browser, camera) as other:
        other.get_by_role("button", name="Stop").click()
        wait_for_state(page, "stopped")
        other.get_by_role("button", name="Start").click()
        wait_for_state(page, "live")
        page.wait_for_timeout(1_500)
        assert statistics(page)["inbound-rtp video"]["packetsLost"] == 0
