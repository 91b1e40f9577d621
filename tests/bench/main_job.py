"""`make bench`: the figures of the main job, on a 1080p30 4 Mbit/s clip. Takes about five minutes."""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests import network
from tests.bench import measure, report
from tests.bench.report import Rows
from tests.bench.watchers import watching
from tests.clips import clip_1080p
from tests.e2e.conftest import CHROMIUM, FLAGS, sign_in, wait_for_state
from tests.rtsp_camera import rtsp
from tests.server import Server, serving

TIMES, WARM_TIMES = 10, 20
ROUNDS, MORE_VIEWERS, SECONDS = 3, 8, 8.0
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
        low = {**measure.NO_GRACE, "PI_CAM_LATENCY": "low"}
        with serving(Path(folder) / "low", SYNTHETIC, owner=True, environment=low) as server:
            _low_delay(rows, server)
        _more_viewers(rows, clip, Path(folder))
    method = [
        "Made by `make bench`: a 1080p30 4 Mbit/s stream with a keyframe every two seconds, Chromium and camera on one",
        f"machine of two cores ({report.machine()}), in a network namespace of its own. Medians of {TIMES},",
        f"of first pictures while somebody else watches (warm) of {WARM_TIMES}.",
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
            warm = measure.first_pictures(page, server, token, WARM_TIMES, cold=False)
        rows[f"first picture, {name}, warm"] = report.times(warm, 200)
        rows[f"first picture, {name}, warm, the worst"] = report.figure(max(warm), "ms", 500)
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


def _low_delay(rows: Rows, server: Server) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        page = browser.new_context(locale="en-GB").new_page()
        sign_in(page, server)
        wait_for_state(page, "live")
        page.wait_for_timeout(2_500)
        pixels, _ = measure.delays(page, 1920)
        rows["delay by the displayed pixels, the setting Delay at low"] = report.figure(pixels, "ms", 16)
        browser.close()


def _more_viewers(rows: Rows, clip: Path, folder: Path) -> None:
    """What each viewer beyond the first costs, by both senders, in turn."""
    found: dict[str, list[tuple[float, float]]] = {"shared": [], "plain": []}
    with ExitStack() as stack:
        servers = {}
        for kind in found:
            environment = {**measure.NO_GRACE, "PI_CAM_WEBRTC_SENDER": kind, "PI_CAM_VIEWERS_MAX": "40"}
            servers[kind] = stack.enter_context(
                serving(folder / kind, f"file:{clip}", owner=True, environment=environment)
            )
        for _ in range(ROUNDS):
            for kind, server in servers.items():
                found[kind].append(_one_more(server))
    cpu, memory = ({kind: statistics.median(one[at] for one in ones) for kind, ones in found.items()} for at in (0, 1))
    rows["processor per extra viewer"] = report.figure(cpu["shared"], "% of a core", 0.4)
    rows["the same by aiortc's own sender"] = {"value": f"{cpu['plain']:.2f} % of a core", "goal": "", "ok": True}
    rows["ratio of the two"] = report.figure(cpu["shared"] / cpu["plain"], "", 0.2)
    rows["memory per extra viewer"] = report.figure(memory["shared"], "MB", 0.5)


def _one_more(server: Server) -> tuple[float, float]:
    token = server.token("view")
    with watching(server, token, 1):
        time.sleep(1)
        alone, before = server.cpu_percent(SECONDS), server.own_bytes()
        with watching(server, token, MORE_VIEWERS):
            time.sleep(1)
            all_of_them, after = server.cpu_percent(SECONDS), server.own_bytes()
    return (all_of_them - alone) / MORE_VIEWERS, (after - before) / MORE_VIEWERS / 1e6


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
