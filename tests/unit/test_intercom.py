"""What is said of this device's microphone while it is open, and after."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pi_cam.audio import echo
from pi_cam.audio.blocks import BLOCK_SAMPLES, SILENCE, SILENT_DBFS
from pi_cam.audio.cards import Cards
from pi_cam.audio.devices import Library
from pi_cam.audio.far import Far
from pi_cam.errors import MissingPart
from pi_cam.intercom import Ear, Mouth
from pi_cam.settings import Settings
from tests.unit.fake_camera import FakeBridge, FakeSource
from tests.unit.fake_sound import FakeSounddevice, FakeStream, moment, status

LIMIT_SECONDS = 5
SETTINGS = {"PI_CAM_NOISE_SUPPRESSION": "false"}


@pytest.fixture
def settings() -> Settings:
    return Settings.from_environment(SETTINGS)


@pytest.fixture
def fake() -> FakeSounddevice:
    fake = FakeSounddevice(("mic", 1, 0))
    fake.on_start = hear_noise
    return fake


@pytest.fixture
def ear(settings: Settings, fake: FakeSounddevice, tmp_path: Path) -> Iterator[Ear]:
    ear = Ear(settings, Far(), lambda: None, Library(lambda: fake, Cards(tmp_path)))
    yield ear
    ear.stop()


def hear_noise(stream: FakeStream) -> None:
    noise = np.random.default_rng(0).normal(0, 5_000, (5, 960)).astype(np.int16)
    for block in noise:
        stream.callback(memoryview(block.tobytes()), 960, moment(), status())


def listen(ear: Ear) -> None:
    packets: queue.Queue[Any] = queue.Queue()
    ear.start(packets.put, lambda trouble: None)
    packets.get(timeout=LIMIT_SECONDS)


def promised(ear: Ear) -> bool:
    return ear.full_duplex


def test_a_closed_microphone_has_no_level(ear: Ear) -> None:
    listen(ear)
    assert ear.stats()["level_dbfs"] != SILENT_DBFS
    ear.stop()
    assert (ear.stats()["level_dbfs"], ear.stats()["trouble"]) == (SILENT_DBFS, None)


def test_a_closed_microphone_promises_what_the_settings_of_now_say(ear: Ear, settings: Settings) -> None:
    assert promised(ear)
    listen(ear)
    ear.stop()
    settings.change({"echo_cancelling": "off"})
    assert not promised(ear)
    listen(ear)
    ear.stop()
    settings.change({"echo_cancelling": "auto"})
    assert promised(ear)


def test_a_computer_that_was_too_slow_promises_nothing_better(ear: Ear, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(echo, "SLOW_SECONDS", -1.0)
    listen(ear)
    ear.stop()
    assert not promised(ear)


def test_each_opening_has_a_canceller_of_its_own(ear: Ear) -> None:
    listen(ear)
    first = ear._canceller
    ear.stop()
    listen(ear)
    assert ear._canceller is not first


def test_the_microphone_s_count_never_goes_back_and_what_it_lost_is_lost_for_its_echo(
    ear: Ear, settings: Settings, fake: FakeSounddevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.change({"echo_cancelling": "off"})
    fake.on_start = lambda stream: None
    skipped: list[int] = []
    monkeypatch.setattr(ear._far, "skip", skipped.append)
    packets: list[Any] = []
    ear.start(packets.append, lambda trouble: None)
    moments = [1000 + number * 0.02 * (1 - 1e-4) for number in [*range(6_000), *range(6_003, 6_100)]]
    for at in moments:
        ear._heard(SILENCE, at)
    assert skipped == [3]
    steps = np.diff([packet.pts for packet in packets]).tolist()
    assert sorted(set(steps)) == [BLOCK_SAMPLES, 4 * BLOCK_SAMPLES]
    assert steps.count(4 * BLOCK_SAMPLES) == 1
    assert [packet.captured_at for packet in packets] == moments


def test_half_duplex_ducks_for_what_is_played_whatever_is_lined_up(
    ear: Ear, settings: Settings, fake: FakeSounddevice
) -> None:
    settings.change({"echo_cancelling": "off"})
    fake.on_start = lambda stream: None
    ear.start(lambda packet: None, lambda trouble: None)
    loud = np.full(BLOCK_SAMPLES, 10_000, np.int16)
    ear._far.played(loud[:1])
    ear._far.skip(20)  # the loudspeaker's thread is far behind
    levels = []
    for number in range(3):
        ear._far.played(loud)
        ear._heard(loud, 1000 + number * 0.02)
        levels.append(ear._canceller._gain if isinstance(ear._canceller, echo.HalfDuplex) else None)
    assert levels == [echo.DUCKED] * 3


def test_who_cannot_be_heard_for_want_of_a_library_does_not_talk(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(talker: str) -> None:
        raise MissingPart("Sound needs libopus.")

    mouth = Mouth(settings, FakeBridge(FakeSource()), Far(), lambda: None)
    monkeypatch.setattr(mouth.mixer, "join", missing)
    with pytest.raises(MissingPart):
        mouth.join("ada")
    assert mouth._talkers == set()
