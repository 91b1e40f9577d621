import assert from "node:assert/strict";
import test from "node:test";

import { CameraClock, DelayMeter, median, rtpDistance } from "../player/clock.js";

test("RTP timestamps wrap", () => {
  assert.equal(rtpDistance(10, 100), 90);
  assert.equal(rtpDistance(100, 10), -90);
  assert.equal(rtpDistance(0xffffffff, 44), 45);
  assert.equal(rtpDistance(44, 0xffffffff), -45);
});

test("the median of nothing, of an odd and of an even number", () => {
  assert.equal(median([]), null);
  assert.equal(median([9, 1, 5]), 5);
  assert.equal(median([9, 1, 5, 7]), 6);
});

test("the shortest round trip decides the offset", () => {
  const clock = new CameraClock();
  assert.equal(clock.offset, null);
  clock.add({ sent: 0, received: 100, server: 5080, rtp: null });
  clock.add({ sent: 200, received: 210, server: 5205, rtp: null });
  clock.add({ sent: 300, received: 390, server: 5310, rtp: null });
  assert.equal(clock.offset, 5000);
});

test("an old exchange is forgotten, because clocks drift", () => {
  const clock = new CameraClock();
  clock.add({ sent: 0, received: 1, server: 5000.5, rtp: null });
  clock.add({ sent: 61_000, received: 61_020, server: 66_020, rtp: null });
  assert.equal(clock.offset, 5010);
});

test("nonsense is ignored", () => {
  const clock = new CameraClock();
  clock.add({ sent: 10, received: 5, server: 1, rtp: null });
  clock.add({ sent: 10, received: 20, server: NaN, rtp: null });
  assert.equal(clock.offset, null);
});

test("the delay runs from capture to the screen", () => {
  const clock = new CameraClock();
  clock.add({ sent: 1000, received: 1010, server: 51_005, rtp: { timestamp: 0xfffffff0, captured: 50_900 } });
  const captured = clock.captured((0xfffffff0 + 9000) >>> 0); // 100 ms after the reference, across the wrap
  assert.equal(captured, 51_000);
  assert.equal(clock.delay({ at: 1142, captured }), 142);
  assert.equal(clock.delay({ at: 1142, captured: null }), null);
});

test("a new connection starts from a new reference", () => {
  const clock = new CameraClock();
  clock.add({ sent: 0, received: 2, server: 11, rtp: { timestamp: 1, captured: 5 } });
  clock.forgetPictures();
  assert.equal(clock.captured(1), null);
  assert.equal(clock.offset, 10);
});

test("the meter shows the median of the last second, then nothing", () => {
  const meter = new DelayMeter();
  for (const [at, delay] of [[0, 900], [500, 140.2], [800, 150], [1200, 142.4]]) meter.add(at, delay);
  assert.equal(meter.read(1300), 142);
  assert.equal(meter.read(2300), null);
});
