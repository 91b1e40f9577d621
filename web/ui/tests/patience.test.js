import assert from "node:assert/strict";
import test from "node:test";

import { pauseBefore, Watchdog } from "../player/patience.js";

test("pauses double up to a limit and are spread", () => {
  const random = () => 1;
  assert.deepEqual([0, 1, 2, 9].map((attempt) => pauseBefore(attempt, { random })), [500, 1000, 2000, 15_000]);
  assert.equal(pauseBefore(0, { random: () => 0 }), 250);
});

test("the watchdog barks only while pictures are expected", () => {
  const dog = new Watchdog({ firstMs: 8000, nextMs: 4000 });
  assert.equal(dog.isStalled(99_000), false);
  dog.expect(true, 1000);
  assert.equal(dog.isStalled(8999), false);
  assert.equal(dog.isStalled(9000), true);
});

test("each new picture buys time", () => {
  const dog = new Watchdog({ firstMs: 8000, nextMs: 4000 });
  dog.expect(true, 0);
  assert.equal(dog.see(1, 500), true);
  assert.equal(dog.see(1, 4000), false);
  assert.equal(dog.isStalled(4499), false);
  assert.equal(dog.isStalled(4500), true);
});

test("a pause in expecting starts the wait anew", () => {
  const dog = new Watchdog({ firstMs: 8000, nextMs: 4000 });
  dog.expect(true, 0);
  dog.see(1, 0);
  dog.expect(false, 1000);
  assert.equal(dog.isStalled(60_000), false);
  dog.expect(true, 60_000);
  dog.expect(true, 63_000); // told again: nothing changes
  assert.equal(dog.isStalled(63_999), false);
  assert.equal(dog.isStalled(64_000), true);
});
