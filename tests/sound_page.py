"""A page in a real browser that listens and talks by the live protocol, and keeps what it heard and when."""

from __future__ import annotations

import base64
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from playwright.sync_api import Page, Playwright

from tests.e2e.conftest import CHROMIUM, FLAGS, sign_in
from tests.server import Server

RATE = 48_000
SCRIPT = """
() => {
  const worklet = `registerProcessor("ear", class extends AudioWorkletProcessor {
    process([input]) {
      if (input[0]) this.port.postMessage({ at: Date.now(), sound: input[0].slice() });
      return true;
    }
  })`;
  const ear = { received: [], said: [], flashes: [] };
  let socket, connection, audio, last = 0, session;
  const asked = new Map(), told = [];
  const request = (type, fields) => new Promise((resolve, reject) => {
    const id = String(++last);
    asked.set(id, { resolve, reject });
    socket.send(JSON.stringify({ v: 1, type, id, ...fields }));
  });
  const receive = ({ data }) => {
    const message = JSON.parse(data);
    const waiting = asked.get(message.id);
    if (!waiting) return void told.push(message);
    asked.delete(message.id);
    message.type === "error" ? waiting.reject(new Error(message.code)) : waiting.resolve(message);
  };
  const listen = async (track) => {
    const stream = new MediaStream([track]);
    const element = new Audio();
    element.srcObject = stream;
    element.muted = true; // without an element Chromium does not fetch the sound
    element.play();
    session.element = element;
    await record(stream, ear.received);
  };
  const record = async (stream, blocks) => {
    const context = new AudioContext({ sampleRate: 48000, latencyHint: "interactive" });
    const url = URL.createObjectURL(new Blob([worklet], { type: "text/javascript" }));
    await context.audioWorklet.addModule(url);
    const node = new AudioWorkletNode(context, "ear");
    node.port.onmessage = ({ data }) => blocks.push(data);
    context.createMediaStreamSource(stream).connect(node).connect(context.destination);
    session.contexts.push(context);
    session.taps.push([stream, blocks]);
  };
  const watch = (track, corner) => {
    const video = document.createElement("video");
    video.muted = true;
    video.srcObject = new MediaStream([track]);
    video.play();
    const canvas = new OffscreenCanvas(8, 8);
    const painter = canvas.getContext("2d", { willReadFrequently: true });
    const look = (now, { expectedDisplayTime }) => {
      const side = video.videoHeight / 6;
      painter.drawImage(video, video.videoWidth - 2 * side, side, side, side, 0, 0, 8, 8);
      const light = painter.getImageData(4, 4, 1, 1).data[1];
      ear.flashes.push([performance.timeOrigin + Math.max(now, expectedDisplayTime), light]);
      video.requestVideoFrameCallback(look);
    };
    video.requestVideoFrameCallback(look);
    session.video = video;
  };
  window.sound = {
    ear, told, request,
    async open(camera, sound) {
      session = { contexts: [], taps: [] };
      socket = new WebSocket(`${location.origin.replace("http", "ws")}/api/v1/cameras/${camera}/live`, "pi-cam.v1");
      socket.onmessage = receive;
      session.timer = setInterval(() => request("clock", { sent: 0 }), 10_000); // else it counts as gone after a minute
      await new Promise((resolve) => (socket.onopen = resolve));
      connection = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
      connection.addTransceiver("video", { direction: "recvonly" });
      audio = connection.addTransceiver("audio", { direction: "sendrecv" });
      connection.ontrack = ({ track }) => (track.kind === "audio" ? listen(track) : watch(track));
      const held = [];
      connection.onicecandidate = ({ candidate }) => candidate && held.push(candidate.toJSON());
      await connection.setLocalDescription();
      const { sdp } = await request("offer", { sdp: connection.localDescription.sdp, sound });
      await connection.setRemoteDescription({ type: "answer", sdp });
      await new Promise((resolve) => {
        const look = () => connection.connectionState === "connected" ? resolve() : setTimeout(look, 10);
        look();
      });
      return audio.currentDirection;
    },
    async tapAgain() {
      const taps = session.taps.splice(0);
      for (const context of session.contexts.splice(0)) await context.close();
      for (const [stream, blocks] of taps) {
        blocks.length = 0;
        await record(stream, blocks);
      }
    },
    turn: (on) => request("sound", { on }),
    async microphone() {
      session.stream = await navigator.mediaDevices.getUserMedia({
        audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
      });
      await record(session.stream, ear.said);
    },
    async talk(on) {
      const at = Date.now();
      await request("talk", { on });
      await audio.sender.replaceTrack(on ? session.stream.getAudioTracks()[0] : null);
      return at;
    },
    heard(which) {
      const blocks = ear[which].splice(0);
      const bytes = new Uint8Array(new Float32Array(blocks.flatMap(({ sound }) => [...sound])).buffer);
      let text = "";
      for (let begin = 0; begin < bytes.length; begin += 32768) {
        text += String.fromCharCode(...bytes.subarray(begin, begin + 32768));
      }
      return { at: blocks.map(({ at }) => at), size: blocks[0]?.sound.length ?? 0, sound: btoa(text) };
    },
    async stats(kind) {
      const found = [...(await connection.getStats()).values()];
      return found.filter((one) => one.kind === "audio" && one.type === kind);
    },
    close() {
      clearInterval(session?.timer);
      socket?.close();
      connection?.close();
      for (const track of session?.stream?.getTracks() ?? []) track.stop();
      for (const context of session?.contexts ?? []) context.close();
    },
  };
}
"""


class Heard:
    """What came out of a track: `sound`, floats of full scale 1 at 48 kHz; `at(sample)`: the second since 1970 at
    which that sample was handed to the page."""

    def __init__(self, sound: npt.NDArray[np.float32], at: list[float], size: int) -> None:
        self.sound = sound
        self._at = np.array(at) / 1000
        self._size = size

    def at(self, sample: int) -> float:
        return float(self._at[sample // self._size]) + sample % self._size / RATE

    def samples(self) -> npt.NDArray[np.int16]:
        clipped: npt.NDArray[np.int16] = np.clip(np.rint(self.sound * 32768), -32768, 32767).astype(np.int16)
        return clipped


class SoundPage:
    """The page's side of one connection."""

    def __init__(self, page: Page) -> None:
        self.page = page
        page.evaluate(SCRIPT)

    def open(self, *, sound: bool = True) -> str:
        """Connects; the direction of its sound section."""
        return str(self.page.evaluate("sound => window.sound.open('main', sound)", sound))

    def call(self, text: str) -> Any:
        """Evaluates something of `window.sound`."""
        return self.page.evaluate(f"async () => await window.sound.{text}")

    def wait(self, seconds: float) -> None:
        self.page.wait_for_timeout(seconds * 1000)

    def heard(self, which: str = "received") -> Heard:
        """What was heard since the last call: `received`, or `said`, into the browser's own microphone."""
        found = self.call(f"heard('{which}')")
        return Heard(np.frombuffer(base64.b64decode(found["sound"]), np.float32), found["at"], found["size"])

    def flashes(self) -> list[tuple[float, int]]:
        """Of each picture since the last call: when it was on the screen (seconds since 1970), and the square's light."""
        return [(at / 1000, light) for at, light in self.call("ear.flashes.splice(0)")]


@contextmanager
def sound_page(playwright: Playwright, server: Server, *flags: str) -> Iterator[SoundPage]:
    """A new browser, signed in. `flags`: for instance a file that its microphone hears."""
    browser = playwright.chromium.launch(
        executable_path=CHROMIUM, args=[*FLAGS, "--use-fake-ui-for-media-stream", *flags]
    )
    try:
        context = browser.new_context(bypass_csp=True, permissions=["microphone"])
        page = context.new_page()
        sign_in(page, server)
        page.wait_for_url(server.url + "/")
        page.goto(server.url + "/account")
        sound = SoundPage(page)
        yield sound
        sound.call("close()")
    finally:
        browser.close()


def write_wav(path: Path, samples: npt.NDArray[np.int16]) -> None:
    """48 kHz mono."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, len(samples), "NONE", ""))
        file.writeframes(samples.tobytes())
