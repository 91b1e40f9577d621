import assert from "node:assert/strict";
import test from "node:test";

import { fill } from "../player/texts.js";
import { recognise } from "../player/troubles.js";

const MESSAGES = {
  "There is no host named %(host)s.": "Aucune machine ne s’appelle %(host)s.",
  "At %(place)s (port %(port)s)?": "À %(place)s (port %(port)s) ?",
  "The camera went silent.": "La caméra ne donne plus signe de vie.",
};

test("placeholders are filled, unknown ones stay", () => {
  assert.equal(fill("%(count)s of %(all)s", { count: 2 }), "2 of %(all)s");
  assert.equal(fill("100 %", {}), "100 %");
});

test("a server's sentence is recognised by what stands around its changing part", () => {
  assert.deepEqual(recognise("The camera went silent.", MESSAGES), { message: "The camera went silent.", values: {} });
  const found = recognise("There is no host named a.(b)$&.", MESSAGES);
  assert.equal(found?.message, "There is no host named %(host)s.");
  assert.equal(found?.values.host, "a.(b)$&");
  assert.equal(fill(MESSAGES[found.message], found.values), "Aucune machine ne s’appelle a.(b)$&.");
  assert.deepEqual({ ...recognise("At home (port 7)?", MESSAGES)?.values }, { place: "home", port: "7" });
  assert.equal(recognise("There is no host named", MESSAGES), null);
});
