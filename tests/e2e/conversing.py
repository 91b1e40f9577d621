"""People who listen and talk on the live page: what the tests of it share."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Locator, Page

from tests.e2e.conftest import CHROMIUM, FLAGS, wait_for_state
from tests.server import OWNER, PASSWORD, Server

SOURCE = "synthetic:?size=320x240&fps=15"
MISSING = {"PI_CAM_LOUDSPEAKER": "none-such"}
MISSING_SENTENCE = "The loudspeaker none-such is not connected."
EVERYTHING = "view,listen,talk,control,record,configure"

TOUCH_FIRST = "--autoplay-policy=document-user-activation-required"

LISTEN = """async (milliseconds) => {
  const context = new AudioContext();
  await context.resume();
  const ear = new AnalyserNode(context, { fftSize: 2048 });
  context.createMediaStreamSource(document.querySelector("video").srcObject).connect(ear);
  const samples = new Float32Array(2048);
  let loudest = 0;
  for (const end = performance.now() + milliseconds; performance.now() < end; ) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    ear.getFloatTimeDomainData(samples);
    loudest = Math.max(loudest, ...samples);
  }
  await context.close();
  return document.querySelector("video").muted ? 0 : loudest;
}"""

WATCH_MEDIA = """
window.tracks = [];
window.connections = 0;
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...how) {
    super(...how);
    window.connections += 1;
  }
};
const ask = navigator.mediaDevices?.getUserMedia.bind(navigator.mediaDevices);
if (ask) navigator.mediaDevices.getUserMedia = async (wanted) => {
  const stream = await ask(wanted);
  window.tracks.push(...stream.getTracks());
  return stream;
};
"""

NO_ANSWER = "navigator.mediaDevices.getUserMedia = () => new Promise(() => {})"


@contextmanager
def untouched(browser: Browser, *flags: str) -> Iterator[Browser]:
    """Another one, which plays no sound before it was touched."""
    own = [flag for flag in FLAGS if not flag.startswith("--autoplay")]
    other = browser.browser_type.launch(executable_path=CHROMIUM, args=[*own, TOUCH_FIRST, *flags])
    try:
        yield other
    finally:
        other.close()


@contextmanager
def someone(
    browser: Browser, server: Server, name: str = OWNER, *, microphone: bool = True, script: str = "", **how: Any
) -> Iterator[Page]:
    """A person with a browser, who watches."""
    context = browser.new_context(**{"locale": "en-GB", **how})
    try:
        if microphone:
            context.grant_permissions(["microphone"])
        context.set_default_timeout(15_000)
        page = context.new_page()
        page.add_init_script(WATCH_MEDIA + script)
        watch(page, server, name)
        yield page
    finally:
        context.close()


def watch(page: Page, server: Server, name: str = OWNER) -> None:
    page.goto(server.url + "/login")
    page.locator("#name").fill(name)
    page.locator("#password").fill(PASSWORD)
    page.keyboard.press("Enter")
    wait_for_state(page, "live")
    page.locator('[data-detail="talk"]:not(:text-is("–"))').wait_for(state="attached")


def until(page: Page, expression: str, seconds: float = 5) -> None:
    """Waits until it holds on the page, whose policy lets nothing be evaluated there by itself."""
    deadline = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, expression
        page.wait_for_timeout(50)


def talk_button(page: Page) -> Locator:
    return page.get_by_role("button", name="Talk", exact=True)


def sound_button(page: Page) -> Locator:
    return page.get_by_role("button", name="Sound", exact=True)


def wait_for_talk(page: Page, state: str, reason: str = "", seconds: float = 5) -> None:
    wanted = f'html[data-talk="{state}"][data-talk-reason="{reason}"]'
    page.wait_for_selector(wanted, state="attached", timeout=seconds * 1000)


def chip(page: Page) -> Locator:
    return page.locator("#talkers")


def note(page: Page) -> Locator:
    return page.locator("#talk-note")


def tell(server: Server, method: str, path: str, **fields: Any) -> Any:
    token = server.token(EVERYTHING)
    kind = {"Content-Type": "application/json"}
    answer = server.request(method, path, token=token, body=json.dumps(fields).encode(), headers=kind)
    assert answer.status < 300, answer.body
    return answer.json()


def add(server: Server, name: str, *can: str) -> int:
    """A member; the number."""
    return int(
        tell(server, "POST", "/api/v1/users", name=name, password=PASSWORD, role="member", cameras={"main": list(can)})[
            "id"
        ]
    )
