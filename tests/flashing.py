"""A clip that flashes and beeps for the first tenth of each second, and what a listener finds of both."""

from __future__ import annotations

import os
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext

from pi_cam.media.opus import BLOCK_SAMPLES, OpusDecoder
from pi_cam.media.units import SOUND_CLOCK_HZ, VIDEO_CLOCK_HZ, AccessUnit, AudioPacket
from tests.clips import CACHE

FPS = 30
SECONDS = 10
X264 = "sliced-threads=0:threads=1:slices=1:scenecut=0:keyint=30:min-keyint=30"
BEEP_SECONDS = 0.1


def flashing(name: str, sound: str | None = None, rate: int = 48_000, **mux_options: str) -> Path:
    """Made once: 320x240, constrained baseline, a keyframe each second; `sound` is FFmpeg's name of an encoder."""
    path = CACHE / name
    if path.is_file():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{os.getpid()}-{path.name}")
    kind = {".ts": "mpegts", ".mkv": "matroska"}.get(path.suffix, path.suffix[1:])
    with av.open(str(unfinished), "w", format=kind, options=mux_options) as output:
        options = {"preset": "ultrafast", "tune": "zerolatency", "profile": "baseline", "x264-params": X264}
        pictures = output.add_stream("libx264", rate=FPS, options=options)
        assert isinstance(pictures, av.VideoStream)
        pictures.width, pictures.height, pictures.pix_fmt = 320, 240, "yuv420p"
        heard: av.AudioStream | None = None
        if sound is not None:
            added = output.add_stream(sound, rate=rate, layout="mono")
            assert isinstance(added, av.AudioStream)
            heard = added
            graph = av.AudioResampler(heard.format.name, "mono", rate, heard.frame_size or 1024)
        for index in range(FPS * SECONDS):
            light = 235 if index % FPS < FPS * BEEP_SECONDS else 16
            planes = np.full((360, 320), 128, np.uint8)
            planes[:240] = light
            planes[:240, ::8] = index % 16 + 20
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            output.mux(pictures.encode(frame))
            if heard is not None:
                for piece in graph.resample(_tone(index)):
                    output.mux(heard.encode(piece))
        output.mux(pictures.encode())
        if heard is not None:
            output.mux(heard.encode())
    unfinished.rename(path)
    return path


def _tone(index: int) -> av.AudioFrame:
    """The sound during one picture."""
    count = SOUND_CLOCK_HZ // FPS
    at = np.arange(index * count, (index + 1) * count) / SOUND_CLOCK_HZ
    samples = (8000 * (at % 1 < BEEP_SECONDS) * np.sin(2000 * np.pi * at)).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = SOUND_CLOCK_HZ, index * count, Fraction(1, SOUND_CLOCK_HZ)
    return frame


def flashes(units: list[AccessUnit]) -> list[float]:
    """When each flash began (monotonic seconds), as a viewer knows it: by pts, and by the times of capture around it."""
    shifts = [unit.captured_at - unit.pts / VIDEO_CLOCK_HZ for unit in units]
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.thread_count = 1
    bright: list[tuple[float, bool]] = []
    for index, unit in enumerate(units):
        shift = float(np.median(shifts[max(index - FPS // 2, 0) : index + FPS // 2]))
        packet = av.Packet(unit.data)
        packet.pts = unit.pts
        for frame in decoder.decode(packet):
            bright.append(((frame.pts or 0) / VIDEO_CLOCK_HZ + shift, bool(frame.to_ndarray()[:240].mean() > 120)))
    return [at for (_, before), (at, now) in pairwise(bright) if now and not before]


def beeps(packets: list[AudioPacket]) -> list[float]:
    """When each beep began, likewise."""
    decoder = OpusDecoder()
    begun: list[float] = []
    last_loud = 0.0
    for packet in packets:
        block = decoder.decode(packet.data)
        assert block is not None
        for index in np.flatnonzero(np.abs(block) > 2_000):
            at = packet.captured_at + float(index) / SOUND_CLOCK_HZ
            if at - last_loud > 0.5:
                begun.append(at)
            last_loud = at
    return begun[1:] if begun and begun[0] < packets[0].captured_at + BEEP_SECONDS else begun


def apart(units: list[AccessUnit], packets: list[AudioPacket]) -> list[float]:
    """How much later than its flash each beep is heard, in seconds."""
    seen = flashes(units)
    whole = [beep for beep in beeps(packets) if seen[0] - 0.5 < beep < seen[-1] + 0.5]
    return [min((beep - flash for flash in seen), key=abs) for beep in whole]


def assert_on_the_grid(packets: list[AudioPacket]) -> None:
    """Steps of a block, or of several where sound was lost."""
    steps = np.diff([packet.pts for packet in packets])
    assert (steps > 0).all()
    assert not (steps % BLOCK_SAMPLES).any()
