"""Chromium behind a line that carries less for a while (`tc tbf`), beside others with good ones."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Playwright

from tests.e2e.conftest import CHROMIUM, FLAGS
from tests.e2e.conversing import MISSING, someone
from tests.e2e.test_senders import KEEP_CONNECTION, statistics
from tests.far_side import FarSide, far_side
from tests.server import Server, serving
from tests.throttling import release, throttle

pytestmark = pytest.mark.alone

SOURCE = "synthetic:?size=480x270&fps=30&bitrate=1800000"
SMALL = "&small=240x136"
LINE = "home0"
FALLS_WITHIN, COMES_BACK_WITHIN = 5.0, 30.0
PICTURES_A_SECOND = 28.0


class Scene:
    """`near`: pages with good lines; `far`: the one whose line may become weak."""

    def __init__(self, server: Server, near: list[Page], far: Page) -> None:
        self.server, self.near, self.far = server, near, far
        self._token = server.token()
        self.viewers()

    def viewers(self) -> list[dict[str, Any]]:
        """As they came."""
        answer = self.server.request("GET", "/api/v1/cameras/main/viewers", token=self._token)
        found: list[dict[str, Any]] = answer.json()["viewers"]
        return sorted(found, key=lambda one: float(one["started_at"]))

    def far_viewer(self) -> dict[str, Any]:
        return self.viewers()[-1]

    def until(self, condition: Callable[[], bool], within: float) -> float:
        begun = time.monotonic()
        while not condition():
            assert time.monotonic() - begun < within, (f"not within {within} s", self.viewers())
            self.far.wait_for_timeout(100)
        return time.monotonic() - begun

    def best_pictures_a_second(self) -> list[float]:
        """Decoded by each of the near ones, in the best of up to three stretches of five seconds: what else this machine
        does takes pictures from everybody."""
        found: list[list[float]] = []
        while len(found) < 3 and (not found or min(found[-1]) < PICTURES_A_SECOND):
            before, begun = [self.decoded(page) for page in self.near], time.monotonic()
            self.far.wait_for_timeout(5_000)
            after, took = [self.decoded(page) for page in self.near], time.monotonic() - begun
            found.append([round((new - old) / took, 1) for new, old in zip(after, before, strict=True)])
        return max(found, key=min)

    def height(self) -> int:
        """Of the far one's pictures."""
        return int(statistics(self.far)["inbound-rtp video"]["frameHeight"])

    def told(self) -> str:
        """What the far one's page says of its pictures, under Details."""
        return str(self.far.locator("[data-share]").text_content())

    @staticmethod
    def decoded(page: Page) -> int:
        return int(statistics(page)["inbound-rtp video"]["framesDecoded"])


def say(figures: str) -> None:
    """For `pytest -s`."""
    print(figures)  # noqa: T201


@pytest.fixture(scope="module")
def side(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FarSide]:
    with far_side(tmp_path_factory.mktemp("far")) as found:
        found.route_directly()
        yield found


@pytest.fixture(scope="module")
def far_browser(playwright: Playwright, side: FarSide) -> Iterator[Browser]:
    chromium = playwright.chromium.launch(executable_path=str(side.program(CHROMIUM)), args=list(FLAGS))
    yield chromium
    chromium.close()


@contextmanager
def scene(
    folder: Path, side: FarSide, browser: Browser, far_browser: Browser, source: str, near: int = 2, **environment: str
) -> Iterator[Scene]:
    with ExitStack() as stack:
        server = stack.enter_context(serving(folder, source, owner=True, environment={**MISSING, **environment}))
        stack.enter_context(side.passage(server.address()[1]))
        pages = [
            stack.enter_context(someone(one, server, script=KEEP_CONNECTION))
            for one in [browser] * near + [far_browser]
        ]
        found = Scene(server, pages[:-1], pages[-1])
        found.until(lambda: found.far_viewer()["bitrate"] is not None and found.far_viewer()["why"] == "fits", 45)
        yield found


def test_the_weak_one_of_three_gets_the_small_rendition_and_comes_back(
    tmp_path: Path, side: FarSide, browser: Browser, far_browser: Browser
) -> None:
    with scene(tmp_path, side, browser, far_browser, SOURCE + SMALL) as seen:
        assert seen.height() == 270
        throttle(LINE, "1mbit")
        try:
            fell = seen.until(lambda: seen.far_viewer()["rendition"] == "small", FALLS_WITHIN)
            shown = fell + seen.until(lambda: seen.height() == 136, FALLS_WITHIN)
            pictures = seen.best_pictures_a_second()
            viewer, told = seen.far_viewer(), seen.told()
        finally:
            release(LINE)
        assert told == "The small picture: the connection carries no more"
        assert (viewer["rendition"], viewer["why"]) == ("small", "weak")
        assert viewer["bitrate"] < 1_500_000
        assert [one["rendition"] for one in seen.viewers()[:-1]] == ["main", "main"]
        assert min(pictures) >= PICTURES_A_SECOND, pictures
        back = seen.until(lambda: seen.far_viewer()["rendition"] == "main", COMES_BACK_WITHIN)
        back += seen.until(lambda: seen.height() == 270, COMES_BACK_WITHIN - back)
        seen.until(lambda: seen.told() == "The whole picture", 10)
        say(f"decided after {fell:.1f} s, seen after {shown:.1f} s; others {pictures} /s; back after {back:.1f} s")
        lost = [statistics(page)["inbound-rtp video"]["packetsLost"] for page in seen.near]
        assert lost == [0, 0]


def test_without_a_small_rendition_it_gets_keyframes(
    tmp_path: Path, side: FarSide, browser: Browser, far_browser: Browser
) -> None:
    with scene(tmp_path, side, browser, far_browser, SOURCE) as seen:
        before = seen.far_viewer()["id"]
        throttle(LINE, "600kbit")
        try:
            fell = seen.until(lambda: seen.far_viewer()["rendition"] == "keyframes", 2 * FALLS_WITHIN)
            pictures, told = seen.best_pictures_a_second(), seen.told()
        finally:
            release(LINE)
        assert told == "A picture now and then: the connection carries no more"
        assert min(pictures) >= PICTURES_A_SECOND, pictures
        back = seen.until(lambda: seen.far_viewer()["rendition"] == "main", COMES_BACK_WITHIN)
        say(f"keyframes only after {fell:.1f} s; others {pictures} /s; back after {back:.1f} s")
        assert seen.far_viewer()["id"] == before, "the page took the pauses for an end"
        decoded = Scene.decoded(seen.far)
        seen.until(lambda: Scene.decoded(seen.far) > decoded + 20, 5)


def test_where_all_are_weak_the_encoder_follows(
    tmp_path: Path, side: FarSide, browser: Browser, far_browser: Browser, sender: str
) -> None:
    with scene(
        tmp_path, side, browser, far_browser, SOURCE, near=0, PI_CAM_WEBRTC_SENDER=sender, PI_CAM_LOG_LEVEL="debug"
    ) as seen:
        throttle(LINE, "500kbit")
        try:
            fell = seen.until(lambda: seen.far_viewer()["why"] == "lowered", FALLS_WITHIN)
            assert seen.far_viewer()["rendition"] == "main"
            fits = fell + seen.until(lambda: (seen.server.camera(seen._token)["bitrate"] or 1e9) < 600_000, 10)
        finally:
            release(LINE)
        back = seen.until(lambda: seen.far_viewer()["why"] == "fits", COMES_BACK_WITHIN)
        say(f"{sender}: lowered after {fell:.1f} s, below the line's rate after {fits:.1f} s; back after {back:.1f} s")
