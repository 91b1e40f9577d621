"""One talker's packets, in and out of order, lost and repeated, in virtual time."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi_cam.audio.jitter import CONCEALED, GONE, MOST_DEPTH, MOST_GAP, MOST_HELD
from pi_cam.media.opus import LARGEST_PACKET
from tests.unit.listener import BLOCK, STEP, Listener, Packet, numbers, steady, words


def test_an_even_stream_is_played_one_block_after_it_came() -> None:
    listener = Listener()
    assert words(listener.hear(steady(5), 0.12)) == ". 0 1 2 3 4"
    assert listener.buffer.stats()["held_ms"] == 0
    assert listener.accounted()


def test_a_single_packet_is_heard_too() -> None:
    assert words(Listener().hear(steady(1), 0.06)) == ". 0 -"


@pytest.mark.parametrize(
    ("sequence", "timestamp"), [(65_530, 0), (0, 2**32 - 5 * STEP), (65_534, 2**32 - 3 * STEP + 1)]
)
def test_numbers_begin_again_at_zero(sequence: int, timestamp: int) -> None:
    listener = Listener(sequence, timestamp)
    assert numbers(listener.hear(steady(20), 0.5)) == list(range(20))
    assert listener.buffer.stats()["lost"] == 0


def test_what_overtook_is_put_in_order() -> None:
    packets = [Packet(0.0, 0), Packet(0.02, 2), Packet(0.039, 1), Packet(0.06, 3), Packet(0.079, 5), Packet(0.08, 4)]
    assert words(Listener().hear(packets, 0.14)) == ". 0 1 2 3 4 5"


def test_a_second_copy_is_dropped_whether_or_not_the_first_was_played() -> None:
    listener = Listener()
    copies = [Packet(packet.at + late, packet.index) for packet in steady(5) for late in (0.0, 0.005, 0.1)]
    assert numbers(listener.hear(copies, 0.3)) == list(range(5))
    assert listener.buffer.stats()["late"] + listener.buffer.stats()["dropped"] == 10
    assert listener.accounted()


def test_a_lost_packet_costs_its_own_time_only() -> None:
    listener = Listener()
    packets = [packet for packet in steady(12) if packet.index not in {3, 7, 8}]
    assert words(listener.hear(packets, 0.26)) == ". 0 1 2 - 4 5 6 - - 9 10 11"
    assert listener.buffer.stats()["lost"] == 3


def test_a_lost_packet_costs_its_own_time_when_nothing_is_held_either() -> None:
    listener = Listener()
    listener.hear(steady(200), 4.0)
    assert listener.buffer.stats()["depth_ms"] == 20
    later = [packet for packet in steady(400, first=200, start=4.0) if packet.index % 5]
    heard = listener.hear(later, 8.0)
    assert sum(block is None for block in heard) == 0
    assert listener.buffer.stats()["held_ms"] <= 40
    assert abs(listener.buffer.stats()["lost"] - 80) <= 1


def test_what_comes_after_its_time_is_late() -> None:
    listener = Listener()
    packets = [packet for packet in steady(10) if packet.index != 3] + [Packet(0.15, 3)]
    assert 3 not in numbers(listener.hear(packets, 0.3))
    assert listener.buffer.stats()["late"] == 1
    assert listener.accounted()


def test_a_packet_that_is_merely_slow_is_still_played() -> None:
    packets = [Packet(packet.at + (0.035 if packet.index >= 4 else 0), packet.index) for packet in steady(9)]
    listener = Listener()
    assert words(listener.hear(packets, 0.24)) == ". 0 1 2 3 - 4 5 6 7 8 -"
    assert listener.buffer.stats()["lost"] == 0


def test_a_pause_in_speech_is_no_loss() -> None:
    packets = [*steady(4), *(Packet(0.2 + index * BLOCK, 4 + index, skipped=6) for index in range(4))]
    listener = Listener()
    heard = words(listener.hear(packets, 0.32))
    assert heard == ". 0 1 2 3 - - - - - . 4 5 6 7 -"
    assert listener.buffer.stats()["lost"] == 0


def test_the_end_is_concealed_for_a_moment_and_then_nothing_is_said() -> None:
    heard = Listener().hear(steady(3), 1.0)
    assert words(heard) == " ".join([".", "0 1 2", *["-"] * CONCEALED, *["."] * (50 - 4 - CONCEALED)])


@pytest.mark.parametrize("skipped", [0, 3, 150, 2**31 // STEP])
def test_talking_again_after_a_pause_starts_afresh(skipped: int) -> None:
    listener = Listener()
    listener.hear(steady(50), 3.0)
    again = [Packet(3.0 + index * BLOCK, 50 + index, skipped=skipped) for index in range(50)]
    heard = listener.hear(again, 1.5)
    assert numbers(heard) == list(range(50, 100))
    assert [block is None for block in heard[:3]].count(True) <= 1, "it began at once"
    assert listener.buffer.stats()["lost"] == 0


def test_another_stream_of_the_same_talker_is_played_from_its_beginning() -> None:
    listener = Listener()
    listener.hear(steady(10), 0.1)
    assert numbers(listener.hear(steady(10, first=20_000, start=0.1), 0.4)) == list(range(20_000, 20_010))
    assert listener.accounted()


def test_a_timestamp_that_jumps_does_not_silence_the_talker() -> None:
    packets = [Packet(packet.at, packet.index, skipped=10_000 if packet.index >= 5 else 0) for packet in steady(10)]
    assert numbers(Listener().hear(packets, 0.4)) == list(range(10))


def test_an_endless_burst_is_bounded_and_the_newest_is_heard() -> None:
    listener = Listener()
    listener.hear([Packet(0.0, index) for index in range(10_000)], 0.02)
    assert listener.buffer.stats()["held_ms"] <= MOST_HELD * 20
    assert numbers(listener.hear([], 1.0))[-1] == 9_999
    assert listener.accounted()


def test_after_a_burst_nothing_is_made_up_for_what_was_dropped() -> None:
    listener = Listener()
    listener.hear(steady(50), 1.0)
    listener.hear([Packet(1.0, 50 + index) for index in range(90)], 0.02)
    heard = listener.hear([], 0.2)
    assert all(block is not None and block.data is not None for block in heard)
    assert numbers(heard)[-1] <= 139


def test_ten_times_too_much_is_bounded_all_the_time() -> None:
    listener = Listener()
    for second in range(5):
        listener.hear([Packet(second + index / 500, second * 500 + index) for index in range(500)], 1.0)
        assert listener.buffer.stats()["held_ms"] <= MOST_HELD * 20
    assert listener.accounted()


@pytest.mark.parametrize("size", [0, LARGEST_PACKET + 1])
def test_no_sound_and_too_much_of_it_are_dropped(size: int) -> None:
    listener = Listener()
    for index in range(10):
        listener.buffer.add(index, index * STEP, bytes(size))
    assert listener.buffer.next() is None
    assert listener.buffer.stats()["dropped"] == 10


ADDED = st.tuples(st.just("add"), st.integers(-30, 30), st.integers(-5, 60), st.integers(0, 3))
WILD = st.tuples(st.just("wild"), st.integers(0, 2**16 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2_000))
NEXT = st.tuples(st.just("next"), st.integers(1, 15), st.just(0), st.just(0))


@settings(max_examples=400, deadline=None)
@given(st.lists(st.one_of(ADDED, NEXT, NEXT, WILD), max_size=120), st.integers(0, 2**16 - 1), st.integers(0, 2**32 - 1))
def test_whatever_comes_is_bounded_and_accounted_for(
    events: list[tuple[str, int, int, int]], sequence: int, timestamp: int
) -> None:
    listener = Listener()
    buffer = listener.buffer
    for kind, first, second, third in events:
        if kind == "add":
            sequence, timestamp = (sequence + first) % 2**16, (timestamp + second * STEP) % 2**32
            buffer.add(sequence, timestamp, bytes(third))
        elif kind == "wild":
            buffer.add(first, second, bytes(third))
        for _ in range(first if kind == "next" else 0):
            buffer.next()
            listener.now += BLOCK
        assert buffer.stats()["held_ms"] <= MOST_HELD * 20
        assert buffer.stats()["depth_ms"] <= MOST_DEPTH * 20
        assert listener.accounted()
    silent_after = MOST_HELD * (MOST_GAP + 1) + GONE
    assert any(buffer.next() is None for _ in range(silent_after)), "it never falls silent"


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 0.25), st.booleans()), min_size=1, max_size=150))
def test_order_is_kept_and_nothing_is_heard_twice(fates: list[tuple[float, bool]]) -> None:
    listener = Listener(65_500, 2**32 - 50 * STEP)
    packets = [Packet(index * BLOCK + delay, index) for index, (delay, arrives) in enumerate(fates) if arrives]
    heard = numbers(listener.hear(packets, len(fates) * BLOCK + 1.5))
    assert all(earlier < later for earlier, later in pairwise(heard))
    assert listener.buffer.stats()["held_ms"] == 0
    assert listener.accounted()
