"""What is said of this device's microphone while it is open, and after."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pi_cam.audio import echo
from pi_cam.audio.blocks import SILENT_DBFS
from pi_cam.audio.cards import Cards
from pi_cam.audio.devices import Library
from pi_cam.audio.far import Far
from pi_cam.intercom import Ear
from pi_cam.settings import Settings
from tests.unit.fake_sound import FakeSounddevice, FakeStream, moment, status

LIMIT_SECONDS = 5
SETTINGS = {"PI_CAM_NOISE_SUPPRESSION": "false"}


@pytest.fixture
def settings() -> Settings:
    return Settings.from_environment(SETTINGS)


@pytest.fixture
def ear(settings: Settings, tmp_path: Path) -> Iterator[Ear]:
    fake = FakeSounddevice(("mic", 1, 0))
    fake.on_start = hear_noise
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
