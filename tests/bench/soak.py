"""`make soak`: two-way talk for a long time (`MINUTES`, 20 unless said otherwise); neither delay nor memory may grow."""

from __future__ import annotations

import os
import signal
import statistics
import sys
import time

import numpy as np

from tests import network
from tests.bench import report
from tests.bench.report import Rows
from tests.bench.sound import conversation, listening_delays, talking_delays
from tests.server import Server
from tests.sound_page import SoundPage
from tests.speech import speech
from tests.virtual_sound import VirtualSound

MINUTES = int(os.environ.get("MINUTES", "20"))
SETTLE_SECONDS = 60
LOOK_EVERY_SECONDS = 600
GROWTH_MS = 40
GROWTH_MB = 8.0

METHOD = [
    f"Made by `make soak`: {MINUTES} minutes of talk both ways through `pi-cam serve`, virtual ALSA devices and Chromium",
    f"({report.machine()}). Looked at after a minute, then every ten, and at the end; delays as in",
    "[sound](sound.md), but with new taps each time; memory is what belongs to the process tree alone. How much the browser",
    "holds back is its own choice, by how evenly sound comes: on a busy machine more.",
]


def main() -> int:
    """Measures, prints, writes; fails when something grew."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # so that all that was started ends, too
    network.enter()
    if network.problem() is not None:
        sys.stderr.write(f"A network namespace is needed: {network.problem()}\n")
        return 1
    rows: Rows = {}
    with conversation(speech(20.0, "fr+f3", rms=4_000)) as (server, sound, page):
        page.open()
        page.call("microphone()")
        page.call("talk(true)")
        page.wait(SETTLE_SECONDS)
        end = time.monotonic() + 60 * MINUTES - SETTLE_SECONDS
        looks = [_look(server, sound, page)]
        while (now := time.monotonic()) < end:
            _pass_time(sound, page, min(end, now + LOOK_EVERY_SECONDS))
            looks.append(_look(server, sound, page))
        figures = server.request("GET", "/api/v1/audio", token=server.token("configure")).json()
    for name, at_most in (
        ("listening", GROWTH_MS),
        ("listening, less the browser's jitter buffer", GROWTH_MS),
        ("talking", GROWTH_MS),
        ("memory", GROWTH_MB),
    ):
        unit = "MB" if name == "memory" else "ms"
        between = ", ".join(f"{look[name]:.1f}" for look in looks)
        rows[f"{name}: growth in {MINUTES} minutes"] = report.figure(
            looks[-1][name] - looks[0][name], unit, at_most
        ) | {"spread": f"{between} {unit}"}
    lost = figures["microphone"]["dropped"]
    rows["blocks of the microphone that were dropped"] = report.figure(float(lost), "", 0)
    report.write("soak", "A long talk in figures", METHOD, rows, ("aiortc", "av", "sounddevice", "pywebrtc-audio"))
    return 0 if all(row["ok"] for row in rows.values()) else 1


def _look(server: Server, sound: VirtualSound, page: SoundPage) -> dict[str, float]:
    """With new taps on the page's sound: an AudioContext's own clock differs from that of its source, and what it holds back
    for that would count as delay."""
    page.call("tapAgain()")
    page.wait(2.0)
    page.heard("said")
    page.flashes()
    held = _held(page)
    listening = statistics.median(listening_delays(sound, page))
    look = {
        "listening": listening,
        "listening, less the browser's jitter buffer": listening - _mean_held_ms(held, _held(page)),
        "talking": statistics.median(talking_delays(sound, page)),
        "memory": server.own_bytes() / 1e6,
    }
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {look}\n")
    return look


def _held(page: SoundPage) -> tuple[float, float]:
    """What the browser counts of its jitter buffer since the beginning: seconds that samples waited, and samples."""
    found = page.call("stats('inbound-rtp')")[0]
    return float(found["jitterBufferDelay"]), float(found["jitterBufferEmittedCount"])


def _mean_held_ms(before: tuple[float, float], after: tuple[float, float]) -> float:
    return 1000 * (after[0] - before[0]) / max(1.0, after[1] - before[1])


def _pass_time(sound: VirtualSound, page: SoundPage, until: float) -> None:
    """Somebody talks at each end; what the page keeps is thrown away, so that the browser does not grow."""
    near = speech(10.0, "en", rms=4_000)
    while time.monotonic() < until:
        sound.microphone.play(near)
        page.wait(12)
        for which in ("received", "said"):
            assert np.isfinite(page.heard(which).sound).all()
        page.flashes()


if __name__ == "__main__":
    sys.exit(main())
