"""How each figure of the main job is taken. Used by the benchmark and by the tests."""

from __future__ import annotations

import asyncio
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
from av.bitstream import BitStreamFilterContext
from playwright.sync_api import Page

from pi_cam.media.h264 import NAL_DELIMITER, NAL_PPS, NAL_SPS, nal_type, split_nal_units
from tests.peer import WhepPeer
from tests.server import Server

NO_GRACE = {"PI_CAM_GRACE_SECONDS": "0"}

START_AND_WAIT = """
async () => {
  const player = window.piCam.player;
  player.close();
  await new Promise(done => setTimeout(done, 50));
  player.start();
  while (player.firstPictureMs === null) await new Promise(done => setTimeout(done, 5));
  return player.firstPictureMs;
}
"""

READ_CLOCK = """
async ({columns, rows, cell, count}) => {
  const video = document.querySelector('video');
  const paper = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const [width, height] = [columns * cell, rows * cell];
  [paper.canvas.width, paper.canvas.height] = [width, height];
  const samples = [];
  while (samples.length < count) {
    const about = await new Promise(shown => video.requestVideoFrameCallback((_, metadata) => shown(metadata)));
    paper.drawImage(video, 0, video.videoHeight - height, width, height, 0, 0, width, height);
    let code = 0n;
    for (let row = 0; row < rows; row++) for (let column = 0; column < columns; column++) {
      const pixel = paper.getImageData((column + 0.5) * cell, (row + 0.5) * cell, 1, 1).data;
      code = code << 1n | (pixel[1] > 128 ? 1n : 0n);
    }
    const value = code >> 8n;
    let sum = 0n;
    for (let shift = 0n; shift < 40n; shift += 8n) sum += value >> shift & 255n;
    if ((sum & 255n) !== (code & 255n)) continue;
    const shown = performance.timeOrigin + Math.max(about.expectedDisplayTime, about.presentationTime);
    const drawn = Number(value + (BigInt(Math.floor(shown)) & ~0xFFFFFFFFFFn));
    samples.push({pixels: shown - drawn, page: Number(document.documentElement.dataset.delayMs || NaN)});
  }
  return samples;
}
"""


@dataclass(frozen=True)
class NalUnits:
    """`seen` at the viewer, without parameter sets; of these, `equal` stand in the clip in the same order."""

    seen: int
    equal: int
    pictures: int


def clip_nal_units(clip: Path) -> list[bytes]:
    """What the clip holds, in order, less delimiters and parameter sets."""
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        annexb = BitStreamFilterContext("h264_mp4toannexb", stream)
        packets = [out for packet in container.demux(stream) for out in annexb.filter(packet)]
    return [unit for packet in packets for unit in picture_units(bytes(packet))]


def picture_units(data: bytes) -> list[bytes]:
    """NAL units less delimiters and parameter sets."""
    return [unit for unit in split_nal_units(data) if nal_type(unit) not in (NAL_DELIMITER, NAL_SPS, NAL_PPS)]


async def nal_units_at_viewer(server: Server, token: str, clip: Path, pictures: int) -> NalUnits:
    """Watches by WHEP and compares what arrives with the clip, which plays in a loop."""
    async with WhepPeer(server, token, decode=False) as peer:
        await peer.until(lambda: len({packet.timestamp for packet in peer.packets}) > pictures, pictures / 15 + 10)
        received = peer.access_units()[:pictures]
    arrived = [unit for picture in received for unit in picture if unit[0] & 0x1F not in (7, 8, 9)]
    wanted = clip_nal_units(clip)
    start = wanted.index(arrived[0])
    equal = sum(unit == wanted[(start + index) % len(wanted)] for index, unit in enumerate(arrived))
    return NalUnits(len(arrived), equal, len(received))


def first_pictures(page: Page, server: Server, token: str, times: int, *, cold: bool) -> list[float]:
    """Milliseconds from `player.start()` to the first decoded picture. Cold: the camera is closed before each."""
    found = []
    for _ in range(times):
        if cold:
            page.evaluate("window.piCam.player.close()")
            server.wait_for(token, "idle")
        found.append(float(page.evaluate(START_AND_WAIT)))
        time.sleep(0.37)  # so that the starts fall on different places between two keyframes
    return found


def delays(page: Page, width: int, count: int = 60) -> tuple[float, float]:
    """Median milliseconds of delay: by the clock in the displayed pixels, and as the page says."""
    cell = max(6, width // 160 * 2)
    samples: list[dict[str, Any]] = page.evaluate(READ_CLOCK, {"columns": 12, "rows": 4, "cell": cell, "count": count})
    return (
        statistics.median(sample["pixels"] for sample in samples),
        statistics.median(sample["page"] for sample in samples),
    )


async def memory_with_viewers(server: Server, token: str, viewers: int, seconds: float) -> int:
    """PSS of the process tree in bytes, while so many watch."""
    peers = [WhepPeer(server, token, decode=False) for _ in range(viewers)]
    try:
        for peer in peers:
            await peer.start()
        await asyncio.gather(*(peer.until(lambda peer=peer: len(peer.packets) > 50) for peer in peers))  # type: ignore[misc]
        await asyncio.sleep(seconds)
        return server.pss_bytes()
    finally:
        await asyncio.gather(*(peer.close() for peer in peers))


def connections_to(port: int) -> int:
    """Open TCP connections to a local port, in this network namespace (proc(5), /proc/net/tcp: state 01)."""
    rows = [line.split() for line in Path("/proc/self/net/tcp").read_text("ascii").splitlines()[1:]]
    return sum(int(row[2].partition(":")[2], 16) == port and row[3] == "01" for row in rows)
