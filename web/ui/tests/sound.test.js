import assert from "node:assert/strict";
import test from "node:test";

import { FakeLine, settle, SOUND } from "./sound-fakes.js";
import { FakeTransport } from "./fakes.js";
import { pretendTime } from "./virtual-time.js";

globalThis.document = { getElementById: () => null, documentElement: { lang: "en" } };
pretendTime();
const { Line } = await import("../player/line.js");
const { Listening } = await import("../player/listening.js");
const { followLevel, Silence } = await import("../player/level.js");
const { share } = await import("../player/meter.js");
const { describeEar, describeMouth, describeSource, describeTalkers, explainDuplex, explainTalk } = await import(
  "../player/talk-words.js"
);

class FakeSignalling extends EventTarget {
  asked = [];
  async request(type, fields) {
    this.asked.push([type, fields]);
    return { sound: SOUND };
  }
  says(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

function connected() {
  const line = new Line();
  const signalling = new FakeSignalling();
  line.follow(signalling);
  signalling.says("hello", { can: ["view", "talk"], owner: true, sound: SOUND });
  return { line, signalling, ...offered(line) };
}

function offered(line) {
  const transport = new FakeTransport("webrtc");
  line.use(transport);
  const sound = line.offer();
  const answer = () => transport.dispatchEvent(new CustomEvent("answered", { detail: { viewer: "me" } }));
  return { transport, sound, answer };
}

function video() {
  return {
    muted: true,
    srcObject: "stream",
    plays: 0,
    refuses: false,
    async play() {
      this.plays += 1;
      if (this.refuses && !this.muted) throw Object.assign(new Error(), { name: "NotAllowedError" });
    },
  };
}

test("sound is asked for on the connection that there is, and by each offer after it", async () => {
  const { line, signalling, sound, answer, transport } = connected();
  assert.deepEqual([line.can, line.isOwner, line.sound, sound], [["view", "talk"], true, SOUND, false]);
  answer();
  await line.want(true);
  assert.deepEqual(signalling.asked, [["sound", { on: true }]]);
  transport.dispatchEvent(new Event("closed"));
  assert.ok(!line.isUp);
  await assert.rejects(line.request("talk", { on: true }), { code: "closed" });
  assert.ok(offered(line).sound);
});

test("what was wished for while the offer was away is asked for afterwards", async () => {
  const { line, signalling, answer } = connected();
  await line.want(true);
  assert.deepEqual(signalling.asked, []);
  answer();
  assert.deepEqual(signalling.asked, [["sound", { on: true }]]);
});

test("an earlier connection's end is nobody's business", () => {
  const { line, answer, transport } = connected();
  const again = offered(line);
  answer();
  assert.ok(!line.isUp);
  again.answer();
  transport.dispatchEvent(new Event("closed"));
  assert.ok(line.isUp);
});

test("who talks", () => {
  const { line, signalling, answer } = connected();
  answer();
  const talkers = [
    { viewer: "x", name: "Zoé" },
    { viewer: "me", name: "Ada" },
  ];
  signalling.says("sound", { sound: { ...SOUND, talk: { ...SOUND.talk, talkers } } });
  assert.deepEqual([line.hasFloor(), line.others()], [true, ["Zoé"]]);
});

test("sound on and off", async () => {
  const line = new FakeLine();
  const listening = new Listening(line, video());
  await listening.turn(true);
  assert.deepEqual([listening.isOn, line.wanted, listening.video.muted, listening.video.plays], [true, true, false, 1]);
  await listening.turn(false);
  assert.deepEqual([listening.isOn, line.wanted, listening.video.muted], [false, false, true]);
});

test("a browser that plays no sound still shows the picture, and the microphone is not opened", async () => {
  const line = new FakeLine();
  const listening = new Listening(line, Object.assign(video(), { refuses: true }));
  await listening.turn(true);
  await settle();
  assert.deepEqual([listening.isOn, listening.reason, line.wanted], [false, "sound-refused", false]);
  assert.deepEqual([listening.video.muted, listening.video.plays, listening.giveIn()], [true, 2, false]);
});

test("who may not listen is told so", async () => {
  const line = new FakeLine();
  line.answers.sound = "not-allowed";
  const listening = new Listening(line, video());
  await listening.turn(true);
  assert.deepEqual([listening.isOn, listening.reason, listening.video.muted], [false, "may-not-listen", true]);
});

test("the level is drawn once a frame, however often sound is turned off and on before it, and never while it is off", async () => {
  const frames = new Map();
  const drawn = [];
  let number = 0;
  globalThis.HTMLElement = class {
    style = { setProperty: (_, level) => drawn.push(level) };
  };
  Object.assign(document, { querySelector: () => new HTMLElement() });
  Object.assign(globalThis, {
    matchMedia: () => ({ matches: false }),
    requestAnimationFrame: (call) => frames.set((number += 1), call) && number,
    cancelAnimationFrame: (id) => frames.delete(id),
    MediaStream: class {},
  });
  const show = (now) => {
    const due = [...frames.values()];
    frames.clear();
    for (const call of due) call(now);
    return due.length;
  };
  const line = new FakeLine();
  const listening = new Listening(line, video());
  followLevel(listening, { video: { srcObject: null }, line, state: "live" });
  for (const on of [true, false, true, false, true]) await listening.turn(on);
  assert.deepEqual([show(100), show(200), drawn.length], [1, 1, 2]);
  await listening.turn(false);
  assert.deepEqual([show(300), drawn.length], [0, 2]);
});

test("silence is noticed after five seconds, and its end at once", () => {
  const silence = new Silence();
  for (const [isSilent, at, reason] of [
    [true, 0, null],
    [true, 4_999, null],
    [true, 5_000, "nothing-heard"],
    [false, 5_001, null],
    [true, 5_002, null],
  ]) {
    silence.see(isSilent, "nothing-heard", at);
    assert.equal(silence.reason, reason);
  }
});

test("levels", () => {
  assert.deepEqual([share(0), share(1), share(10)], [0, 1, 1]);
  assert.ok(Math.abs(share(0.001) - 0.5) < 1e-9);
});

test("every reason has a sentence", () => {
  const reasons =
    "insecure no-media denied denied-by-system dismissed prompt unanswered no-microphone microphone-busy microphone-gone " +
    "microphone-failed loudspeaker-muted floor-taken floor-full floor-lost not-allowed not-connected connection-lost hold " +
    "ready sound-refused may-not-listen nothing-heard nothing-brought";
  for (const reason of reasons.split(" ")) assert.match(explainTalk(reason), /^[A-Z].+\.$/, reason);
  assert.match(explainTalk("floor-taken", "Zoé"), /^Zoé /);
  assert.equal(explainTalk("loudspeaker-trouble", "It broke."), "It broke.");
  assert.equal(explainTalk(null), "");
});

test("what becomes of the echo is said while somebody talks", () => {
  const said = (duplex, talkers) => explainDuplex({ ...SOUND, talk: { ...SOUND.talk, duplex, talkers } });
  const zoe = [{ viewer: "x", name: "Zoé" }];
  assert.deepEqual([said("full", zoe), said("half", []), said("none", [])], ["", "", ""]);
  assert.match(said("half", zoe), /lowered/);
  assert.match(said("none", zoe), /may hear themselves/);
});

test("how it is said", () => {
  assert.equal(describeTalkers(false, []), "");
  assert.equal(describeTalkers(true, []), "You are talking");
  assert.equal(describeTalkers(false, ["Zoé"]), "Zoé is talking");
  assert.equal(describeTalkers(false, ["Zoé", "Bob"]), "Zoé and Bob are talking");
  assert.equal(describeTalkers(true, ["Zoé"]), "You and Zoé are talking");
  const talk = (more) => ({ ...SOUND, talk: { ...SOUND.talk, ...more } });
  assert.equal(describeMouth(talk({ possible: false })), "No loudspeaker");
  assert.match(describeMouth(talk({ duplex: "half" })), /lowered/);
  assert.equal(describeMouth(talk({ duplex: "full" })), "Both sides at once");
  assert.equal(describeMouth(talk({ duplex: "none" })), "Both sides at once, without echo cancelling");
  assert.equal(describeSource({ ...SOUND, source: "off" }), "Off");
  assert.equal(describeSource({ ...SOUND, muted: true }), "Muted");
  assert.match(describeEar({ ...SOUND, muted: true, trouble: "It broke." }), /muted/);
  assert.equal(describeEar({ ...SOUND, trouble: "It broke." }), "It broke.");
});
