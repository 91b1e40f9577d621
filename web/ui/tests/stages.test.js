import assert from "node:assert/strict";
import test from "node:test";

import { CameraClock } from "../player/clock.js";
import { StageMeter, UNKNOWN_STAGES } from "../player/stages.js";

const SPENT = { encode: 8, hub: 0.4, send: 0.6, camera: 9 };

/** The camera's clock is 50,000 ms ahead. */
function metering(spent = SPENT) {
  const clock = new CameraClock();
  clock.add({ sent: 0, received: 2, server: 50_001, rtp: { timestamp: 0, captured: 50_000 }, spent });
  return { clock, meter: new StageMeter(clock) };
}

test("each stage has its part, and together they are the delay", () => {
  const { meter } = metering();
  for (const start of [1000, 1033, 1066]) meter.add({ at: start + 230, captured: 50_000 + start, received: start + 209 });
  meter.read(1300);
  assert.equal(meter.delay, 230);
  assert.deepEqual(meter.stages, { encode: 8, hub: 0.4, send: 0.6, network: 200, display: 21 });
  assert.deepEqual(meter.told, { delay_ms: 230, stages: { network: 200, display: 21 } });
});

test("a browser that does not say when it received leaves two unknown", () => {
  const { meter } = metering();
  meter.add({ at: 1100, captured: 51_000, received: null });
  meter.read(1110);
  assert.equal(meter.delay, 100);
  assert.deepEqual(meter.stages, { encode: 8, hub: 0.4, send: 0.6, network: null, display: null });
});

test("a camera that does not say what it spends leaves the network unknown", () => {
  const { meter } = metering(null);
  meter.add({ at: 1100, captured: 51_000, received: 1080 });
  meter.read(1110);
  assert.deepEqual(meter.stages, { ...UNKNOWN_STAGES, display: 20 });
});

test("without pictures nothing is known, and a new connection knows nothing of the one before", () => {
  const { clock, meter } = metering();
  meter.add({ at: 1100, captured: null, received: 1080 });
  meter.read(1110);
  assert.deepEqual([meter.delay, meter.stages], [null, UNKNOWN_STAGES]);
  meter.add({ at: 1200, captured: 51_100, received: 1180 });
  meter.read(3000);
  assert.deepEqual([meter.delay, meter.stages], [null, UNKNOWN_STAGES]);
  clock.forgetPictures();
  assert.equal(clock.spent, null);
});

test("clocks that agree to a millisecond only make no stage shorter than nothing", () => {
  const { meter } = metering();
  meter.add({ at: 1012, captured: 51_000, received: 1008 });
  meter.read(1020);
  assert.equal(meter.stages.network, 0);
});
