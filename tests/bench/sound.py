"""`make bench-sound`: two-way voice in figures, through `pi-cam serve`, virtual ALSA devices and Chromium. About five
minutes."""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
from playwright.sync_api import sync_playwright

from tests import network
from tests.bench import report
from tests.bench.report import Rows
from tests.likeness import found_at
from tests.peer import WhepPeer
from tests.room import impulse_response, reduction_db
from tests.server import Server, serving
from tests.sound_page import RATE, SoundPage, sound_page, write_wav
from tests.speech import speech
from tests.virtual_air import Room
from tests.virtual_sound import VirtualSound, virtual_sound

SOURCE = "synthetic:?size=320x240&fps=15"
SYNCHRONOUS = "synthetic:?size=640x360&fps=60"
DEVICES = {"PI_CAM_MICROPHONE": "vmic", "PI_CAM_LOUDSPEAKER": "vspk"}
DELAYS_MS = (60, 150, 300)
PRESSES = 9
LISTENERS = 8
PAIRS = 5
KNOWN = 0.4
"""Likeness that is no chance: of a voice beside one from the loudspeaker, of which the canceller leaves little."""

MOVED = RATE // 3
"""Samples by which a browser's jitter buffer may have moved a second against the others."""

METHOD = [
    "Made by `make bench-sound`: `pi-cam serve` on virtual ALSA devices and Chromium on one machine of two cores",
    f"({report.machine()}), in a network namespace of its own.",
    "",
    "- *Microphone to browser*: from the write of a block into the virtual microphone's pipe until its first sample is in",
    "  an AudioWorklet on the received track (`Date.now` there); windows of 1 s of speech, found by cross-correlation.",
    "- *Browser to loudspeaker*: from an AudioWorklet on the browser's own microphone until the virtual loudspeaker's file",
    "  holds the sample.",
    "- *Press*: from the call that asks for the floor, with the microphone granted before, until the first loud sample is",
    "  in the loudspeaker's file, which is opened anew each time.",
    "- *Echo*: loudspeaker driven into tanh, a room of 160 ms, a microphone clock 100 ppm faster; 25 s after 5 s to settle;",
    "  energy into the microphone against energy in the browser. The delay is counted from the loudspeaker's file.",
    "- *Near voice*: its share of what the browser hears (projection on the known voice, 20 s) while the far one talks as",
    "  loud, against alone.",
    "- *Sound against picture*: the beep's first sample in the worklet less the moment at which the flash is displayed.",
]


def main() -> int:
    """Measures, prints, writes."""
    network.enter()
    if network.problem() is not None:
        sys.stderr.write(f"A network namespace is needed: {network.problem()}\n")
        return 1
    rows: Rows = {}
    _delays(rows)
    for delay in DELAYS_MS:
        _echo(rows, delay)
    _listeners(rows)
    _in_step(rows)
    report.write("sound", "Two-way voice in figures", METHOD, rows, ("aiortc", "av", "sounddevice", "pywebrtc-audio"))
    return 0


@contextmanager
def conversation(said: npt.NDArray[np.int16], source: str = SOURCE) -> Iterator[tuple[Server, VirtualSound, SoundPage]]:
    """A device with virtual sound, and a page whose microphone hears `said` again and again."""
    with tempfile.TemporaryDirectory() as name, virtual_sound(_made(Path(name) / "sound")) as sound:
        write_wav(Path(name) / "voice.wav", said)
        flag = f"--use-file-for-fake-audio-capture={name}/voice.wav"
        environment = {**sound.environment, **DEVICES}
        device = serving(Path(name) / "data", source, owner=True, environment=environment)
        with device as server, sync_playwright() as playwright, sound_page(playwright, server, flag) as page:
            yield server, sound, page


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _delays(rows: Rows) -> None:
    voice = speech(20.0, "fr+f3", rms=4_000)
    with conversation(voice) as (_, sound, page):
        page.open()
        page.wait(2.0)
        rows["virtual microphone to the browser"] = report.times(listening_delays(sound, page), 150)
        page.call("microphone()")
        page.call("talk(true)")
        page.wait(2.0)
        rows["browser's microphone to the virtual loudspeaker"] = report.times(talking_delays(sound, page), 150)
        page.call("talk(false)")
    tone = (8_000 * np.sin(2 * np.pi * 440 * np.arange(10 * RATE) / RATE)).astype(np.int16)
    with conversation(tone) as (_, sound, page):
        page.open(sound=False)
        page.call("microphone()")
        rows["press of the talk button to the first sample at the loudspeaker"] = report.times(
            _presses(sound, page), 300
        )


def listening_delays(sound: VirtualSound, page: SoundPage, seconds: int = 12) -> list[float]:
    """Milliseconds, one for each second of speech."""
    known = speech(float(seconds), "en", rms=4_000)
    page.heard()
    begin = sound.microphone.play(known)
    page.wait(seconds + 1.5)
    heard = page.heard()
    samples = heard.samples()
    whole, _ = found_at(known, samples)

    def delay(second: int) -> float | None:
        first = max(0, whole + second * RATE - MOVED)
        place, alike = found_at(known[second * RATE : (second + 1) * RATE], samples[first : first + RATE + 2 * MOVED])
        written = sound.microphone.moments.of(begin + second * RATE) + _wall_clock()
        return 1000 * (heard.at(first + place) - written) if alike > KNOWN else None

    return _known(delay, seconds)


def talking_delays(sound: VirtualSound, page: SoundPage, seconds: int = 12) -> list[float]:
    """Milliseconds, one for each second of speech."""
    page.heard("said")
    before = sound.loudspeaker.samples()
    page.wait(seconds + 1.5)
    said, played = page.heard("said"), sound.loudspeaker(before)
    samples = said.samples()

    def delay(second: int) -> float | None:
        begin = second * RATE
        place, alike = found_at(samples[begin : begin + RATE], played[: begin + 3 * RATE])  # it comes again later
        at = sound.loudspeaker.moments.of(before + place) + _wall_clock()
        return 1000 * (at - said.at(begin)) if alike > 0.7 else None

    return _known(delay, seconds)


def _known(delay: Callable[[int], float | None], seconds: int) -> list[float]:
    found = [one for one in map(delay, range(seconds)) if one is not None]
    if len(found) < seconds / 2:
        raise RuntimeError(f"only {len(found)} of {seconds} seconds of speech were found again")
    return found


def _wall_clock() -> float:
    return time.time() - time.monotonic()


def _presses(sound: VirtualSound, page: SoundPage) -> list[float]:
    found = []
    for _ in range(PRESSES):
        pressed = page.call("talk(true)") / 1000
        page.wait(1.5)
        loud = int(np.argmax(np.abs(sound.loudspeaker()) > 2_000))
        found.append(1000 * (sound.loudspeaker.moments.of(loud) + _wall_clock() - pressed))
        page.call("talk(false)")
        page.wait(3.0)  # the loudspeaker is closed
    return found


def _echo(rows: Rows, delay_ms: int) -> None:
    with conversation(speech(20.0, "fr+f3", rms=4_000)) as (server, sound, page):
        page.open()
        page.call("microphone()")
        near = speech(20.0, "en", rms=4_000)  # as loud as the echo
        alone = _near_share(sound, page, near)
        sound.microphone.room(Room(delay_ms / 1000, impulse_response(), lambda x: np.tanh(2 * x) / 2, drift=1e-4))
        page.call("talk(true)")
        page.wait(6.0)
        page.heard()
        begin, slips = sound.microphone.written, sound.microphone.slips
        page.wait(25.0)
        heard, end = page.heard().samples(), sound.microphone.written
        rows[f"echo reduction, one talker, {delay_ms} ms"] = report.at_least(
            reduction_db(sound.microphone.history(begin, end), heard), "dB", 30
        ) | {"spread": _jumps(server, sound.microphone.slips - slips)}
        loss = 20 * np.log10(alone / _near_share(sound, page, near))
        rows[f"near voice during double talk, {delay_ms} ms: loss"] = report.figure(float(loss), "dB", 10)


def _jumps(server: Server, simulated: int) -> str:
    """How often the delay of the echo was another one: in the simulation, and by our own account since the start."""
    figures = server.request("GET", "/api/v1/audio", token=server.token("configure")).json()
    ours, gaps = figures["microphone"]["echo_slips"], figures["loudspeaker"]["underruns"]
    return f"{simulated} jumps of the simulated delay, {ours} of ours; {gaps} gaps at the loudspeaker"


def _near_share(sound: VirtualSound, page: SoundPage, near: npt.NDArray[np.int16]) -> float:
    """Amplitude of the near voice in what the browser hears, of that at the microphone, over all of it.

    A second is looked for around where the one before was found: the browser's jitter buffer drops and stretches sound. One
    of which too little is left to be found counts where it should be.
    """
    page.heard()
    sound.microphone.play(near)
    page.wait(len(near) / RATE + 1.5)
    heard = page.heard().samples().astype(np.float64)
    place, _ = found_at(near, heard)
    product = energy = 0.0
    for begin in range(0, len(near) - RATE + 1, RATE):
        known = near[begin : begin + RATE].astype(np.float64)
        first = max(0, place + begin - MOVED)
        found, alike = found_at(known, heard[first : place + begin + RATE + MOVED])
        if alike > KNOWN:
            place = first + found - begin
        piece = heard[place + begin : place + begin + RATE]
        product += float(np.dot(piece, known[: len(piece)]))
        energy += float(np.dot(known, known))
    return product / energy


def _listeners(rows: Rows) -> None:
    """Nine who hear against nine of whom one hears: what is left is the sound of eight."""
    with tempfile.TemporaryDirectory() as name, virtual_sound(_made(Path(name) / "sound")) as sound:
        environment = {**sound.environment, **DEVICES, "PI_CAM_VIEWERS_MAX": "20"}
        with serving(Path(name) / "data", SOURCE, owner=True, environment=environment) as server:
            token = server.token("view,listen")
            extra = [asyncio.run(_extra(server, token)) for _ in range(PAIRS)]
    row = report.figure(statistics.median(extra), "% of a core", 0.15)
    rows["processor per extra listener"] = row | {"spread": f"{min(extra):.2f} to {max(extra):.2f} % of {PAIRS}"}


async def _extra(server: Server, token: str) -> float:
    percent = [await _hearing(server, token, count) for count in (1, 1 + LISTENERS)]
    return (percent[1] - percent[0]) / LISTENERS


async def _hearing(server: Server, token: str, count: int) -> float:
    """Percent of a core while so many of all viewers hear."""
    peers = [WhepPeer(server, token, audio=number < count, decode=False) for number in range(1 + LISTENERS)]
    for peer in peers:
        await peer.start()
    await asyncio.sleep(3)
    percent = await asyncio.to_thread(server.cpu_percent, 10)
    for peer in peers:
        await peer.close()
    await asyncio.sleep(2.5)
    return percent


def _in_step(rows: Rows) -> None:
    with (
        tempfile.TemporaryDirectory() as name,
        serving(Path(name), SYNCHRONOUS, owner=True) as server,
        sync_playwright() as playwright,
        sound_page(playwright, server) as page,
    ):
        page.open()
        page.wait(8.0)  # the browser brings both together slowly
        page.heard()
        page.flashes()
        page.wait(15.0)
        found = [1000 * (beep - flash) for beep, flash in _together(page)]
    row = report.times(found, None)
    middle = statistics.median(found)
    rows["sound against picture (flash and beep)"] = {**row, "goal": "within 40 ms", "ok": abs(middle) <= 40}


def _together(page: SoundPage) -> list[tuple[float, float]]:
    heard, pictures = page.heard(), page.flashes()
    loud = np.abs(heard.sound) > 0.02
    starts = [sample for sample in np.flatnonzero(loud) if not loud[max(0, sample - RATE // 2) : sample].any()]
    beeps = [heard.at(int(sample)) for sample in starts if sample > RATE // 2]
    flashes = [at for (_, before), (at, light) in pairwise(pictures) if light > 215 and before <= 215]
    return [(beep, min(flashes, key=lambda flash: abs(flash - beep))) for beep in beeps]


if __name__ == "__main__":
    sys.exit(main())
