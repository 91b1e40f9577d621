"""For a person with a microphone and a loudspeaker at the device: `pytest -m hardware tests/hardware/test_pi_sound.py`.

Put both on one table in a quiet room. You hear speech for half a minute. Measured here is what virtual devices cannot show:
a real card's clock and delay, and an echo through the air.
"""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from pi_cam.audio import devices
from pi_cam.audio.blocks import SILENCE, Block
from pi_cam.audio.echo import choose
from pi_cam.audio.far import Far
from pi_cam.audio.microphone import Microphone
from pi_cam.audio.speaker import Speaker
from pi_cam.errors import PiCamError
from tests.room import reduction_db
from tests.speech import blocks, speech

pytestmark = pytest.mark.hardware

SECONDS = 30
SETTLED = SECONDS // 2 * 50
"""Blocks after which the canceller has learnt the room."""


class Table:
    """A microphone that hears a loudspeaker."""

    def __init__(self) -> None:
        self.troubles: list[PiCamError | None] = []
        self.heard: list[Block] = []
        self.cleaned: list[Block] = []
        self.captured: list[float] = []
        self._far = Far()
        self._canceller = choose("auto", noise_suppression=True)
        self._said = iter(blocks(speech(float(SECONDS), rms=4_000)))
        self.over = threading.Event()
        self.microphone = Microphone(lambda: "", self._take, self.troubles.append)
        self.speaker = Speaker(lambda: "", self._pull, self._far.played, self.troubles.append)

    def _take(self, block: Block, captured_at: float) -> None:
        self.heard.append(block)
        self.captured.append(captured_at)
        self.cleaned.append(self._canceller.process(block, self._far.take(), self._far.was_audible()))

    def _pull(self) -> Block:
        block = next(self._said, None)
        if block is None:
            self.over.set()
        return SILENCE if block is None else block


@pytest.fixture(scope="module")
def table() -> Table:
    table = Table()
    table.microphone.start()
    table.speaker.start()
    assert table.over.wait(SECONDS + 15), table.troubles
    time.sleep(0.5)
    for part in (table.speaker, table.microphone):
        part.stop()
    return table


def test_both_are_listed_by_a_name() -> None:
    found = devices.devices()
    assert any(one.inputs for one in found), found
    assert any(one.outputs for one in found), found


def test_they_work_without_losses(table: Table) -> None:
    assert table.troubles == []
    microphone, speaker = table.microphone.stats(), table.speaker.stats()
    assert (microphone["dropped"], microphone["overflows"]) == (0, 0)
    assert speaker["underruns"] == 0
    assert len(table.heard) == pytest.approx(SECONDS * 50, rel=0.05)


def test_the_moments_of_capture_are_even(table: Table) -> None:
    steps = np.diff(table.captured)
    assert np.median(steps) == pytest.approx(0.02, abs=0.0005)
    assert np.percentile(np.abs(steps - 0.02), 95) < 0.01


def test_the_echo_is_taken_out(table: Table) -> None:
    heard, cleaned = (np.concatenate(one[SETTLED : SECONDS * 50]) for one in (table.heard, table.cleaned))
    assert reduction_db(heard, np.zeros_like(heard) + 15) > 20, "the microphone hardly hears the loudspeaker"
    assert reduction_db(heard, cleaned) >= 20
