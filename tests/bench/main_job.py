"""`make bench`: the figures of the main job, on a 1080p30 4 Mbit/s clip. Takes about two minutes."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests import network
from tests.bench import measure, report
from tests.bench.report import Rows
from tests.clips import clip_1080p
from tests.e2e.conftest import CHROMIUM, FLAGS, sign_in, wait_for_state
from tests.rtsp_camera import rtsp
from tests.server import Server, serving

TIMES = 10
SYNTHETIC = "synthetic:?size=1920x1080&fps=30&bitrate=4000000"


def main() -> int:
    """Measures, prints, writes."""
    network.enter()
    if network.problem() is not None:
        sys.stderr.write(f"A network namespace is needed: {network.problem()}\n")
        return 1
    clip = clip_1080p()
    rows: Rows = {}
    with tempfile.TemporaryDirectory() as folder, rtsp(clip) as camera:
        with serving(Path(folder) / "rtsp", camera.url(), owner=True, environment=measure.NO_GRACE) as server:
            _nal_units(rows, server, clip)
            _resources(rows, server)
            _in_browser(rows, server, "not askable (RTSP, keyframe every 2 s)")
        with serving(Path(folder) / "synthetic", SYNTHETIC, owner=True, environment=measure.NO_GRACE) as server:
            _in_browser(rows, server, "askable (synthetic)", delay_of=1920)
    method = [
        "Made by `make bench`: a 1080p30 4 Mbit/s stream with a keyframe every two seconds, Chromium and camera on one",
        f"machine of two cores ({report.machine()}), in a network namespace of its own. Medians of {TIMES}.",
    ]
    report.write("main-job", "The main job in figures", method, rows)
    return 0


def _nal_units(rows: Rows, server: Server, clip: Path) -> None:
    found = asyncio.run(measure.nal_units_at_viewer(server, server.token("view"), clip, 300))
    rows["NAL units at the viewer equal to the source's"] = {
        "value": f"{found.equal} of {found.seen} ({found.pictures} pictures)",
        "goal": "all",
        "ok": found.equal == found.seen,
    }


def _resources(rows: Rows, server: Server) -> None:
    token = server.token("view")
    memory = asyncio.run(measure.memory_with_viewers(server, token, 4, 5)) / 1e6
    rows["memory with four viewers (PSS of the process tree)"] = report.figure(memory, "MB", 150)
    server.wait_for(token, "idle")
    rows["processor while nobody watches"] = report.figure(server.cpu_percent(10), "% of a core", 1)


def _in_browser(rows: Rows, server: Server, name: str, delay_of: int | None = None) -> None:
    token = server.token("view")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        page = browser.new_context(locale="en-GB").new_page()
        sign_in(page, server)
        wait_for_state(page, "live")
        cold = measure.first_pictures(page, server, token, TIMES, cold=True)
        rows[f"first picture, {name}, cold"] = report.times(cold, None)
        with _somebody_else(browser, server):
            warm = measure.first_pictures(page, server, token, TIMES, cold=False)
        rows[f"first picture, {name}, warm"] = report.times(warm, 500)
        if delay_of is not None:
            page.wait_for_timeout(2_500)
            pixels, shown = measure.delays(page, delay_of)
            rows["delay by the displayed pixels"] = {"value": f"{pixels:.0f} ms", "goal": "", "ok": True}
            rows["delay on the page, less that"] = {
                "value": f"{shown - pixels:+.0f} ms",
                "goal": "within 20 ms",
                "ok": abs(shown - pixels) <= 20,
            }
        browser.close()


class _somebody_else:  # noqa: N801 - reads as a phrase
    """A second page that keeps the camera open."""

    def __init__(self, browser: Browser, server: Server) -> None:
        self._context = browser.new_context(locale="en-GB", viewport={"width": 320, "height": 480})
        self._server = server

    def __enter__(self) -> None:
        page = self._context.new_page()
        sign_in(page, self._server)
        wait_for_state(page, "live")

    def __exit__(self, *_: object) -> None:
        self._context.close()


if __name__ == "__main__":
    sys.exit(main())
