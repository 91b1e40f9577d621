"""All of it in one go, as a family lives it: an account, a passkey, a camera at home, its picture and the voice from afar,
a guest, and the guest's end."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, Playwright, expect

from tests.e2e.conftest import wait_for_state
from tests.e2e.conversing import talk_button, wait_for_talk
from tests.e2e.test_second_factors import AUTHENTICATOR
from tests.likeness import found_in_parts
from tests.portal.edge import Edge, edge
from tests.portal.post_office import PostOffice
from tests.portal.walk import (
    MAX,
    NAME,
    ZOE,
    browser_through,
    join,
    new_page,
    open_from_portal,
    pair,
    wait_for_journal,
)
from tests.server import Server, serving
from tests.sound_page import RATE, write_wav
from tests.speech import speech
from tests.virtual_sound import VirtualSound

pytestmark = [pytest.mark.browser, pytest.mark.alone]

SAID = speech(4.0, "fr+f3", rms=4_000)
ALIKE = 0.7
"""The page itself asks its browser for noise suppression and gain control; other speech has below 0.2."""


@pytest.fixture
def camera(tmp_path: Path, sound: VirtualSound) -> Iterator[Server]:
    environment = {**sound.environment, "PI_CAM_LOUDSPEAKER": "vspk", "PI_CAM_TUNNEL_HOST": NAME}
    source = "synthetic:?size=320x240&fps=15"
    with serving(tmp_path / "data", source, owner=True, tunnel=True, environment=environment) as server:
        yield server


@pytest.fixture
def tunnel(tmp_path: Path, camera: Server) -> Iterator[Edge]:
    with edge(tmp_path) as running:
        running.names[NAME] = camera.through_tunnel().address()[1]
        yield running


@pytest.fixture
def browser(playwright: Playwright, tunnel: Edge, tmp_path: Path) -> Iterator[Browser]:
    """Its microphone hears `SAID`, again and again."""
    write_wav(tmp_path / "voice.wav", SAID)
    flags = ("--use-fake-ui-for-media-stream", f"--use-file-for-fake-audio-capture={tmp_path / 'voice.wav'}")
    with browser_through(playwright, tunnel, *flags) as chromium:
        yield chromium


def sign_in_with_a_passkey(page: Page) -> None:
    """Makes one, leaves, and comes back with nothing else."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    session.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    page.get_by_label("Name of the new passkey").fill("My phone")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("heading", name="My phone")).to_be_visible()
    page.get_by_role("button", name="Sign out", exact=True).click()
    expect(page).to_have_url(re.compile("/signin"))
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("heading", name="My account")).to_be_visible()


def talk(page: Page, sound: VirtualSound) -> float:
    """Holds the button for some seconds; how alike what came out of the loudspeaker is."""
    before = sound.loudspeaker.samples()
    talk_button(page).hover()
    page.mouse.down()
    wait_for_talk(page, "on", seconds=10)
    page.wait_for_timeout(6_000)
    page.mouse.up()
    page.wait_for_timeout(500)
    return found_in_parts(SAID[RATE : 3 * RATE], sound.loudspeaker(before), part=RATE * 2 // 5, slack=RATE // 5)[1]


def from_the_list(page: Page, site: str, what: str) -> None:
    """Starts or stops the camera on the portal; the page that comes then is the camera's."""
    link = page.get_by_role("link", name=f"{what} ")
    page.goto(f"{site}/cameras")
    deadline = time.monotonic() + 45
    while link.count() == 0:  # a device tells of itself twice a minute
        assert time.monotonic() < deadline
        page.wait_for_timeout(1_000)
        page.reload()
    link.click()
    page.get_by_role("button", name=f"{what} it").click()
    page.wait_for_url(re.compile(f"https://{NAME}/"))


@pytest.mark.timeout(300)
def test_a_family_from_signing_up_to_the_guest_s_end(
    browser: Browser, site: str, camera: Server, office: PostOffice, sound: VirtualSound
) -> None:
    away, home, guest = (new_page(browser) for _ in range(3))
    join(away, site, office, ZOE)
    sign_in_with_a_passkey(away)
    pair(home, away, camera, site)
    open_from_portal(away, site)
    assert wait_for_state(away, "live") == "live"
    assert talk(away, sound) > ALIKE
    away.get_by_role("button", name="Stop").click()
    wait_for_state(away, "stopped")
    from_the_list(away, site, "Start")
    assert wait_for_state(away, "live") == "live"
    from_the_list(away, site, "Stop")
    assert wait_for_state(away, "stopped") == "stopped"
    away.get_by_role("button", name="Start").click()
    assert wait_for_state(away, "live") == "live"

    owner = away.context.new_page()
    owner.goto(f"{site}/cameras")
    owner.get_by_role("link", name="Share it").click()
    owner.get_by_label("E-mail address").fill(MAX)
    owner.get_by_label("Last day").fill(f"{datetime.now(UTC) + timedelta(days=30):%Y-%m-%d}")
    owner.get_by_role("button", name="Invite").click()
    expect(owner.get_by_role("heading", name=MAX)).to_be_visible()
    link = office.link(MAX)
    join(guest, site, office, MAX)
    guest.goto(site + link)
    guest.get_by_role("button", name="Take it").click()
    open_from_portal(guest, site)
    assert wait_for_state(guest, "live") == "live"
    expect(talk_button(guest)).to_be_hidden()

    wait_for_journal(owner, site, MAX)
    own = guest.context.new_page()
    wait_for_journal(own, site, MAX)
    assert ZOE not in own.get_by_role("table").inner_text(), "whoever was invited sees what they did, and no more"

    owner.goto(f"{site}/cameras")
    owner.get_by_role("link", name="Share it").click()
    owner.get_by_role("button", name="End it").click()
    expect(owner.get_by_text("It is no longer shared")).to_be_visible()
    guest.wait_for_selector('html:not([data-state="live"])', state="attached", timeout=5_000)
    assert wait_for_state(away, "live") == "live"

    rows = camera.request("GET", "/api/v1/journal", token=camera.token("configure")).json()["rows"]
    done = {(row["actor"], row["action"]) for row in rows}
    assert done >= {(ZOE, "watched"), (ZOE, "talked"), (ZOE, "stopped"), (MAX, "watched")}
    assert (MAX, "talked") not in done
    assert np.abs(sound.loudspeaker()).max() > 1_000
