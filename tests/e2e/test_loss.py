"""A network that loses packets, one by one: the picture goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Playwright

from tests.e2e.conftest import CHROMIUM, FLAGS, sign_in, wait_for_state
from tests.e2e.test_senders import KEEP_CONNECTION, statistics
from tests.prerequisites import require
from tests.rough_path import NEAR, TUN, rough_path
from tests.server import serving

pytestmark = [pytest.mark.timing, pytest.mark.timeout(240)]

SOURCE = "synthetic:?size=640x360&fps=30&bitrate=2000000"
SECONDS = 20
LONGEST_FREEZE = 0.5

DECODED = 0.99
"""Of what was published, the least."""

FEWER_DECODED = {("plain", 0.05): 0.95}
"""Chromium asks again after 100 ms, or more. Where a packet is lost three times and a keyframe comes meanwhile, it goes on
with that, and the pictures between, some ten, are never decoded. Both senders answer each request at once, and yet that was
seen in 6 of 18 runs with the library's own (581 to 602 of 600 pictures), and in none of 14 with ours (599 to 601)."""

WATCH_PICTURES = """() => {
  window.gaps = [];
  let before = performance.now();
  const video = document.querySelector("video");
  const shown = (now) => {
    gaps.push(now - before);
    before = now;
    video.requestVideoFrameCallback(shown);
  };
  video.requestVideoFrameCallback(shown);
}"""


@pytest.mark.parametrize("loss", [0.01, 0.05])
def test_the_picture_goes_on(playwright: Playwright, tmp_path: Path, sender: str, loss: float) -> None:
    """`framesReceived` counts those of which all packets came in the end; what was published is the camera's own count."""
    require("TUN interfaces (root)", Path(TUN).exists())
    with (
        rough_path(tmp_path, loss=loss) as path,
        serving(
            tmp_path / "camera", SOURCE, owner=True, listen=NEAR, environment={"PI_CAM_WEBRTC_SENDER": sender}
        ) as server,
    ):
        chromium = playwright.chromium.launch(executable_path=path.program(CHROMIUM), args=list(FLAGS))
        page = chromium.new_context(locale="en-GB", ignore_https_errors=True).new_page()
        page.add_init_script(KEEP_CONNECTION)
        page.set_default_timeout(60_000)
        sign_in(page, server)
        wait_for_state(page, "live", seconds=60)
        page.wait_for_timeout(3_000)
        token = server.token("view")

        def published() -> int:
            text = server.request("GET", "/metrics", token=token).body.decode()
            (line,) = [
                line for line in text.splitlines() if line.startswith('pi_cam_units_published_total{camera="main"}')
            ]
            return int(float(line.split()[1]))

        page.evaluate(WATCH_PICTURES)
        before, began = (
            statistics(page)["inbound-rtp video"],
            published(),
        )  # in the same order both times: one delay, twice
        page.wait_for_timeout(SECONDS * 1000)
        after, ended = statistics(page)["inbound-rtp video"], published()
        longest = max(page.evaluate("gaps")) / 1000
        chromium.close()

    def grew(name: str) -> Any:
        return after[name] - before[name]

    seen = {
        name: grew(name) for name in ("framesDecoded", "nackCount", "pliCount", "freezeCount", "totalFreezesDuration")
    }
    seen |= {"retransmitted": grew("retransmittedPacketsReceived"), "published": ended - began, "longest": longest}
    seen |= {"dropped": grew("framesDropped"), "lost for good": grew("packetsLost")}
    assert seen["nackCount"] > 0, "nothing was lost"
    assert seen["framesDecoded"] >= FEWER_DECODED.get((sender, loss), DECODED) * seen["published"], seen
    assert longest <= LONGEST_FREEZE, seen
    assert seen["totalFreezesDuration"] <= LONGEST_FREEZE * max(1, seen["freezeCount"]), seen
