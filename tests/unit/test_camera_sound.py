"""The sound of a camera, packet by packet: what is good comes through, and nothing that is bad does harm."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import pairwise
from typing import Any

import av
import numpy as np
import pytest
from av.container import InputContainer
from hypothesis import given, settings
from hypothesis import strategies as st

from pi_cam.capture.sound import MOST_FAILURES, CameraSound, SoundWish, sound_of
from pi_cam.capture.timeline import Timeline
from pi_cam.media.opus import BLOCK_SAMPLES, OpusDecoder, packet_samples
from pi_cam.media.units import SOUND_CLOCK_HZ, AudioPacket

ARRIVED = 1_000.0


def made(
    codec: str,
    *,
    rate: int = 48_000,
    layout: str = "mono",
    seconds: float = 2.0,
    container: str = "nut",
    **options: str,
) -> bytes:
    """A file of a 440 Hz tone."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate, layout=layout, options=options)
        assert isinstance(stream, av.AudioStream)
        tone = (8000 * np.sin(2 * np.pi * 440 * np.arange(round(rate * seconds)) / rate)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(tone.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        resampler = av.AudioResampler(stream.format.name, layout, rate, stream.frame_size or rate // 50)
        for piece in (*resampler.resample(frame), *resampler.resample(None)):
            output.mux(stream.encode(piece))
        output.mux(stream.encode())
    return file.getvalue()


class Heard:
    """A camera whose pictures began at `ARRIVED` with the timestamp 0, and its sound."""

    def __init__(self, file: bytes) -> None:
        container = av.open(io.BytesIO(file))
        assert isinstance(container, InputContainer)
        self.container = container
        self.timeline = Timeline()
        self.timeline.stamp(0, ARRIVED)
        self.wish = SoundWish()
        self.wish.wanted = True
        self.packets: list[AudioPacket] = []
        found = sound_of(self.container, self.timeline, self.wish, self.packets.append)
        assert found is not None
        self.sound: CameraSound = found
        self.sent: list[av.Packet[Any]] = [packet for packet in self.container.demux() if packet.size]

    def play(self, packets: list[av.Packet[Any]] | None = None) -> list[AudioPacket]:
        for packet in self.sent if packets is None else packets:
            at = float(packet.pts * packet.time_base) if packet.pts is not None and packet.time_base else 0.0
            self.sound.take(packet, ARRIVED + at)
        return self.packets

    def blocks(self) -> np.ndarray[Any, np.dtype[np.int16]]:
        decoder = OpusDecoder()
        decoded = [decoder.decode(packet.data) for packet in self.packets]
        assert all(block is not None for block in decoded)
        return np.concatenate([block for block in decoded if block is not None])


@contextmanager
def heard(file: bytes) -> Iterator[Heard]:
    camera = Heard(file)
    with camera.container:
        yield camera


def assert_in_order(packets: list[AudioPacket]) -> None:
    steps = [later.pts - earlier.pts for earlier, later in pairwise(packets)]
    assert all(step > 0 and step % BLOCK_SAMPLES == 0 for step in steps)
    assert all(packet_samples(packet.data) == BLOCK_SAMPLES for packet in packets)


@pytest.mark.parametrize(
    ("codec", "rate", "layout"),
    [
        ("aac", 48_000, "mono"),
        ("aac", 44_100, "stereo"),
        ("pcm_alaw", 8_000, "mono"),
        ("pcm_mulaw", 8_000, "mono"),
        ("pcm_s16le", 16_000, "5.1"),
        ("mp2", 32_000, "stereo"),
        ("flac", 48_000, "mono"),
    ],
)
def test_what_cameras_send_becomes_opus_in_steps_of_20_ms(codec: str, rate: int, layout: str) -> None:
    with heard(made(codec, rate=rate, layout=layout)) as camera:
        packets = camera.play()
        assert 96 <= len(packets) <= 104
        assert {later.pts - earlier.pts for earlier, later in pairwise(packets)} == {BLOCK_SAMPLES}
        assert all(abs(packet.captured_at - packet.pts / SOUND_CLOCK_HZ) < 0.03 for packet in packets)
        assert abs(packets[0].captured_at - ARRIVED) < 0.05
        sound = camera.blocks()[24_000:72_000]
        assert np.argmax(np.abs(np.fft.rfft(sound))) == 440
        assert camera.sound.codec == codec


def test_opus_of_20_ms_passes_untouched() -> None:
    with heard(made("libopus")) as camera:
        packets = camera.play()
        assert [packet.data for packet in packets] == [bytes(packet) for packet in camera.sent]
        assert_in_order(packets)


def test_opus_of_60_ms_is_framed_anew() -> None:
    with heard(made("libopus", frame_duration="60")) as camera:
        packets = camera.play()
        assert 96 <= len(packets) <= 105
        assert_in_order(packets)
        assert np.argmax(np.abs(np.fft.rfft(camera.blocks()[24_000:72_000]))) == 440


def test_nothing_is_decoded_while_nobody_listens_or_no_picture_came() -> None:
    with heard(made("aac")) as camera:
        camera.wish.wanted = False
        assert camera.play(camera.sent[:20]) == []
        camera.wish.wanted = True
        camera.timeline.restart()
        assert camera.play(camera.sent[20:40]) == []
        camera.timeline.stamp(0, ARRIVED)
        first = camera.play(camera.sent[40:])[0]
        assert abs(first.captured_at - ARRIVED - 40 * 1_024 / SOUND_CLOCK_HZ) < 0.1


def test_a_late_network_moves_neither_pts_nor_the_moment() -> None:
    with heard(made("pcm_alaw", rate=8_000)) as camera:
        for index, packet in enumerate(camera.sent):
            camera.sound.take(packet, ARRIVED + 3.0 + index // 50)
        assert {later.pts - earlier.pts for earlier, later in pairwise(camera.packets)} == {BLOCK_SAMPLES}
        assert abs(camera.packets[0].captured_at - ARRIVED) < 0.01


@pytest.mark.parametrize("pts", [None, 7, -(2**62), 2**62])
def test_timestamps_that_say_nothing_do_not_silence_it(pts: int | None) -> None:
    with heard(made("aac")) as camera:
        for index, packet in enumerate(camera.sent):
            packet.pts = packet.dts = pts
            camera.sound.take(packet, ARRIVED + 20 + index * 1_024 / SOUND_CLOCK_HZ)
        assert len(camera.packets) >= 90
        assert_in_order(camera.packets)
        assert all(abs(packet.captured_at - ARRIVED - 21) < 1.2 for packet in camera.packets)


def test_garbage_is_given_up_and_costs_nothing_more(caplog: pytest.LogCaptureFixture) -> None:
    with heard(made("aac")) as camera:
        camera.play([av.Packet(b"\xff\xf1" + bytes([index % 256]) * 300) for index in range(200)])
        assert camera.packets == []
        assert camera.sound.codec is None
        assert caplog.text.count("left out until the next connection") == 1
        assert camera.play() == []


def test_some_damage_is_survived() -> None:
    with heard(made("aac", seconds=4)) as camera:
        camera.play([av.Packet(b"\x00" * 99) if index % 5 == 4 else each for index, each in enumerate(camera.sent)])
        assert len(camera.packets) > 140
        assert_in_order(camera.packets)
        assert camera.sound.codec == "aac"


def test_another_rate_in_the_middle_is_followed_but_not_for_ever() -> None:
    one, other = (made("aac", rate=rate, container="adts") for rate in (48_000, 16_000))
    with heard(one) as camera, heard(other) as another:
        camera.play(camera.sent[:20])
        before = len(camera.packets)
        for index, packet in enumerate(another.sent[:20]):
            packet.pts = None
            camera.sound.take(packet, ARRIVED + 20 * 1_024 / 48_000 + index * 1_024 / 16_000)
        assert len(camera.packets) > before + 50
        assert_in_order(camera.packets)
        for _ in range(60):
            camera.play([camera.sent[20], another.sent[20]])
        assert camera.sound.codec is None


def many_channels(count: int) -> bytes:
    """A WAV file (RIFF, WAVE_FORMAT_PCM) of silence."""
    size = count * 2
    form = struct.pack("<HHIIHH", 1, count, 48_000, 48_000 * size & 0xFFFFFFFF, size & 0xFFFF, 16)
    data = bytes(size * 480)
    return (
        b"RIFF"
        + struct.pack("<I", 36 + len(data))
        + b"WAVEfmt "
        + struct.pack("<I", 16)
        + form
        + (b"data" + struct.pack("<I", len(data)) + data)
    )


def test_absurdly_many_channels_are_refused() -> None:
    with heard(many_channels(1_000)) as camera:
        for _ in range(MOST_FAILURES + 1):
            camera.play(camera.sent[:1])
        assert camera.packets == []
        assert camera.sound.codec is None


def test_more_sound_than_time_is_not_decoded() -> None:
    with heard(made("pcm_alaw", rate=8_000, seconds=60)) as camera:
        for packet in camera.sent:
            camera.sound.take(packet, ARRIVED + 0.001)
        assert len(camera.packets) < 6 * 50
        assert_in_order(camera.packets)


Event = tuple[int, bytes | None, int | None, float]
EVENTS = st.lists(
    st.tuples(
        st.integers(0, 90),
        st.one_of(st.none(), st.binary(max_size=200)),
        st.one_of(st.none(), st.integers(-(2**62), 2**62), st.integers(-5_000, 5_000)),
        st.floats(0, 30),
    ),
    max_size=80,
)
FILES = {codec: made(codec) for codec in ("aac", "libopus", "pcm_alaw")}


@pytest.mark.parametrize("codec", sorted(FILES))
@settings(max_examples=25, deadline=None)
@given(events=EVENTS)
def test_nothing_that_comes_makes_it_raise_or_go_back(codec: str, events: list[Event]) -> None:
    with heard(FILES[codec]) as camera:
        arrived = ARRIVED
        for index, data, pts, wait in events:
            good = camera.sent[index % len(camera.sent)]
            packet = good if data is None else av.Packet(data)
            packet.time_base = good.time_base or Fraction(1, 1_000)
            packet.pts = pts
            arrived += wait / 10
            camera.sound.take(packet, arrived)
        assert_in_order([packet for packet in camera.packets if packet_samples(packet.data) == BLOCK_SAMPLES])
        assert len(camera.packets) == len([each for each in camera.packets if packet_samples(each.data)])
