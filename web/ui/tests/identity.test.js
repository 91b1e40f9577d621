import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { Identity } from "../player/identity.js";
import { canCheck, checkedKey, codeOf, keepPin, readPin } from "../player/pin.js";

globalThis.crypto ??= (await import("node:crypto")).webcrypto;
const kept = new Map();
globalThis.localStorage = {
  getItem: (name) => kept.get(name) ?? null,
  setItem: (name, value) => kept.set(name, value),
  removeItem: (name) => kept.delete(name),
};

// Made with Python's cryptography from the private key 00 01 … 1f, for the values of SAID (tests/unit/test_media_identity.py).
const KEY = "A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg";
const CODE = "kzdv-vj2u-mndu-yauf-35o3";
const SIGNATURE = "dIt9fhI7VAMWyD8Rtz78obNADdSKosBjFnuP5-1yVxMtdhx2wc18QljAyp27ajGA7bq9hUdn69aGFcpzMIYbBA";
const SAID = { camera: "main", nonce: "0123456789abcdef", offer: "v=0\r\no=browser\r\n" };
const ANSWER = { sdp: "v=0\r\no=camera\r\n", key: KEY, signature: SIGNATURE };
const OTHER = "_".repeat(42) + "8";

const base64url = (bytes) => Buffer.from(bytes).toString("base64url");

/** Another device, or somebody in between: signs whatever it is given. */
async function somebodyElse() {
  const { publicKey, privateKey } = await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]);
  const hex = async (text) => Buffer.from(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))).toString("hex");
  const sign = async ({ camera, nonce, offer }, sdp) => {
    const text = ["pi-cam.v1\nmedia", camera, nonce, await hex(offer), await hex(sdp)].join("\n");
    const key = base64url(await crypto.subtle.exportKey("raw", publicKey));
    return { sdp, key, signature: base64url(await crypto.subtle.sign("Ed25519", privateKey, new TextEncoder().encode(text))) };
  };
  return sign;
}

beforeEach(() => kept.clear());

test("what the device signs in Python holds here", async () => {
  const identity = new Identity(KEY);
  assert.ok(await identity.check(SAID, ANSWER));
  assert.deepEqual([identity.state, identity.key], ["verified", KEY]);
});

test("a remembered key: nothing but that device's word for exactly this is taken", async () => {
  const sign = await somebodyElse();
  const wrong = [
    [SAID, { sdp: ANSWER.sdp }],
    [SAID, { ...ANSWER, signature: undefined }],
    [SAID, { ...ANSWER, signature: "" }],
    [SAID, { ...ANSWER, signature: SIGNATURE.slice(0, -4) }],
    [SAID, { ...ANSWER, signature: { toString: () => SIGNATURE.replace("A", "B") } }],
    [SAID, { ...ANSWER, sdp: ANSWER.sdp.replace("camera", "cam") }],
    [{ ...SAID, offer: "v=0\r\no=other\r\n" }, ANSWER],
    [{ ...SAID, nonce: "fedcba9876543210" }, ANSWER],
    [{ ...SAID, camera: "door" }, ANSWER],
    [SAID, await sign(SAID, ANSWER.sdp)],
    [SAID, { ...(await sign(SAID, ANSWER.sdp)), key: KEY }],
  ];
  for (const [asked, answer] of wrong) {
    const identity = new Identity(KEY);
    assert.equal(await identity.check(asked, answer), false, JSON.stringify([asked, answer]));
    assert.deepEqual([identity.state, identity.key], ["forged", null]);
  }
});

test("without a remembered key anybody is let through, and nobody is called verified", async () => {
  const sign = await somebodyElse();
  const theirs = await sign(SAID, "v=0\r\no=evil\r\n");
  for (const [answer, shown] of [
    [ANSWER, KEY],
    [theirs, theirs.key],
    [{ ...ANSWER, signature: theirs.signature }, null],
    [{ sdp: "v=0" }, null],
    [{ sdp: "v=0", key: 7, signature: [] }, null],
  ]) {
    const identity = new Identity(null);
    assert.ok(await identity.check(SAID, answer));
    assert.deepEqual([identity.state, identity.key], ["unverified", shown]);
  }
});

test("a browser that cannot check does not take its word for it", async () => {
  const real = crypto.subtle.verify;
  crypto.subtle.verify = async () => {
    throw new DOMException("no Ed25519 here", "NotSupportedError");
  };
  try {
    assert.equal(await new Identity(KEY).check(SAID, ANSWER), false);
    const identity = new Identity(null);
    assert.ok(await identity.check(SAID, ANSWER));
    assert.deepEqual([identity.state, identity.key], ["unverified", null]);
  } finally {
    crypto.subtle.verify = real;
  }
});

test("each change is told", async () => {
  const identity = new Identity(KEY);
  const seen = [];
  identity.addEventListener("change", () => seen.push(identity.state));
  await identity.check(SAID, ANSWER);
  await identity.check(SAID, { sdp: "v=0" });
  assert.deepEqual(seen, ["verified", "forged"]);
});

test("every offer has a nonce of its own, as the camera takes it", () => {
  const identity = new Identity(null);
  const nonces = new Set(Array.from({ length: 50 }, () => identity.nonce()));
  assert.equal(nonces.size, 50);
  for (const nonce of nonces) assert.match(nonce, /^[\w-]{16,64}$/);
});

test("a key is remembered, replaced and forgotten", () => {
  assert.equal(readPin(), null);
  assert.ok(keepPin(KEY));
  assert.equal(readPin(), KEY);
  assert.ok(keepPin(OTHER));
  assert.equal(readPin(), OTHER);
  assert.ok(keepPin(null));
  assert.equal(readPin(), null);
});

test("what was kept and is no key counts for nothing", () => {
  for (const text of ["", "x", KEY + "A", `${KEY.slice(1)}=`, "<script>"]) {
    kept.set("pi-cam.pin", text);
    assert.equal(readPin(), null);
    assert.equal(checkedKey(text), null);
  }
});

test("a browser that keeps nothing says so", () => {
  const real = localStorage.setItem;
  localStorage.setItem = () => {
    throw new DOMException("full", "QuotaExceededError");
  };
  assert.equal(keepPin(KEY), false);
  localStorage.setItem = real;
  assert.equal(readPin(), null);
});

test("the code is the id that the device shows itself", async () => {
  assert.equal(await codeOf(KEY), CODE);
  assert.ok(await canCheck());
});
