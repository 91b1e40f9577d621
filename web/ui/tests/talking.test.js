import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { FakeDevices, FakeLine, settle } from "./sound-fakes.js";
import { pretendTime, tick } from "./virtual-time.js";

pretendTime();
const { Microphone, causeOf } = await import("../player/microphone.js");
const { Talking } = await import("../player/talking.js");

let line;
let devices;
let talking;

/** @param {number} ms */
async function pass(ms) {
  tick(ms);
  await settle();
}

const now = () => [talking.state, talking.reason];
const asked = () => line.asked.map(({ on, take }) => (take ? "take" : on));

async function talk(how) {
  talking.press(how);
  await settle();
  const track = devices.last.allow();
  await settle();
  return track;
}

beforeEach(() => {
  line = new FakeLine();
  devices = new FakeDevices();
  Object.defineProperty(globalThis, "navigator", { value: { mediaDevices: devices }, configurable: true });
  globalThis.isSecureContext = true;
  talking = new Talking(line, new Microphone());
});

test("a press asks for the floor and the microphone at once; a release gives both back after the last syllable", async () => {
  talking.press();
  assert.deepEqual([now(), asked(), devices.questions.length], [["asking", null], [true], 1]);
  assert.deepEqual(devices.last.wanted.audio, {
    echoCancellation: true,
    noiseSuppression: true,
    autoGainControl: true,
    channelCount: 1,
  });
  const track = devices.last.allow();
  await settle();
  assert.deepEqual([now(), line.voices], [["on", null], [track]]);
  talking.release();
  await pass(200);
  assert.equal(talking.state, "on");
  await pass(50);
  assert.deepEqual([now(), line.voices, asked()], [["off", null], [track, null], [true, false]]);
});

test("the microphone is kept for thirty seconds, then its light goes out", async () => {
  const track = await talk();
  talking.release();
  await pass(250);
  await pass(29_999);
  assert.ok(!track.isStopped);
  talking.press();
  await settle();
  assert.deepEqual([talking.state, devices.questions.length], ["on", 1]);
  await pass(60_000);
  assert.ok(!track.isStopped); // not while somebody talks
  talking.release();
  await pass(250);
  await pass(30_000);
  assert.ok(track.isStopped);
});

test("a press before the last syllable is over goes on", async () => {
  await talk();
  talking.release();
  await pass(100);
  talking.press();
  await pass(1_000);
  assert.deepEqual([talking.state, asked()], ["on", [true]]);
});

test("hands-free stays without holding; the same button ends it", async () => {
  talking.toggle();
  devices.last.allow();
  await settle();
  talking.release();
  await pass(10_000);
  assert.deepEqual([talking.state, talking.isHandsFree], ["on", true]);
  talking.toggle();
  assert.deepEqual([talking.state, talking.isHandsFree], ["off", false]);
});

test("a tap says how it is meant, for a while", async () => {
  await talk();
  talking.release({ short: true });
  await pass(250);
  assert.deepEqual(now(), ["off", "hold"]);
  await pass(8_000);
  assert.deepEqual(now(), ["off", null]);
});

test("released before the microphone came: nothing is sent, and the floor is given back", async () => {
  talking.press();
  talking.release();
  devices.last.allow();
  await settle();
  assert.deepEqual([now(), asked()], [["off", "ready"], [true, false]]);
  assert.ok(line.voices.every((voice) => voice === null));
});

test("a question that nobody answers frees the button, and a late answer is no recording", async () => {
  talking.press({ handsFree: true });
  await pass(20_000);
  assert.deepEqual([now(), asked()], [["refused", "unanswered"], [true, false, false]]);
  talking.press();
  await settle();
  assert.equal(devices.questions.length, 1); // the browser still shows the first
  talking.release();
  assert.equal(talking.state, "off");
  await pass(31_000);
  const late = devices.last.allow();
  await settle();
  assert.ok(late.isStopped);
  assert.equal(talking.reason, "ready");
});

test("while the browser asks the person, the page says so before long, and no more once it was answered", async () => {
  talking.press();
  await pass(699);
  assert.deepEqual(now(), ["asking", null]); // an allowed microphone takes a moment, too
  await pass(1);
  assert.deepEqual(now(), ["asking", "prompt"]);
  assert.deepEqual(asked(), [true, false]); // others may talk while the person thinks
  talking.press({ handsFree: true }); // the lock, while the button is held
  assert.deepEqual(now(), ["asking", "prompt"]);
  devices.last.allow();
  await settle();
  assert.deepEqual([now(), asked()], [["on", null], [true, false, true]]);
  await pass(30_000);
  assert.deepEqual(now(), ["on", null]);
});

test("the question of an earlier press is told of at the next one, too", async () => {
  talking.press();
  await pass(100);
  talking.release();
  await pass(5_000);
  assert.deepEqual(now(), ["off", null]); // nobody waits for it
  talking.press();
  await pass(700);
  assert.deepEqual([now(), devices.questions.length], [["asking", "prompt"], 1]);
});

test("a microphone that is allowed and slow is no question", async () => {
  navigator.permissions = { query: async ({ name }) => ({ state: name === "microphone" ? "granted" : "prompt" }) };
  talking.press();
  await pass(5_000);
  assert.deepEqual(now(), ["asking", null]);
  talking.release();
  assert.deepEqual(now(), ["off", null]);
});

test("who held the button while the browser asked is told to answer it", async () => {
  talking.press();
  await pass(1_500);
  talking.release();
  assert.deepEqual(now(), ["off", "unanswered"]);
});

test("each cause has its own word, and the floor is given back", async () => {
  const causes = {
    NotAllowedError: "denied",
    NotFoundError: "no-microphone",
    NotReadableError: "microphone-busy",
    TypeError: "microphone-failed",
  };
  for (const [name, code] of Object.entries(causes)) {
    talking.press();
    devices.last.refuse(name);
    await settle();
    assert.deepEqual([now(), asked().at(-1)], [["refused", code], false]);
  }
  assert.equal(causeOf({ name: "NotAllowedError", message: "Permission denied by system" }), "denied-by-system");
  assert.equal(causeOf({ name: "NotAllowedError", message: "Permission dismissed" }), "dismissed");
});

test("what cannot work is not even asked for", () => {
  const refused = (code) => {
    talking.press();
    assert.deepEqual([now(), line.asked.length, devices.questions.length], [["refused", code], 0, 0]);
  };
  delete navigator.mediaDevices.getUserMedia;
  Object.defineProperty(globalThis, "navigator", { value: {}, configurable: true });
  refused("no-media");
  globalThis.isSecureContext = false;
  refused("insecure");
  line.says({ muted: true });
  refused("loudspeaker-muted");
  line.isUp = false;
  refused("not-connected");
  line.can = ["view"];
  refused("not-allowed");
});

test("somebody else talks: it is said who, until they end", async () => {
  line.says({ talkers: [{ viewer: "x", name: "Zoé" }] });
  line.answers.talk = "floor-taken";
  await talk();
  assert.deepEqual([now(), talking.detail], [["refused", "floor-taken"], "Zoé"]);
  line.says({ talkers: [] });
  assert.deepEqual(now(), ["off", null]);
  line.says({ several: true, talkers: [{ viewer: "x", name: "Zoé" }] });
  talking.press();
  await settle();
  assert.equal(talking.reason, "floor-full");
});

test("the owner takes the floor", async () => {
  await talk({ take: true, handsFree: true });
  assert.deepEqual([talking.state, asked()], ["on", ["take"]]);
});

test("who loses the floor stops at once", async () => {
  await talk();
  line.says({ talkers: [{ viewer: "x", name: "Zoé" }] });
  assert.deepEqual([now(), talking.detail, line.voices.at(-1)], [["refused", "floor-lost"], "Zoé", null]);
});

test("the loudspeaker is muted in the middle, and not any more", async () => {
  await talk();
  line.says({ muted: true });
  assert.deepEqual(now(), ["refused", "loudspeaker-muted"]);
  line.says({ muted: false });
  assert.deepEqual(now(), ["off", null]);
});

test("what the loudspeaker lacks is still said after the last word", async () => {
  await talk();
  line.says({ trouble: "No loudspeaker is connected." });
  assert.equal(talking.state, "on"); // it may be plugged in again
  talking.release();
  await pass(250);
  assert.deepEqual([now(), talking.detail], [["refused", "loudspeaker-trouble"], "No loudspeaker is connected."]);
});

test("a lost connection ends it, and does not keep the microphone", async () => {
  const track = await talk();
  line.falls();
  assert.deepEqual([now(), track.isStopped], [["refused", "connection-lost"], true]);
  line.isUp = true;
  line.says({});
  assert.equal(talking.reason, "connection-lost");
  line.can = ["view"]; // it was the right to talk that was lost
  line.says({});
  assert.equal(talking.reason, "not-allowed");
});

test("a microphone that is unplugged says so", async () => {
  const track = await talk();
  track.onended();
  assert.deepEqual([now(), asked()], [["refused", "microphone-gone"], [true, false]]);
  talking.press();
  assert.equal(devices.questions.length, 2);
});

test("whoever leaves the page takes the microphone along", async () => {
  const track = await talk({ handsFree: true });
  talking.leave();
  assert.deepEqual([talking.state, track.isStopped, asked()], ["off", true, [true, false]]);
});
