"""Part of `make soak`: four viewers for long (`MINUTES`, 20 unless said otherwise); neither delay nor memory grows."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests import network
from tests.bench import measure, report
from tests.bench.report import Rows
from tests.bench.watchers import watching
from tests.e2e.conftest import CHROMIUM, FLAGS, sign_in, wait_for_state
from tests.server import Server, serving

MINUTES = int(os.environ.get("MINUTES", "20"))
SETTLE_SECONDS = 45
LOOK_EVERY_SECONDS = 300
OTHERS, PICTURES = 3, 300
GROWTH_MS = 5.0
GROWTH_MB, LATE_GROWTH_MB = 3.0, 1.0
"""Of all the time, and of its second half: what is filled once is filled by then, and what leaks does so to the end."""

SOURCE, WIDTH = "synthetic:?size=1280x720&fps=29&bitrate=2000000", 1280
"""Not 30: on a screen of 60 Hz each picture would wait as long for the next refresh as the one before it, and that wait goes
from nothing to 17 ms and back in twenty minutes, as two clocks of which one is 14 millionths faster."""


METHOD = [
    f"Made by `make soak`: {MINUTES} minutes in which {OTHERS} viewers by WHEP and one Chromium watch 720p at 29 pictures",
    f"a second ({report.machine()}). Looked at after {SETTLE_SECONDS} seconds, every five minutes, and at the end.",
    f"The delay is the median of {PICTURES} pictures, by the clock in the displayed pixels; memory is what belongs to the",
    "process tree of the camera alone.",
]


def main() -> int:
    """Measures, prints, writes; fails when something grew."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # so that all that was started ends, too
    network.enter()
    if network.problem() is not None:
        sys.stderr.write(f"A network namespace is needed: {network.problem()}\n")
        return 1
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder), SOURCE, owner=True) as server:
        token = server.token("view")
        with watching(server, token, OTHERS), sync_playwright() as playwright:
            chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
            page = chromium.new_context(locale="en-GB").new_page()
            sign_in(page, server)
            wait_for_state(page, "live")
            looks = _looks(server, page)
            drops = server.camera(token)["drops"]
            chromium.close()
    rows = figures(looks, drops)
    report.write("soak-watching", "Four viewers for a long time", METHOD, rows)
    return 0 if all(row["ok"] for row in rows.values()) else 1


def figures(looks: list[dict[str, float]], drops: int) -> Rows:
    """What came of it."""
    rows: Rows = {}
    whole = f"growth in {MINUTES} minutes"
    for name, unit, since, what, at_most in (
        ("delay by the pixels", "ms", 0, whole, GROWTH_MS),
        ("delay on the page", "ms", 0, whole, GROWTH_MS),
        ("memory", "MB", 0, whole, GROWTH_MB),
        ("memory", "MB", len(looks) // 2, "growth in the second half", LATE_GROWTH_MB),
    ):
        between = ", ".join(f"{look[name]:.1f}" for look in looks[since:])
        growth = report.figure(looks[-1][name] - looks[since][name], unit, at_most)
        rows[f"{name}: {what}"] = growth | {"spread": f"{between} {unit}"}
    rows["pictures that were dropped for slow viewers"] = report.figure(float(drops), "", 0)
    return rows


def _looks(server: Server, page: Page) -> list[dict[str, float]]:
    began = time.monotonic()
    page.wait_for_timeout(SETTLE_SECONDS * 1000)
    looks = [_look(server, page)]
    while (left := began + 60 * MINUTES - time.monotonic()) > 0:
        page.wait_for_timeout(min(left, LOOK_EVERY_SECONDS) * 1000)
        looks.append(_look(server, page))
    return looks


def _look(server: Server, page: Page) -> dict[str, float]:
    by_pixels, by_page = measure.delays(page, WIDTH, PICTURES)
    memory = server.own_bytes() / 1e6
    look = {"delay by the pixels": by_pixels, "delay on the page": by_page, "memory": memory}
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {look}\n")
    return look


if __name__ == "__main__":
    sys.exit(main())
