"""The queues between PortAudio's threads and ours, and what a microphone and a loudspeaker do with them."""

from __future__ import annotations

import itertools
import queue
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pi_cam.audio import microphone as microphone_module
from pi_cam.audio import speaker as speaker_module
from pi_cam.audio import upkeep as upkeep_module
from pi_cam.audio.blocks import SILENCE, Block
from pi_cam.audio.cards import Cards
from pi_cam.audio.devices import Library
from pi_cam.audio.microphone import QUEUE_BLOCKS, Inbox, Microphone
from pi_cam.audio.rates import Resampler
from pi_cam.audio.speaker import Outbox, Speaker
from pi_cam.media.opus import BLOCK_SAMPLES
from tests.unit.fake_sound import FakeSounddevice, FakeStream, moment, status

LIMIT_SECONDS = 5


def block(value: int) -> Block:
    return np.full(BLOCK_SAMPLES, value, np.int16)


def hear(stream: FakeStream, value: int, age: float = 0.02, **flags: bool) -> None:
    samples = stream.asked["blocksize"]
    stream.callback(memoryview(np.full(samples, value, np.int16).tobytes()), samples, moment(age), status(**flags))


def hearing(*values: int, age: float = 0.02) -> Callable[[FakeStream], None]:
    """A microphone that hears these as soon as it is open."""

    def start(stream: FakeStream) -> None:
        for value in values:
            hear(stream, value, age)

    return start


def taking(stream: FakeStream) -> None:
    """A loudspeaker that takes two blocks as soon as it is open, as ALSA does."""
    for _ in range(4):
        played(stream)


def played(stream: FakeStream, **flags: bool) -> bytes:
    samples = stream.asked["blocksize"]
    data = bytearray(b"\x01" * samples * 2)
    stream.callback(memoryview(data), samples, moment(), status(**flags))
    return bytes(data)


def test_the_oldest_blocks_go_first_and_are_counted() -> None:
    counts = microphone_module.Counts()
    inbox = Inbox(counts, lambda: 100.0)
    for value in range(QUEUE_BLOCKS + 3):
        inbox.callback(bytes([value, 0]), 1, moment(), status(input_overflow=value == 4))
    left = [inbox.next(0) for _ in range(QUEUE_BLOCKS)]
    assert [one[0][0] for one in left if one] == list(range(3, QUEUE_BLOCKS + 3))
    assert inbox.next(0) is None
    assert (counts.dropped, counts.overflows) == (3, 1)


@pytest.mark.parametrize(
    ("age", "taken"), [(0.02, 0.02), (0.12, 0.12), (0.0, 0.02), (-3.0, 0.02), (1.7e9, 0.02), (0.99, 0.99)]
)
def test_a_block_is_as_old_as_alsa_says_where_that_can_be(age: float, taken: float) -> None:
    inbox = Inbox(microphone_module.Counts(), lambda: 100.0)
    inbox.callback(b"", 0, moment(age), status())
    heard = inbox.next(0)
    assert heard is not None
    assert heard[1] == pytest.approx(100 - taken, abs=1e-6)


def test_the_loudspeaker_gets_silence_when_nothing_waits() -> None:
    counts = speaker_module.Counts()
    outbox = Outbox(counts)
    outbox.put(b"\x07\x08")
    data = bytearray(b"\x01\x01")
    outbox.callback(memoryview(data), 1, moment(), status())
    assert (bytes(data), counts.underruns) == (b"\x07\x08", 0)
    outbox.callback(memoryview(data), 1, moment(), status(output_underflow=True))
    assert (bytes(data), counts.underruns, counts.underflows) == (b"\x00\x00", 1, 1)


def take_from(outbox: Outbox) -> None:
    outbox.callback(memoryview(bytearray(2)), 1, moment(), status())


def waiting(outbox: Outbox) -> int:
    """How many pieces fill it."""
    put = 0
    while outbox.room(0):
        outbox.put(b"\0\0")
        put += 1
    for _ in range(put):
        take_from(outbox)
    return put


def test_more_waits_after_each_gap_up_to_a_limit_and_less_again_when_it_is_calm() -> None:
    outbox = Outbox(speaker_module.Counts())
    seen = []
    for _ in range(6):
        seen.append(waiting(outbox))
        for _ in range(20):  # one long gap
            take_from(outbox)
    assert seen == [2, 3, 4, 5, 6, 6]
    for _ in range(2 * speaker_module.CALM_PIECES + 1):
        outbox.put(b"\0\0")
        take_from(outbox)
    assert waiting(outbox) == 4


def test_there_is_room_as_soon_as_a_piece_is_taken() -> None:
    outbox = Outbox(speaker_module.Counts())
    assert outbox.room(0)
    for _ in range(speaker_module.FEWEST_PIECES):
        outbox.put(b"\0\0")
    assert not outbox.room(0)
    taker = threading.Thread(target=take_from, args=(outbox,))
    taker.start()
    assert outbox.room(LIMIT_SECONDS)
    taker.join()


def test_equal_rates_change_nothing() -> None:
    resampler = Resampler(48_000, 48_000, 3)
    assert resampler.convert(b"aabbccdd") == [b"aabbcc"]
    assert resampler.held_samples == 1
    assert resampler.convert(b"eeff") == [b"ddeeff"]


@pytest.mark.parametrize(("there", "back"), [(44_100, 48_000), (48_000, 44_100), (16_000, 48_000), (48_000, 8_000)])
def test_a_tone_keeps_its_pitch_and_its_level(there: int, back: int) -> None:
    seconds = np.arange(there) / there
    tone = (8_000 * np.sin(2 * np.pi * 440 * seconds)).astype(np.int16)
    resampler = Resampler(there, back, back // 50)
    blocks = [one for part in np.array_split(tone, 50) for one in resampler.convert(part.tobytes())]
    assert {len(one) for one in blocks} == {2 * (back // 50)}
    assert len(blocks) in (49, 50)
    heard = np.frombuffer(b"".join(blocks), np.int16)[: back // 2].astype(float)
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
    assert np.argmax(spectrum) * 2 == pytest.approx(440, abs=2)
    assert np.sqrt(np.mean(heard[1000:] ** 2)) == pytest.approx(8_000 / 2**0.5, rel=0.02)


@pytest.fixture
def fake() -> FakeSounddevice:
    return FakeSounddevice(("mic", 1, 0), ("box", 0, 2), ("other", 1, 1))


@pytest.fixture
def library(fake: FakeSounddevice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    for module in (microphone_module, speaker_module):
        monkeypatch.setattr(module, "GLANCE_SECONDS", 0.001)
    monkeypatch.setattr(upkeep_module, "FIRST_PAUSE_SECONDS", 0.001)
    yield Library(lambda: fake, Cards(tmp_path))
    fake.lets_go.set()


class Clock:
    """Each look at it takes a tenth of a second, or no time."""

    def __init__(self, step: float) -> None:
        self._times = itertools.count(1000, step)

    def __call__(self) -> float:
        return float(next(self._times))


Events = queue.Queue[Any]


def following(events: Events) -> Callable[[Any], None]:
    return lambda trouble: events.put(None if trouble is None else str(trouble))


def unheard(*_: object) -> None:
    """What nobody looks at."""


def test_blocks_come_in_order_with_the_time_of_their_first_sample(library: Library, fake: FakeSounddevice) -> None:
    taken: Events = queue.Queue()
    fake.on_start = hearing(*range(5), age=0.06)
    microphone = Microphone(lambda: "mic", lambda *one: taken.put(one), unheard, lambda: 9.0, library)
    microphone.start()
    heard = [taken.get(timeout=LIMIT_SECONDS) for _ in range(5)]
    assert microphone.stats() == {
        "device": "mic",
        "open": True,
        "blocks": 5,
        "dropped": 0,
        "overflows": 0,
        "trouble": None,
    }
    microphone.stop()
    microphone.stop()
    assert [one[0][0] for one in heard] == [0, 1, 2, 3, 4]
    assert all(one.shape == (BLOCK_SAMPLES,) and at == pytest.approx(8.94) for one, at in heard)
    assert fake.streams[0].words == ["start", "abort", "close"]
    assert microphone.stats()["open"] is False


def test_a_microphone_of_44100_hz_gives_48000(library: Library, fake: FakeSounddevice) -> None:
    taken: Events = queue.Queue()
    fake.rates = {44_100}
    fake.on_start = hearing(*[1000] * 10)
    microphone = Microphone(lambda: "mic", lambda *one: taken.put(one), unheard, lambda: 9.0, library)
    microphone.start()
    heard = [taken.get(timeout=LIMIT_SECONDS) for _ in range(9)]
    microphone.stop()
    assert all(one.shape == (BLOCK_SAMPLES,) for one, _ in heard)
    assert heard[5][0][100] == pytest.approx(1000, abs=2)
    assert all(8.95 < at <= 8.98 for _, at in heard)


def test_a_microphone_that_falls_silent_is_reported_and_opened_again(library: Library, fake: FakeSounddevice) -> None:
    told: Events = queue.Queue()
    microphone = Microphone(lambda: "mic", unheard, following(told), Clock(0.1), library)
    fake.on_start = hearing(1)
    microphone.start()
    assert told.get(timeout=LIMIT_SECONDS) == "The microphone no longer sends sound."
    assert told.get(timeout=LIMIT_SECONDS) is None
    microphone.stop()
    assert fake.streams[0].words == ["start", "abort", "close"]
    assert fake.looks >= 2  # a lost device is looked for anew


def test_another_device_in_the_settings_is_changed_to_without_a_trouble(
    library: Library, fake: FakeSounddevice
) -> None:
    names, opened, told = ["mic"], queue.Queue[Any](), queue.Queue[Any]()
    fake.on_start = lambda stream: opened.put(stream.asked["device"])
    microphone = Microphone(lambda: names[0], unheard, following(told), Clock(0.01), library)
    flowing = threading.Event()
    feeder = threading.Thread(target=_keep_hearing, args=(fake, flowing))
    microphone.start()
    assert opened.get(timeout=LIMIT_SECONDS) == 0
    feeder.start()
    names[0] = "other"
    assert opened.get(timeout=LIMIT_SECONDS) == 2
    flowing.set()
    feeder.join()
    microphone.stop()
    assert told.empty()


def _keep_hearing(fake: FakeSounddevice, ended: threading.Event) -> None:
    while not ended.wait(0.001):
        hear(fake.streams[-1], 1)


def test_what_is_pulled_is_what_is_played(library: Library, fake: FakeSounddevice) -> None:
    started: Events = queue.Queue()
    fake.on_start = started.put
    pulled, heard = map(block, itertools.count(1)), queue.Queue[Any]()
    speaker = Speaker(lambda: "box", lambda: next(pulled), heard.put, unheard, lambda: 9.0, library)
    speaker.start()
    stream = started.get(timeout=LIMIT_SECONDS)
    assert [heard.get(timeout=LIMIT_SECONDS)[0] for _ in range(speaker_module.START_BLOCKS)] == [1, 2]
    for value in range(1, 6):
        halves = played(stream), played(stream)
        assert b"".join(halves) == block(value).tobytes()
        if value > 1:  # the next one is not pulled before it is needed
            assert heard.get(timeout=LIMIT_SECONDS)[0] == value + 1
    assert speaker.stats() == {
        "device": "box",
        "open": True,
        "blocks": 6,
        "underruns": 0,
        "underflows": 0,
        "trouble": None,
    }
    speaker.stop()
    assert heard.empty()


def test_silence_for_want_of_a_block_is_told_as_played(library: Library, fake: FakeSounddevice) -> None:
    started: Events = queue.Queue()
    fake.on_start = started.put
    heard, go_on = queue.Queue[Any](), threading.Semaphore(speaker_module.START_BLOCKS)

    def pull() -> Block:
        go_on.acquire()
        return block(5)

    speaker = Speaker(lambda: "box", pull, heard.put, unheard, lambda: 9.0, library)
    speaker.start()
    stream = started.get(timeout=LIMIT_SECONDS)
    for _ in range(2 * speaker_module.START_BLOCKS + 3):  # two pieces a block, and three more than there are
        played(stream)
    go_on.release(2)
    told = [heard.get(timeout=LIMIT_SECONDS) for _ in range(speaker_module.START_BLOCKS + 3)]
    go_on.release(100)
    speaker.stop()
    assert [(len(one), int(one[0])) for one in told] == [(960, 5), (960, 5), (1440, 0), (960, 5), (960, 5)]


def test_a_loudspeaker_of_44100_hz_gets_what_it_takes(library: Library, fake: FakeSounddevice) -> None:
    started: Events = queue.Queue()
    fake.rates, fake.on_start = {44_100}, started.put
    speaker = Speaker(lambda: "box", lambda: block(1000), unheard, unheard, lambda: 9.0, library)
    speaker.start()
    stream = started.get(timeout=LIMIT_SECONDS)
    sounds = [played(stream) for _ in range(3)]
    speaker.stop()
    assert {len(one) for one in sounds} == {441 * 2}
    assert np.frombuffer(sounds[-1], np.int16)[200] == pytest.approx(1000, abs=2)


def test_a_loudspeaker_that_takes_nothing_is_reported_and_opened_again(library: Library, fake: FakeSounddevice) -> None:
    told: Events = queue.Queue()
    speaker = Speaker(lambda: "box", lambda: SILENCE, unheard, following(told), Clock(0.1), library)
    speaker.start()
    assert told.get(timeout=LIMIT_SECONDS) == "The loudspeaker no longer takes sound."
    fake.on_start = taking
    assert told.get(timeout=LIMIT_SECONDS) is None
    speaker.stop()


def test_a_fault_in_what_takes_the_blocks_is_told_and_the_device_closed(
    library: Library, fake: FakeSounddevice
) -> None:
    told: Events = queue.Queue()
    fake.on_start = hearing(1)
    microphone = Microphone(lambda: "mic", lambda *one: next(iter(())), following(told), lambda: 9.0, library)
    microphone.start()
    assert "fault of the program" in told.get(timeout=LIMIT_SECONDS)
    microphone.stop()
    assert fake.streams[0].words == ["start", "abort", "close"]
