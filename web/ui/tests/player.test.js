import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { FakeSocket, FakeTransport } from "./fakes.js";
import { pretendTime, tick } from "./virtual-time.js";

globalThis.WebSocket = FakeSocket;
globalThis.location = { href: "https://camera.test/", host: "camera.test" };
globalThis.document = { hidden: false };
pretendTime();
const { Player } = await import("../player/player.js");

const rung = (name, obstacle = null) => ({ name, obstacle: () => obstacle, make: () => new FakeTransport(name) });
const camera = (state, more) => ({ id: "main", name: "Door", state, trouble: null, ...more });
let api = { status: 200, state: "live" };
let player;

async function settle() {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}

/** @param {number} ms */
async function pass(ms) {
  tick(ms);
  await settle();
}

function greet(state = "live") {
  FakeSocket.last.says("hello", { viewer: "v", camera: camera(state), ice_servers: [], can: ["view"] });
}

beforeEach(() => {
  player?.close();
  FakeSocket.all = [];
  FakeTransport.all = [];
  api = { status: 200, state: "live" };
  globalThis.fetch = async () => {
    if (api.status === 0) throw new TypeError("no network");
    return {
      status: api.status,
      headers: new Headers({ "Content-Type": "application/json" }),
      json: async () => camera(api.state),
    };
  };
  player = new Player({ srcObject: "picture" }, "main", { ladder: [rung("webrtc")] });
});

test("from start to the first picture", () => {
  assert.equal(player.state, "idle");
  player.start();
  assert.equal(player.state, "connecting");
  assert.equal(FakeSocket.last.url, "wss://camera.test/api/v1/cameras/main/live");
  assert.equal(FakeSocket.last.protocol, "pi-cam.v1");
  greet();
  assert.ok(FakeTransport.last.started && FakeTransport.last.expecting);
  FakeTransport.last.shows();
  assert.deepEqual([player.state, player.rung], ["live", "webrtc"]);
  assert.ok(player.firstPictureMs >= 0);
});

test("closing says goodbye, and a second start begins anew", () => {
  player.start();
  greet();
  FakeTransport.last.shows();
  player.close();
  assert.deepEqual([player.state, player.rung, player.delayMs], ["idle", "", null]);
  assert.equal(FakeSocket.last.sent.at(-1).type, "bye");
  assert.equal(FakeSocket.last.closedWith, 1000);
  player.start();
  assert.equal(player.firstPictureMs, null);
  assert.equal(FakeSocket.all.length, 2);
});

test("a failed transport is replaced on the same socket, three times, then slowly", async () => {
  player.start();
  greet();
  FakeTransport.last.shows();
  FakeTransport.last.fails();
  assert.deepEqual([player.state, player.reason], ["reconnecting", "no-picture"]);
  FakeTransport.last.fails();
  FakeTransport.last.fails("no-connection");
  assert.deepEqual([player.state, player.reason], ["failed", "no-connection"]);
  assert.deepEqual([FakeTransport.all.length, FakeSocket.all.length], [3, 1]);
  await pass(5000);
  assert.equal(FakeTransport.all.length, 4);
  assert.equal(player.state, "failed"); // until a picture comes, the advice stays
  FakeTransport.last.shows();
  assert.equal(player.state, "live");
});

test("the next rung is tried before giving up", () => {
  player = new Player({}, "main", { ladder: [rung("webrtc"), rung("websocket")] });
  player.start();
  greet();
  for (let time = 0; time < 3; time += 1) FakeTransport.last.fails();
  assert.deepEqual([FakeTransport.last.name, player.state], ["websocket", "reconnecting"]);
  FakeTransport.last.shows();
  assert.equal(player.rung, "websocket");
});

test("a browser that cannot show anything says why", () => {
  player = new Player({}, "main", { ladder: [rung("webrtc", "no-h264")] });
  player.start();
  assert.deepEqual([player.state, player.reason, FakeSocket.all.length], ["failed", "no-h264", 0]);
});

test("a stopped camera clears the picture, and is asked until it may be watched", async () => {
  player.start();
  greet();
  FakeTransport.last.shows();
  api.state = "stopped";
  FakeSocket.last.says("state", { camera: camera("stopped") });
  FakeSocket.last.ends(4409);
  assert.deepEqual([player.state, player.video.srcObject, FakeTransport.last.closed], ["stopped", null, true]);
  await pass(2000);
  await pass(2000);
  assert.equal(player.state, "stopped");
  api.state = "idle";
  await pass(2000);
  assert.equal(player.state, "connecting");
  assert.equal(FakeSocket.all.length, 2);
});

test("privacy is told apart from stopped, also while it changes", async () => {
  player.start();
  FakeSocket.last.ends(4409);
  assert.equal(player.state, "stopped");
  api.state = "privacy";
  await pass(2000);
  assert.equal(player.state, "privacy");
  await pass(2000);
  assert.equal(FakeSocket.all.length, 1);
});

test("nobody asks about a stopped camera in a hidden tab", async () => {
  player.start();
  greet("stopped");
  document.hidden = true;
  await pass(10_000);
  assert.equal(FakeSocket.all.length, 1);
  document.hidden = false;
  await pass(2000);
  assert.equal(FakeSocket.all.length, 2);
});

test("an unreachable camera keeps its connection; late pictures do not hide it", () => {
  player.start();
  greet();
  FakeTransport.last.shows();
  FakeSocket.last.says("state", { camera: camera("unreachable", { trouble: "It went." }) });
  FakeTransport.last.shows();
  assert.deepEqual([player.state, player.rung, FakeTransport.last.expecting], ["unreachable", "", false]);
  FakeSocket.last.says("state", { camera: camera("live") });
  assert.equal(player.state, "reconnecting");
  FakeTransport.last.shows();
  assert.deepEqual([player.state, FakeTransport.all.length], ["live", 1]);
});

test("close codes", () => {
  const table = { 4401: ["signed-out", null], 4403: ["failed", "not-allowed"], 4404: ["failed", "not-found"] };
  for (const [code, expected] of Object.entries(table)) {
    player.close();
    player.start();
    greet();
    FakeSocket.last.ends(Number(code));
    assert.deepEqual([player.state, player.reason], expected);
  }
});

test("a full camera is tried again after ten seconds", async () => {
  player.start();
  FakeSocket.last.ends(4429);
  assert.equal(player.state, "busy");
  await pass(9999);
  assert.equal(FakeSocket.all.length, 1);
  await pass(1);
  assert.equal(FakeSocket.all.length, 2);
});

test("a refused offer is busy, not broken", () => {
  player.start();
  greet();
  FakeTransport.last.fails("too-many-viewers", 503);
  assert.deepEqual([player.state, player.reason], ["busy", "too-many-viewers"]);
});

test("a camera that restarts is found again", async () => {
  player.start();
  greet();
  FakeTransport.last.shows();
  FakeSocket.last.ends(1001);
  assert.equal(player.state, "reconnecting");
  await pass(500);
  greet();
  FakeTransport.last.shows();
  assert.equal(player.state, "live");
});

test("a camera that is gone is said to be gone, and still looked for", async () => {
  api.status = 0;
  player.start();
  for (let time = 0; time < 3; time += 1) {
    FakeSocket.last.ends(1006);
    await pass(15_000);
  }
  assert.deepEqual([player.state, player.reason], ["unreachable", "no-answer"]);
  assert.equal(FakeSocket.all.length, 4);
});

test("a socket that is refused without a word: HTTP says why", async () => {
  api.status = 401;
  player.start();
  FakeSocket.last.ends(1006);
  await settle();
  assert.equal(player.state, "signed-out");
  await pass(60_000);
  assert.equal(FakeSocket.all.length, 1);
});

test("the end of the media is answered by a new offer", () => {
  player.start();
  greet();
  FakeTransport.last.shows();
  FakeSocket.last.says("end", { code: "lost" });
  assert.deepEqual([FakeTransport.all.length, FakeTransport.all[0].closed], [2, true]);
  FakeSocket.last.says("end", { code: "replaced" });
  assert.equal(FakeTransport.all.length, 2);
});

test("the clock is asked often at first, then every second, and tells the delay shown", async () => {
  player.start();
  greet();
  FakeTransport.last.shows();
  const clocks = () => FakeSocket.last.sent.filter(({ type }) => type === "clock");
  for (let time = 0; time < 4; time += 1) await pass(60);
  const atFirst = clocks().length;
  assert.ok(atFirst >= 5 && atFirst <= 7, String(atFirst));
  for (let time = 0; time < 3; time += 1) await pass(1000);
  assert.equal(clocks().length, atFirst + 3);
  assert.equal(clocks().at(-1).delay_ms, null);
});

test("messages that make no sense are ignored", () => {
  player.start();
  for (const data of ["", "null", "[]", "{", '{"v":2,"type":"hello"}', '{"v":1}', new ArrayBuffer(3)]) {
    FakeSocket.last.onmessage({ data });
  }
  assert.equal(player.state, "connecting");
});

test("sound is part of the connection, and survives it", async () => {
  const talk = { possible: true, muted: false, trouble: null, duplex: "full", several: false, talkers: [] };
  const sound = { source: "camera", muted: false, trouble: null, talk };
  player.start();
  FakeSocket.last.says("hello", { viewer: "v", camera: camera("live"), ice_servers: [], can: ["view", "listen"], sound });
  assert.deepEqual([player.line.can, player.line.sound], [["view", "listen"], sound]);
  assert.equal(FakeTransport.last.session.sound, false);
  FakeTransport.last.answers("me");
  player.line.want(true).catch(() => {}); // nobody answers
  assert.deepEqual([FakeSocket.last.sent.at(-1).type, FakeSocket.last.sent.at(-1).on], ["sound", true]);
  FakeTransport.last.fails();
  assert.deepEqual([player.line.isUp, FakeTransport.last.session.sound], [false, true]);
  FakeTransport.last.answers("me again");
  assert.ok(player.line.isUp);
  FakeSocket.last.ends(1001);
  assert.ok(!player.line.isUp);
  await pass(500);
  greet();
  assert.equal(FakeTransport.last.session.sound, true);
});

test("an answer that the camera did not sign is refused, and nothing is tried again by itself", async () => {
  player.start();
  greet();
  FakeTransport.last.fails("forged");
  assert.deepEqual([player.state, player.reason], ["failed", "forged"]);
  assert.deepEqual([FakeSocket.last.closedWith, FakeTransport.last.closed], [1000, true]);
  await pass(120_000);
  assert.deepEqual([FakeTransport.all.length, FakeSocket.all.length], [1, 1]);
  player.retry();
  greet();
  FakeTransport.last.shows();
  assert.equal(player.state, "live");
});

test("who answers is checked by the same memory from one connection to the next", () => {
  player.start();
  greet();
  const { identity, camera } = FakeTransport.last.session;
  assert.deepEqual([identity, camera], [player.identity, "main"]);
  FakeTransport.last.fails();
  assert.equal(FakeTransport.last.session.identity, identity);
});

test("pictures over a relay are another rung, also when it changes on the way", () => {
  player.start();
  greet();
  FakeTransport.last.relayed = true;
  FakeTransport.last.shows();
  assert.deepEqual([player.state, player.rung], ["live", "turn"]);
  FakeTransport.last.relayed = false;
  FakeTransport.last.shows();
  assert.equal(player.rung, "webrtc");
});

test("a relay is good for a while only; then another one is asked for, once", async () => {
  const hello = { viewer: "v", camera: camera("live"), can: ["view"] };
  player.start();
  FakeSocket.last.says("hello", { ...hello, ice_servers: [], ice_seconds: 0, relay: "missing" });
  const { signalling } = FakeTransport.last.session;
  const asked = () => FakeSocket.last.sent.filter(({ type }) => type === "ice");
  assert.equal(signalling.relay, "missing");
  const coming = signalling.iceServers();
  assert.equal(asked().length, 1);
  const servers = [{ urls: "turn:new" }];
  FakeSocket.last.says("ice", { id: asked()[0].id, ice_servers: servers, ice_seconds: 3600, relay: "ready" });
  assert.deepEqual([await coming, signalling.relay], [servers, "ready"]);
  assert.deepEqual([await signalling.iceServers(), asked().length], [servers, 1]);
});

test("at home the servers have no end", async () => {
  player.start();
  greet();
  const { signalling } = FakeTransport.last.session;
  await pass(24 * 3600 * 1000);
  assert.deepEqual([await signalling.iceServers(), signalling.relay], [[], "none"]);
});

test("where there should be a relay and is none, that is the reason", () => {
  const hello = { viewer: "v", camera: camera("live"), can: ["view"], ice_servers: [], ice_seconds: 5 };
  for (const [relay, fail, reason] of [
    ["missing", () => FakeTransport.last.fails("no-connection"), "no-relay"],
    ["missing", () => FakeSocket.last.says("end", { code: "no-connection" }), "no-relay"],
    ["missing", () => FakeSocket.last.says("end", { code: "lost" }), "lost"],
    ["ready", () => FakeSocket.last.says("end", { code: "no-connection" }), "no-connection"],
    ["none", () => FakeTransport.last.fails("no-connection"), "no-connection"],
  ]) {
    player.close();
    player.start();
    FakeSocket.last.says("hello", { ...hello, relay });
    fail();
    assert.deepEqual([player.state, player.reason], ["reconnecting", reason]);
  }
});
