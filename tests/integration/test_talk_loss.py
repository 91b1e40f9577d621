"""A voice over a network that loses packets: understood, in time, and at no cost to the picture."""

from __future__ import annotations

import asyncio
import statistics
import time
from pathlib import Path

import numpy as np
import pytest

from pi_cam.media.opus import BLOCK_SAMPLES, OpusEncoder
from tests import network
from tests.likeness import found_at
from tests.peer import WhepPeer
from tests.prerequisites import require
from tests.server import Server, serving
from tests.speech import RATE, blocks, speech
from tests.talker import Talker
from tests.virtual_air import Samples
from tests.virtual_sound import LOUDSPEAKER, VirtualSound

pytestmark = pytest.mark.alone

SECONDS, SETTLED = 13, 5
"""Of speech; and after how many of them the buffer has found its depth, whatever the start of everything cost."""

LONGEST_HOLE = round(0.1 * RATE)


@pytest.mark.parametrize(("loss", "alike"), [(0.05, 0.8), (0.2, 0.6)])
def test_a_voice_with_holes_is_still_a_voice(tmp_path: Path, sound: VirtualSound, loss: float, alike: float) -> None:
    """`alike`: the least median correlation of its seconds; Opus alone leaves 0.96, other speech has below 0.2."""
    require(f"a network namespace ({network.problem()})", network.problem() is None)
    environment = {**sound.environment, "PI_CAM_LOUDSPEAKER": LOUDSPEAKER}
    with serving(tmp_path / "data", "synthetic:?size=320x240&fps=15", owner=True, environment=environment) as server:
        pictures = asyncio.run(_say(server, loss))
        audio = server.request("GET", "/api/v1/audio", token=server.token("configure")).json()
    said, played = speech(SECONDS), sound.loudspeaker()
    found = [found_at(said[second * RATE : (second + 1) * RATE], played) for second in range(SETTLED, SECONDS - 1)]
    late = [place - second * RATE for second, (place, _) in enumerate(found, SETTLED)]
    assert statistics.median(likeness for _, likeness in found) >= alike, found
    assert late[-1] - late[0] <= 2 * BLOCK_SAMPLES, f"the delay does not grow: {late}"
    assert _longest_hole(said[SETTLED * RATE :], played[SETTLED * RATE + late[-1] :]) < LONGEST_HOLE
    assert pictures >= 14 * SECONDS
    assert audio["loudspeaker"]["trouble"] is None


async def _say(server: Server, loss: float) -> int:
    """Says it at the pace of speech, while somebody watches; how many pictures came meanwhile."""
    chance, encoder = np.random.default_rng(1), OpusEncoder()
    talker = Talker(server, server.token("view,talk", "talker"))
    await talker.start()
    assert (await talker.ask("talk", on=True))["on"] is True
    async with WhepPeer(server, server.token("view"), decode=False) as viewer:
        await viewer.until(lambda: len(viewer.packets) > 3)
        viewer.packets.clear()
        began = time.monotonic()
        for number, block in enumerate(blocks(speech(SECONDS))):
            for packet in encoder.encode(block):
                if chance.random() >= loss:
                    await talker.send(7, number, packet)
            await asyncio.sleep(max(0.0, began + (number + 1) * BLOCK_SAMPLES / RATE - time.monotonic()))
        await asyncio.sleep(0.5)
        pictures = len({packet.timestamp for packet in viewer.packets})
    await talker.close()
    return pictures


def _longest_hole(said: Samples, played: Samples) -> int:
    """Samples in a row for which nothing was played of what was loud when it was said."""
    loud = np.abs(said) > 300
    silent = np.abs(played[: len(said)]) == 0
    longest = run = 0
    for is_loud, is_silent in zip(loud, silent, strict=False):
        run = 0 if not is_silent else run + int(is_loud)
        longest = max(longest, run)
    return longest
