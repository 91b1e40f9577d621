import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

const page = new EventTarget();
globalThis.addEventListener = page.addEventListener.bind(page);
globalThis.document = new EventTarget();
globalThis.Element = class {};
const { listenToHolding } = await import("../player/holding.js");
const { listenToHeldKey } = await import("../player/keys.js");

let said = [];
let button;

function happen(target, name, at, more = {}) {
  const event = new Event(name, { cancelable: true });
  Object.defineProperty(event, "timeStamp", { value: at });
  for (const [key, value] of Object.entries(more)) Object.defineProperty(event, key, { value });
  target.dispatchEvent(event);
  return event;
}

const press = () => said.push("press");
const release = ({ short } = {}) => said.push(short ? "tap" : "release");

beforeEach(() => {
  said = [];
  button = Object.assign(new EventTarget(), { setPointerCapture: (id) => said.push(`captured ${id}`) });
  listenToHolding(button, { press, release, click: () => said.push("click") });
});

const finger = { button: 0, isPrimary: true, pointerId: 7 };

test("a finger that wanders still holds", () => {
  happen(button, "pointerdown", 0, finger);
  happen(button, "pointerup", 900, finger);
  happen(button, "lostpointercapture", 901, finger);
  happen(button, "click", 902, { detail: 1 });
  assert.deepEqual(said, ["captured 7", "press", "release"]);
});

test("a tap, a second finger, another button, a gesture of the system", () => {
  happen(button, "pointerdown", 0, finger);
  happen(button, "pointerdown", 50, { ...finger, isPrimary: false });
  happen(button, "pointercancel", 299, finger);
  happen(button, "pointerdown", 1000, { ...finger, button: 2 });
  assert.deepEqual(said, ["captured 7", "press", "tap"]);
  assert.ok(happen(button, "contextmenu", 0).defaultPrevented);
});

test("the keyboard on the button holds, and never clicks", () => {
  for (const key of [" ", "Enter"]) {
    said = [];
    assert.ok(happen(button, "keydown", 0, { key }).defaultPrevented);
    assert.ok(happen(button, "keydown", 500, { key, repeat: true }).defaultPrevented);
    assert.ok(happen(button, "keyup", 900, { key }).defaultPrevented);
    assert.deepEqual(said, ["press", "release"]);
  }
  assert.ok(!happen(button, "keydown", 0, { key: "Tab" }).defaultPrevented);
});

test("whoever goes elsewhere lets go", () => {
  happen(button, "keydown", 0, { key: " " });
  happen(button, "blur", 900);
  happen(button, "pointerdown", 1000, finger);
  happen(page, "blur", 2000);
  assert.deepEqual(said, ["press", "release", "captured 7", "press", "release"]);
});

test("a screen reader's press has no length", () => {
  happen(button, "click", 0, { detail: 0 });
  assert.deepEqual(said, ["click"]);
});

test("a key that is held", () => {
  listenToHeldKey("t", { press, release });
  const key = (name, more) => happen(document, name, 0, { key: "t", target: null, ...more });
  key("keydown");
  key("keydown", { repeat: true });
  key("keyup", { key: "x" });
  key("keyup", { key: "T" });
  key("keyup");
  key("keydown", { ctrlKey: true });
  assert.deepEqual(said, ["press", "release"]);
  key("keydown");
  happen(page, "blur", 0);
  assert.deepEqual(said, ["press", "release", "press", "release"]);
});
