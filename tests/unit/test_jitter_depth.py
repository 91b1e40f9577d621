"""How much a jitter buffer holds back: on networks of every kind, with clocks that differ, in virtual time."""

from __future__ import annotations

import random

import pytest

from pi_cam.audio.jitter import CONCEALED, MOST_HELD, Playable
from tests.unit.listener import BLOCK, Listener, Packet, number, numbers, steady


def uneven(count: int, most: float, seed: int = 1) -> list[Packet]:
    chance = random.Random(seed)
    return [Packet(index * BLOCK + chance.uniform(0, most), index) for index in range(count)]


@pytest.mark.parametrize(
    ("most", "least_ms", "most_ms"), [(0.002, 20, 20), (0.040, 40, 60), (0.100, 80, 120), (0.9, 200, 200)]
)
def test_the_depth_is_what_the_network_needs(most: float, least_ms: int, most_ms: int) -> None:
    listener = Listener()
    listener.hear(uneven(300, most), 6.0)
    assert least_ms <= listener.buffer.stats()["depth_ms"] <= most_ms


def test_on_an_uneven_network_almost_all_is_heard() -> None:
    listener = Listener()
    heard = listener.hear(uneven(1_500, 0.060), 30.0)
    concealed = sum(block is not None and block.data is None for block in heard)
    assert len(numbers(heard)) > 1_470
    assert concealed < 30
    assert numbers(heard) == sorted(numbers(heard))


def test_a_nearly_even_stream_is_neither_starved_nor_shortened() -> None:
    listener = Listener()
    heard = listener.hear(uneven(3_000, 0.002), 59.0)
    assert listener.buffer.stats()["dropped"] == 0
    assert sum(block is not None and block.data is None for block in heard) == 0
    assert listener.buffer.stats()["held_ms"] <= 20


@pytest.mark.parametrize(
    ("every", "length", "concealed"), [(0.4, 0.060, 8), (1.0, 0.060, 6), (3.0, 0.100, 30), (3.0, 0.250, 40)]
)
def test_a_network_that_halts_again_and_again_finds_enough_held(every: float, length: float, concealed: int) -> None:
    """It gives at once what it held; a minute, in which it halts 20 to 150 times for 3 to 12 blocks."""
    packets = [Packet(max(packet.at, packet.at // every * every + length), packet.index) for packet in steady(3_000)]
    listener = Listener()
    heard = listener.hear(packets, 59.0)
    assert sum(block is not None and block.data is None for block in heard) <= concealed
    assert listener.buffer.stats()["lost"] == 0


def test_a_network_that_is_late_now_and_then_starves_it_ever_more_rarely() -> None:
    """Each hundredth packet is 15 ms late: too rare to be measured, too late when one block is held. Five minutes."""
    listener = Listener()
    packets = [Packet(packet.at + 0.015 * (packet.index % 100 == 99), packet.index) for packet in steady(15_000)]
    heard = listener.hear(packets, 299.0)
    assert sum(block is not None and block.data is None for block in heard) <= 12
    assert listener.buffer.stats()["held_ms"] <= 40
    assert numbers(heard) == sorted(numbers(heard))


def test_a_network_that_stood_still_is_caught_up_with() -> None:
    """All that came at once is played, but for a few packets; a few seconds later the delay is what it was."""
    packets = [Packet(max(packet.at, 1.3) if packet.at > 1.0 else packet.at, packet.index) for packet in steady(500)]
    listener = Listener()
    listener.hear(packets, 1.4)
    assert listener.buffer.stats()["held_ms"] > 200
    listener.hear([packet for packet in packets if packet.at > 1.401], 8.0)
    assert listener.buffer.stats()["held_ms"] <= 60
    assert listener.buffer.stats()["dropped"] <= MOST_HELD
    assert listener.accounted()


@pytest.mark.parametrize("drift_ppm", [200, -200])
def test_a_talker_whose_clock_is_wrong_never_gets_far_behind(drift_ppm: int) -> None:
    listener = Listener()
    step = BLOCK / (1 + drift_ppm / 1e6)
    packets = [Packet(index * step, index) for index in range(30_000)]
    heard = listener.hear(packets, 600.0)
    stats = listener.buffer.stats()
    assert stats["held_ms"] <= 60
    assert stats["dropped"] <= 12, "ten minutes at 200 ppm are six blocks"
    assert sum(block is not None and block.data is None for block in heard) <= 12 + CONCEALED
    assert stats["lost"] == 0


def deep(sizes: list[int], *, beginning: int) -> tuple[Listener, list[Playable | None]]:
    """A stream that began with several packets at once, and goes on evenly with packets of these sizes."""
    listener = Listener()
    first = [Packet(0.0, index) for index in range(beginning)]
    rest = [Packet((index + 1) * BLOCK, index + beginning, size) for index, size in enumerate(sizes)]
    return listener, listener.hear(first + rest, 0.02 * len(sizes))


def test_a_buffer_too_deep_leaves_a_block_out_and_says_which() -> None:
    listener, heard = deep([80] * 400, beginning=4)
    shortened = [block for block in heard if block is not None and block.left_out is not None]
    assert shortened
    for block in shortened:
        assert block.data is not None
        assert block.left_out is not None
        assert number(block.left_out) == number(block.data) - 1
    assert listener.buffer.stats()["held_ms"] <= 40
    assert listener.buffer.stats()["lost"] == 0


def test_rather_a_quiet_block_is_left_out() -> None:
    _, heard = deep([10 if index % 20 in {8, 9, 10} else 80 for index in range(400)], beginning=2)
    left_out = [len(block.left_out) for block in heard if block is not None and block.left_out is not None]
    assert left_out
    assert set(left_out) == {10}
