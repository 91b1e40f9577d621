"""The page on which Chromium watches a peer, and what it measures."""

from __future__ import annotations

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

async function delays(count) {
  const samples = [];
  for (let seen = 0; samples.length < count && seen < 3 * count; seen++) {
    const about = await new Promise(shown => video.requestVideoFrameCallback((_, metadata) => shown(metadata)));
    const at = produced.get(about.rtpTimestamp);
    if (at !== undefined) samples.push(performance.timeOrigin + about.expectedDisplayTime - at);
  }
  return samples;
}
</script>""".replace("NAME", NAME.decode()).replace("DIGITS", str(DIGITS))

SETTLE_MS, BETWEEN_MS = 2_500, 370
"""Until a jitter buffer has found its size; between two starts, so that they fall on different places between keyframes."""

WITHIN_MS = 15_000


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
    """Milliseconds from a picture's stamp until its `expectedDisplayTime`, of `count` pictures; none where none has one."""
    page.evaluate("produced.clear()")
    _within(page, "(way => connect(way, true))", way)
    page.wait_for_timeout(SETTLE_MS)
    found: list[float] = page.evaluate(f"delays({count})")
    page.evaluate("connection.close()")
    return found


def _within(page: Page, function: str, way: str) -> Any:
    late = f"new Promise((_, fail) => setTimeout(() => fail(new Error('no picture')), {WITHIN_MS}))"
    return page.evaluate(f"Promise.race([{function}('{way}'), {late}])")
