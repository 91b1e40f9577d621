"""Two-way voice in a real browser, on real ALSA: what the microphone hears comes out of the browser, what is said into the
browser's microphone comes out of the loudspeaker, and the one is not heard in the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Playwright

from tests import network
from tests.likeness import found_in_parts
from tests.prerequisites import require
from tests.room import impulse_response, reduction_db
from tests.server import Server, serving
from tests.sound_page import RATE, SoundPage, sound_page, write_wav
from tests.speech import speech
from tests.virtual_air import Room
from tests.virtual_sound import VirtualSound

pytestmark = pytest.mark.alone

SOURCE = "synthetic:?size=320x240&fps=15"
DEVICES = {"PI_CAM_MICROPHONE": "vmic", "PI_CAM_LOUDSPEAKER": "vspk"}
WINDOWS, CALM = 12, 3
"""Of 5 s, in which the echo is measured; and how many of them without a gap at the loudspeaker there have to be."""

ALIKE = 0.8
"""Opus at 28 kbit/s, noise suppression and the browser's jitter buffer leave this much; other speech has below 0.2."""


@contextmanager
def device(tmp_path: Path, sound: VirtualSound, **settings: str) -> Iterator[Server]:
    require(f"a network namespace ({network.problem()})", network.problem() is None)
    environment = {**sound.environment, **DEVICES, **settings}
    with serving(tmp_path / "data", SOURCE, owner=True, environment=environment) as server:
        yield server


def found(said: np.ndarray[Any, np.dtype[np.int16]], heard: np.ndarray[Any, Any]) -> tuple[int, float]:
    """Where the second and third second of what was said begin, and how alike they are, 0.4 s by 0.4 s."""
    return found_in_parts(said[RATE : 3 * RATE], heard, part=RATE * 2 // 5, slack=RATE // 5)


def microphone_flag(tmp_path: Path, said: np.ndarray[Any, np.dtype[np.int16]]) -> str:
    """Chromium's microphone hears this, again and again."""
    write_wav(tmp_path / "voice.wav", said)
    return f"--use-file-for-fake-audio-capture={tmp_path / 'voice.wav'}"


def audio(server: Server, token: str) -> dict[str, Any]:
    found: dict[str, Any] = server.request("GET", "/api/v1/audio", token=token).json()
    return found


def eventually(page: SoundPage, condition: Callable[[], bool], seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not in {seconds} s"
        page.wait(0.1)


def test_what_the_microphone_hears_comes_out_of_the_browser(
    playwright: Playwright, tmp_path: Path, sound: VirtualSound
) -> None:
    said = speech(4.0, "en", rms=4_000)
    with device(tmp_path, sound) as server, sound_page(playwright, server) as page:
        token = server.token("configure")
        assert page.open(sound=False) == "sendrecv"
        eventually(page, lambda: audio(server, token)["microphone"]["open"] is False)
        page.call("turn(true)")
        page.wait(2.0)
        page.heard()
        begin = sound.microphone.play(said)
        page.wait(5.0)
        heard = page.heard()
        place, alike = found(said, heard.samples())
        assert alike > ALIKE
        written_at = sound.microphone.moments.of(begin + RATE) + time.time() - time.monotonic()
        assert 0.0 < heard.at(place) - written_at < 0.5
        figures = audio(server, token)
        assert (figures["microphone"]["dropped"], figures["microphone"]["trouble"], figures["listeners"]) == (
            0,
            None,
            1,
        )
        page.call("turn(false)")
        page.wait(1.0)
        page.heard()
        sound.microphone.play(said)
        page.wait(3.0)
        assert np.abs(page.heard().sound).max() < 0.001
        eventually(page, lambda: audio(server, token)["microphone"]["open"] is False)


def test_a_muted_microphone_is_silence(playwright: Playwright, tmp_path: Path, sound: VirtualSound) -> None:
    with device(tmp_path, sound, PI_CAM_MICROPHONE_MUTED="yes") as server, sound_page(playwright, server) as page:
        page.open()
        page.wait(1.0)
        page.heard()
        sound.microphone.play(speech(2.0, "en", rms=4_000))
        page.wait(2.5)
        heard = page.heard()
        assert len(heard.sound) > 2 * RATE
        assert np.abs(heard.sound).max() < 0.001


@pytest.mark.parametrize("settings", [{"PI_CAM_MICROPHONE": "off"}, {"PI_CAM_MICROPHONE_MUTED": "yes"}])
def test_off_or_muted_not_even_the_camera_s_own_sound_is_heard(
    playwright: Playwright, tmp_path: Path, settings: dict[str, str]
) -> None:
    require(f"a network namespace ({network.problem()})", network.problem() is None)
    with (
        serving(tmp_path / "data", SOURCE, owner=True, environment=settings) as server,
        sound_page(playwright, server) as page,
    ):
        page.open()
        page.wait(1.0)
        page.heard()
        page.wait(2.5)  # the test card beeps each second
        heard = page.heard()
        assert len(heard.sound) > 2 * RATE
        assert np.abs(heard.sound).max() < 0.001


def test_what_is_said_comes_out_of_the_loudspeaker(playwright: Playwright, tmp_path: Path, sound: VirtualSound) -> None:
    said = speech(4.0, "fr+f3", rms=4_000)
    flag = microphone_flag(tmp_path, said)
    with device(tmp_path, sound) as server, sound_page(playwright, server, flag) as page:
        token = server.token("configure")
        page.open(sound=False)
        page.call("microphone()")
        page.call("talk(true)")
        page.wait(9.0)  # all of it twice
        assert [one["name"] for one in audio(server, token)["talk"]["talkers"]] == ["Ada"]
        page.call("talk(false)")
        page.wait(0.5)
        played = sound.loudspeaker()
        _, alike = found(said, played)
        assert alike > ALIKE
        assert audio(server, token)["talk"]["talkers"] == []
        eventually(page, lambda: audio(server, token)["loudspeaker"]["open"] is False)
        rows = server.request("GET", "/api/v1/journal", token=token).json()["rows"]
        ended, began = [row for row in rows if row["action"] in ("talked", "stopped-talking")]
        assert (began["actor"], began["camera"], ended["actor"]) == ("Ada", "main", "Ada")
        assert 8 < ended["detail"]["seconds"] < 15


def test_who_has_not_got_the_floor_is_not_heard_whatever_is_sent(
    playwright: Playwright, tmp_path: Path, sound: VirtualSound
) -> None:
    flag = microphone_flag(tmp_path, speech(4.0, "fr+f3", rms=4_000))
    with device(tmp_path, sound) as server, sound_page(playwright, server, flag) as page:
        token = server.token("configure")
        page.open(sound=False)
        page.call("microphone()")
        page.call("talk(true)")
        page.wait(2.0)
        page.call("request('talk', { on: false })")  # and goes on sending
        page.wait(1.0)
        before = len(sound.loudspeaker())
        page.wait(4.0)
        assert np.abs(sound.loudspeaker(before)).max(initial=0) < 50
        loudspeaker = audio(server, token)["loudspeaker"]
        assert (loudspeaker["open"], loudspeaker["talkers"]) == (False, [])


def test_a_loudspeaker_that_is_not_there_is_told_and_the_picture_goes_on(
    playwright: Playwright, tmp_path: Path, sound: VirtualSound
) -> None:
    with device(tmp_path, sound) as server, sound_page(playwright, server) as page:
        token = server.token("configure,view")
        page.open(sound=False)
        page.call("microphone()")
        sound.unplug_loudspeaker()
        page.call("talk(true)")
        page.wait(3.0)
        trouble = audio(server, token)["talk"]["trouble"]
        assert trouble is not None
        assert trouble.endswith(".")
        assert page.page.evaluate("sound.told.some(one => one.type === 'sound' && one.sound.talk.trouble)")
        page.flashes()
        page.wait(1.0)
        assert len(page.flashes()) >= 8
        assert server.camera(token)["state"] == "live"
        sound.plug_loudspeaker()
        eventually(page, lambda: audio(server, token)["talk"]["trouble"] is None, seconds=20)


@pytest.mark.timeout(240)
def test_the_talker_does_not_hear_an_echo(playwright: Playwright, tmp_path: Path, sound: VirtualSound) -> None:
    """60 s or more through the whole product, in a room of 160 ms with a loudspeaker that distorts and clocks that
    differ; then somebody beside the microphone speaks, too."""
    said = speech(20.0, "fr+f3", rms=4_000)
    flag = microphone_flag(tmp_path, said)
    with device(tmp_path, sound) as server, sound_page(playwright, server, flag) as page:
        token = server.token("configure")
        page.open()
        page.call("microphone()")
        sound.microphone.room(Room(0.15, impulse_response(), lambda x: np.tanh(2 * x) / 2, drift=1e-4))
        page.call("talk(true)")
        page.wait(5.0)  # the delay is found, and the room learnt
        page.heard()
        marks, figures = [sound.microphone.written], [audio(server, token)]
        while len(figures) <= WINDOWS or (len(calm_windows(figures)) < CALM and len(figures) <= 2 * WINDOWS):
            page.wait(5.0)
            marks.append(sound.microphone.written)
            figures.append(audio(server, token))
        heard = page.heard().samples()
        _, loudness_db = near_voice(page, sound)
        page.call("talk(false)")
        page.wait(1.0)
        alike = max(near_voice(page, sound)[0] for _ in range(3))
    assert {each["talk"]["duplex"] for each in figures} == {"full"}
    assert loudness_db > -20, "lowered while the other side talks"
    assert alike > ALIKE
    into = sound.microphone.history(marks[0], marks[-1])
    calm = calm_windows(figures)
    kept = [slice(marks[number] - marks[0], marks[number + 1] - marks[0]) for number in calm]
    figure = f"{reduction_db(into, heard):.1f} dB over 60 s; {len(calm)} windows without a gap"
    assert reduction_db(into, heard) >= 8, figure
    reductions = [reduction_db(into[part], heard[part]) for part in kept]
    # Most of them: a window may hold a step of the simulated room that no counter tells.
    assert len(reductions) >= CALM, "the loudspeaker was without sound again and again"
    assert np.median(reductions) >= 25, (figure, reductions)


def calm_windows(figures: list[dict[str, Any]]) -> list[int]:
    """Those in which, and in the one before, the loudspeaker was never without sound: on a busy machine it is, and each time
    the echo's delay is another one, which takes seconds to be found."""
    gaps = [each["loudspeaker"]["underflows"] + each["loudspeaker"]["underruns"] for each in figures]
    return [number for number in range(len(gaps) - 1) if gaps[max(0, number - 1)] == gaps[number + 1]]


def near_voice(page: SoundPage, sound: VirtualSound) -> tuple[float, float]:
    """Somebody speaks beside the microphone: how alike that is to what comes out of the browser, and by how many dB the
    latter is louder."""
    said = speech(4.0, "en", rms=4_000)
    page.heard()
    sound.microphone.play(said)
    page.wait(5.0)
    heard = page.heard().samples()
    return found(said, heard)[1], -reduction_db(said, heard)
