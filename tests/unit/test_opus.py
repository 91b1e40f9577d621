"""Opus there and back, and bytes that are not Opus."""

from __future__ import annotations

import av
import numpy as np
import pytest
from av.audio.codeccontext import AudioCodecContext
from hypothesis import given, settings
from hypothesis import strategies as st

from pi_cam.media.opus import (
    BLOCK_SAMPLES,
    LARGEST_PACKET,
    SILENT_BLOCKS,
    Block,
    OpusDecoder,
    OpusEncoder,
    packet_samples,
)
from tests.likeness import found_at


def tone(blocks: int, hertz: float = 400.0) -> list[Block]:
    samples = 8_000 * np.sin(2 * np.pi * hertz * np.arange(blocks * BLOCK_SAMPLES) / 48_000)
    return list(np.rint(samples).astype(np.int16).reshape(blocks, BLOCK_SAMPLES))


def encoded(blocks: list[Block]) -> list[bytes]:
    encoder = OpusEncoder()
    return [packet for block in blocks for packet in encoder.encode(block)]


def stereo_packets(milliseconds: str, seconds: float = 0.4) -> list[bytes]:
    codec = av.CodecContext.create("libopus", "w")
    assert isinstance(codec, AudioCodecContext)
    codec.sample_rate, codec.layout, codec.format = 48_000, "stereo", "s16"
    codec.options = {"frame_duration": milliseconds}
    codec.open()
    count = codec.frame_size
    packets = []
    for index in range(round(seconds * 48_000 / count)):
        wave = 8_000 * np.sin(2 * np.pi * 400 * (index * count + np.arange(count)) / 48_000)
        both = np.repeat(np.rint(wave).astype(np.int16), 2).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(both, format="s16", layout="stereo")
        frame.sample_rate, frame.pts = 48_000, index * count
        packets += [bytes(packet) for packet in codec.encode(frame)]
    return packets


def strength(sound: Block, hertz: float = 400.0) -> float:
    """Share of the energy that is at `hertz`."""
    spectrum = np.abs(np.fft.rfft(sound.astype(np.float64))) ** 2
    at = round(hertz * len(sound) / 48_000)
    return float(spectrum[at - 2 : at + 3].sum() / spectrum.sum())


def decoded(packets: list[bytes]) -> list[Block]:
    decoder = OpusDecoder()
    blocks = [decoder.decode(packet) for packet in packets]
    assert all(block is not None and block.shape == (BLOCK_SAMPLES,) and block.dtype == np.int16 for block in blocks)
    return [block for block in blocks if block is not None]


def test_silence_costs_next_to_nothing_and_speech_comes_back_whole() -> None:
    encoder, decoder = OpusEncoder(), OpusDecoder()
    silence = np.zeros(BLOCK_SAMPLES, np.int16)
    quiet = [packet for _ in range(50) for packet in encoder.encode(silence)]
    assert max(map(len, quiet[SILENT_BLOCKS + 1 :])) == 3
    said = np.concatenate(tone(100))
    packets = [*quiet, *(packet for block in tone(100) for packet in encoder.encode(block))]
    decoded = [decoder.decode(packet) for packet in packets]
    assert all(block is not None for block in decoded)
    heard: Block = np.concatenate([block for block in decoded if block is not None])
    assert np.abs(heard[: 40 * BLOCK_SAMPLES]).max() < 4
    assert found_at(said[24_000:72_000], heard)[1] > 0.9


@pytest.mark.parametrize(("dbfs", "largest"), [(-90, 3), (-67, 3), (-60, 200)])
def test_a_quiet_room_costs_as_little_as_silence(dbfs: float, largest: int) -> None:
    encoder = OpusEncoder()
    noise = np.random.default_rng(1).normal(0, 32_768 * 10 ** (dbfs / 20), (60, BLOCK_SAMPLES)).astype(np.int16)
    sizes = [len(packet) for block in noise for packet in encoder.encode(block)][SILENT_BLOCKS + 1 :]
    assert max(sizes) <= largest
    assert (min(sizes) > 3) is (largest > 3)


def test_what_was_encoded_is_heard() -> None:
    sound = np.concatenate(decoded(encoded(tone(25)))[5:])
    assert strength(sound) > 0.98
    assert 6_000 < np.abs(sound).max() < 10_000


def test_a_stereo_packet_becomes_mono() -> None:
    sound = np.concatenate(decoded(stereo_packets("20"))[5:])
    assert strength(sound) > 0.98
    assert 6_000 < np.abs(sound).max() < 10_000


@pytest.mark.parametrize("milliseconds", ["2.5", "5", "10", "40", "60"])
def test_other_lengths_are_not_blocks(milliseconds: str) -> None:
    decoder = OpusDecoder()
    packets = stereo_packets(milliseconds)
    assert packets
    assert {packet_samples(packet) for packet in packets} == {round(float(milliseconds) * 48)}
    assert all(decoder.decode(packet) is None for packet in packets)


NOT_OPUS = [
    b"",
    b"\x7b",
    b"\x7b\x00",
    b"\x7b\x41",
    b"\x03\x00",
    b"\xff" * 10,
    b"\x78" * (LARGEST_PACKET + 1),
    bytes(60_000),
]


@pytest.mark.parametrize("data", NOT_OPUS)
def test_what_is_not_opus_is_nothing_and_spoils_nothing(data: bytes) -> None:
    decoder = OpusDecoder()
    packets = encoded(tone(10))
    before = [decoder.decode(packet) for packet in packets[:5]]
    assert decoder.decode(data) is None
    after = [decoder.decode(packet) for packet in packets[5:]]
    assert all(block is not None for block in before + after)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.binary(max_size=200), max_size=4), st.integers(0, 99), st.integers(0, 255))
def test_hostile_bytes_never_raise(junk: list[bytes], position: int, value: int) -> None:
    decoder = OpusDecoder()
    packet = bytearray(PACKETS[3])
    packet[position % len(packet)] = value
    for data in [*junk, bytes(packet), bytes(packet[:position])]:
        block = decoder.decode(data)
        assert block is None or block.shape == (BLOCK_SAMPLES,)
    assert decoder.decode(PACKETS[4]) is not None


PACKETS = encoded(tone(5))
