"""The page on which Chromium watches a peer, and what it measures."""

from __future__ import annotations

import statistics
from typing import Any

from playwright.sync_api import Page

from tests.bench.stamped_clip import DIGITS, NAME

PAGE = """<!doctype html><title>peer</title><video muted autoplay playsinline width=640></video>
<script>
const video = document.querySelector('video');
const produced = new Map();
const post = async (path, body) => {
  const answer = await fetch(path, {method: 'POST', body});
  const text = await answer.text();
  if (!answer.ok) throw new Error(text);
  return text;
};
const [name, digits] = ['NAME', DIGITS];
const worker = `onrtctransform = ({transformer}) => transformer.readable.pipeThrough(new TransformStream({
  transform(unit, out) {
    const head = String.fromCharCode(...new Uint8Array(unit.data, 0, Math.min(512, unit.data.byteLength)));
    const at = head.indexOf('${name}');
    const timestamp = unit.getMetadata().rtpTimestamp ?? unit.timestamp;
    if (at >= 0) postMessage([timestamp, Number(head.slice(at + ${name.length}, at + ${name.length} + ${digits}))]);
    out.enqueue(unit);
  }})).pipeTo(transformer.writable)`;
let connection = null;

async function connect(way, stamps) {
  connection?.close();
  connection = new RTCPeerConnection({iceServers: []});
  const shown = new Promise(done => video.requestVideoFrameCallback(done));
  const take = ({track, receiver}) => {
    if (stamps && !receiver.transform) {  // before anything is negotiated, or it comes too late
      const reader = new Worker(URL.createObjectURL(new Blob([worker])));
      reader.onmessage = ({data: [timestamp, at]}) => produced.set(timestamp, at / 1000);
      receiver.transform = new RTCRtpScriptTransform(reader, {});
    }
    video.srcObject = new MediaStream([track]);
  };
  connection.ontrack = take;
  if (way === 'offers') {
    const said = await post('/invite', '');
    const end = said.indexOf('\\n');
    await connection.setRemoteDescription({type: 'offer', sdp: said.slice(end + 1)});
    await connection.setLocalDescription(await connection.createAnswer());
    await post('/accept/' + said.slice(0, end), connection.localDescription.sdp);
  } else {
    const {receiver} = connection.addTransceiver('video', {direction: 'recvonly'});
    take({track: receiver.track, receiver});
    await connection.setLocalDescription(await connection.createOffer());
    const answer = await post('/answer', connection.localDescription.sdp);
    await connection.setRemoteDescription({type: 'answer', sdp: answer});
  }
  return shown;
}

async function firstPicture(way) {
  const began = performance.now();
  await connect(way, false);
  return performance.now() - began;
}

async function pictures(count, look) {
  const samples = [];
  for (let seen = 0; samples.length < count && seen < 3 * count; seen++) {
    const found = look(await new Promise(shown => video.requestVideoFrameCallback((_, metadata) => shown(metadata))));
    if (!Number.isNaN(found)) samples.push(found);
  }
  return samples;
}

const arrivals = count => pictures(count, about =>
  performance.timeOrigin + about.receiveTime - (produced.get(about.rtpTimestamp) ?? NaN));
const displays = count => pictures(count, about =>
  Math.max(about.expectedDisplayTime, about.presentationTime) - about.receiveTime);
</script>""".replace("NAME", NAME.decode()).replace("DIGITS", str(DIGITS))

SETTLE_MS, BETWEEN_MS = 2_500, 370
"""Until a jitter buffer has found its size; between two starts, so that they fall on different places between keyframes."""

WITHIN_MS = 15_000

PICTURES = 118
"""Four seconds, and each moment between two refreshes four times."""

SCREENS = 3
"""So often Chromium is started for the delay: when its screen is refreshed, and what it expects of that, is another each
time it starts, and the same until it ends."""


def first_pictures(page: Page, way: str, times: int) -> list[float]:
    """Milliseconds from the wish to watch until the first decoded picture is handed to the page. No candidates are gathered
    before the other side is told: whoever serves must do with those that it learns on the way (RFC 8445, 7.3.1.3)."""
    found = []
    for _ in range(times):
        found.append(float(_within(page, "firstPicture", way)))
        page.evaluate("connection.close()")
        page.wait_for_timeout(BETWEEN_MS)
    return found


def delays(page: Page, way: str, count: int) -> list[float]:
    """Milliseconds from a picture's stamp until its `expectedDisplayTime`, of `count` pictures; none where none has a stamp.
    Where Chromium expects that before it hands the picture to its screen (it does, without a jitter buffer, from some of its
    starts to their ends), until it hands it (`presentationTime`).

    By two connections, as what reads stamps takes each picture through a thread of its own before it is decoded, which costs
    some 9 ms in 1080p: with stamps until it was received, without until it is displayed."""
    page.evaluate("produced.clear()")
    arrivals = _watch(page, way, "arrivals", count, stamps=True)
    if not arrivals:
        return []
    arrival = statistics.median(arrivals)
    return [arrival + found for found in _watch(page, way, "displays", count, stamps=False)]


def _watch(page: Page, way: str, what: str, count: int, *, stamps: bool) -> list[float]:
    _within(page, f"(way => connect(way, {'true' if stamps else 'false'}))", way)
    page.wait_for_timeout(SETTLE_MS)
    found: list[float] = page.evaluate(f"{what}({count})")
    page.evaluate("connection.close()")
    return found


def _within(page: Page, function: str, way: str) -> Any:
    late = f"new Promise((_, fail) => setTimeout(() => fail(new Error('no picture')), {WITHIN_MS}))"
    return page.evaluate(f"Promise.race([{function}('{way}'), {late}])")
