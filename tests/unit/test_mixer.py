"""All talkers to one block: real Opus, virtual time."""

from __future__ import annotations

import threading
from typing import cast

import numpy as np
import pytest

from pi_cam.audio import mixer as module
from pi_cam.audio.blocks import BLOCK_SAMPLES, SILENCE, Block, level_dbfs
from pi_cam.audio.mixer import AUDIBLE_SECONDS, Mixer
from pi_cam.media.opus import OpusDecoder, OpusEncoder


def tone(hertz: float, count: int, amplitude: float = 6_000) -> list[Block]:
    wave = amplitude * np.sin(2 * np.pi * hertz * np.arange(count * BLOCK_SAMPLES) / 48_000)
    return list(np.rint(wave).astype(np.int16).reshape(count, BLOCK_SAMPLES))


class Talker:
    """A browser's microphone, one tone; it begins again after `blocks`."""

    def __init__(self, name: str, hertz: float, blocks: int = 100) -> None:
        self.name, self.hertz, self.sequence = name, hertz, 65_500
        encoder = OpusEncoder()
        self.packets = [packet for block in tone(hertz, blocks) for packet in encoder.encode(block)]

    def say(self, room: Room) -> None:
        index = self.sequence - 65_500
        timestamp = (2**32 - 5_000 + index * BLOCK_SAMPLES) % 2**32
        room.mixer.offer(self.name, self.sequence % 2**16, timestamp, self.packets[index % len(self.packets)])
        self.sequence += 1


class Room:
    """A loudspeaker that takes a block each 20 ms."""

    def __init__(self) -> None:
        self.now = 100.0
        self.mixer = Mixer(lambda: self.now)

    def hear(self, count: int, *talkers: Talker) -> Block:
        heard = []
        for _ in range(count):
            for talker in talkers:
                talker.say(self)
            self.now += 0.01
            heard.append(self.mixer.next_block())
            self.now += 0.01
        return np.concatenate(heard)

    def counts(self, name: str) -> dict[str, int]:
        return cast("dict[str, dict[str, int]]", self.mixer.stats()["talkers"])[name]


def loudness(sound: Block, hertz: float) -> float:
    """Amplitude at `hertz`, of the last 200 ms."""
    last = sound[-9_600:].astype(np.float64)
    return float(2 * np.abs(np.dot(last, np.exp(-2j * np.pi * hertz * np.arange(9_600) / 48_000))) / 9_600)


def test_nobody_makes_silence() -> None:
    room = Room()
    assert room.mixer.next_block() is SILENCE
    room.mixer.join("ada")
    assert room.mixer.next_block() is SILENCE
    assert not room.mixer.speaking()


def test_one_talker_is_heard() -> None:
    room, ada = Room(), Talker("ada", 400)
    room.mixer.join("ada")
    heard = room.hear(25, ada)
    assert loudness(heard, 400) == pytest.approx(6_000, rel=0.15)
    assert room.mixer.speaking()
    assert room.counts("ada")["lost"] == 0


def test_two_talkers_are_heard_at_once() -> None:
    room, ada, ben = Room(), Talker("ada", 400), Talker("ben", 900)
    room.mixer.join("ada")
    room.mixer.join("ben")
    heard = room.hear(25, ada, ben)
    assert loudness(heard, 400) == pytest.approx(6_000, rel=0.15)
    assert loudness(heard, 900) == pytest.approx(6_000, rel=0.15)


def test_packets_of_somebody_unknown_are_dropped_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[bytes] = []

    class Watched(OpusDecoder):
        def decode(self, data: bytes) -> Block | None:
            decoded.append(data)
            return super().decode(data)

    monkeypatch.setattr(module, "OpusDecoder", Watched)
    room, eve = Room(), Talker("eve", 400)
    room.mixer.join("ada")
    heard = room.hear(25, eve)
    assert np.count_nonzero(heard) == 0
    assert decoded == []
    assert room.mixer.stats()["unknown"] == 25
    assert "eve" not in cast("dict[str, object]", room.mixer.stats()["talkers"])


def test_who_left_is_heard_for_80_ms_at_most_and_fades() -> None:
    room, ada = Room(), Talker("ada", 400)
    room.mixer.join("ada")
    before = room.hear(25, ada)
    room.mixer.leave("ada")
    after = room.hear(10, ada)
    assert np.abs(np.diff(np.concatenate((before, after)).astype(int))[24 * 960 :]).max() < 800, "it clicked"
    assert np.count_nonzero(after[4 * BLOCK_SAMPLES :]) == 0
    assert room.mixer.stats()["talkers"] == {}


def test_who_comes_and_goes_while_no_loudspeaker_is_open_leaves_nothing_behind() -> None:
    room, ada = Room(), Talker("ada", 400)
    for _ in range(1_000):
        room.mixer.join("ada")
        ada.say(room)
        room.mixer.leave("ada")
    assert room.mixer._leaving == []


def test_nobody_fades_into_a_loudspeaker_that_opens_later() -> None:
    room, ada = Room(), Talker("ada", 400)
    room.mixer.join("ada")
    room.hear(25, ada)
    room.mixer.leave("ada")
    room.mixer.cut()
    assert room.mixer._leaving == []
    assert room.mixer.next_block() is SILENCE


def test_who_comes_again_is_heard_again() -> None:
    room, ada = Room(), Talker("ada", 400)
    for _ in range(3):
        room.mixer.join("ada")
        room.mixer.join("ada")
        assert loudness(room.hear(25, ada), 400) == pytest.approx(6_000, rel=0.15)
        room.mixer.leave("ada")
        room.mixer.leave("ada")
        room.hear(3)


def test_speaking_ends_a_moment_after_the_last_sound() -> None:
    room, ada = Room(), Talker("ada", 400)
    room.mixer.join("ada")
    room.hear(25, ada)
    room.hear(10)
    assert room.mixer.speaking()
    room.hear(round(AUDIBLE_SECONDS / 0.02))
    assert not room.mixer.speaking()


def test_a_silent_microphone_is_nobody_speaking() -> None:
    room, ada = Room(), Talker("ada", 400)
    encoder = OpusEncoder()
    ada.packets = [packet for _ in range(100) for packet in encoder.encode(SILENCE)]
    room.mixer.join("ada")
    room.hear(50, ada)
    assert not room.mixer.speaking()


@pytest.mark.parametrize("junk", [b"\xff" * 40, b"\x7b", b"not sound at all", bytes(1_400)])
def test_what_is_not_opus_is_silence_and_a_count(junk: bytes) -> None:
    room, ada, eve = Room(), Talker("ada", 400), Talker("eve", 900)
    eve.packets = [junk] * 100
    room.mixer.join("ada")
    room.mixer.join("eve")
    heard = room.hear(50, ada, eve)
    assert loudness(heard, 400) == pytest.approx(6_000, rel=0.15)
    assert room.counts("eve")["unplayable"] > 40


def test_every_fifth_packet_lost_leaves_no_hole() -> None:
    room, ada = Room(), Talker("ada", 150)
    room.mixer.join("ada")
    room.hear(10, ada)
    levels = []
    for index in range(80):
        if index % 5 == 3:
            ada.sequence += 1
            levels.append(level_dbfs(room.hear(1)))
        else:
            levels.append(level_dbfs(room.hear(1, ada)))
    assert min(levels) > max(levels) - 6
    assert room.counts("ada")["lost"] == pytest.approx(16, abs=1)


def test_a_block_left_out_is_not_heard_as_a_jump() -> None:
    room, ada = Room(), Talker("ada", 160, blocks=305)
    room.mixer.join("ada")
    for _ in range(5):
        ada.say(room)
    heard = room.hear(300, ada)
    assert room.counts("ada")["dropped"] > 0
    assert np.abs(np.diff(heard[5 * BLOCK_SAMPLES :].astype(int))).max() < 200, (
        "a 160 Hz tone of 6000 rises by 126 per sample"
    )
    assert room.counts("ada")["held_ms"] <= 40


def test_two_threads_do_not_get_in_each_others_way() -> None:
    room, talkers = Room(), [Talker("ada", 400), Talker("ben", 900)]
    failures: list[BaseException] = []

    def come_and_go() -> None:
        try:
            for index in range(400):
                talker = talkers[index % 2]
                room.mixer.join(talker.name)
                for _ in range(5):
                    talker.say(room)
                room.mixer.stats()
                if index % 3 == 0:
                    room.mixer.leave(talker.name)
        except BaseException as error:  # noqa: BLE001 - shown below
            failures.append(error)

    thread = threading.Thread(target=come_and_go)
    thread.start()
    while thread.is_alive():
        assert room.mixer.next_block().shape == (BLOCK_SAMPLES,)
    thread.join()
    assert failures == []
