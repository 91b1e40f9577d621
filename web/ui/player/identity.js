/**
 * Whether it is the camera itself that answers an offer, and nobody in between (docs/protocol.md, "Who answers").
 *
 * Event: `change` (something in `state` or `key` did).
 */

import { bytesOf, checkedKey } from "./pin.js";

const CONTEXT = "pi-cam.v1\nmedia";

/** The code of a problem: an answer that the remembered camera did not sign. */
export const FORGED = "forged";

/** One page's memory of the camera's key, and what came of it. */
export class Identity extends EventTarget {
  /**
   * `unknown`: nothing was answered yet. `unverified`: this browser remembers no key. `verified`: the remembered camera
   * signed the answer. `forged`: it did not.
   * @type {"unknown" | "unverified" | "verified" | "forged"}
   */
  state = "unknown";
  /** @type {string | null} the key that signed the last answer, for people to compare; nobody vouches for it */
  key = null;

  /** @param {string | null} pin the camera's public key, if this browser remembers it */
  constructor(pin) {
    super();
    this.pin = pin;
  }

  /** @returns {string} for one offer: whoever signed an older one cannot have known it */
  nonce() {
    return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  /**
   * @param {{camera: string, nonce: string, offer: string}} asked
   * @param {{sdp: string, key?: unknown, signature?: unknown}} answer
   * @returns {Promise<boolean>} whether the connection may be used
   */
  async check({ camera, nonce, offer }, { sdp, key, signature }) {
    const claimed = checkedKey(key);
    const known = this.pin ?? claimed;
    const isSigned = known !== null && (await isGood(known, signature, { camera, nonce, offer, answer: sdp }));
    this.key = isSigned ? known : null;
    this.state = this.pin === null ? "unverified" : isSigned ? "verified" : "forged";
    this.dispatchEvent(new Event("change"));
    return this.state !== "forged";
  }
}

/**
 * @param {string} key
 * @param {unknown} signature
 * @param {{camera: string, nonce: string, offer: string, answer: string}} said
 * @returns {Promise<boolean>} false also where this browser cannot tell
 */
async function isGood(key, signature, { camera, nonce, offer, answer }) {
  try {
    const text = [CONTEXT, camera, nonce, await digest(offer), await digest(answer)].join("\n");
    const known = await crypto.subtle.importKey("raw", bytesOf(key), "Ed25519", false, ["verify"]);
    const given = bytesOf(String(signature));
    return given.length === 64 && (await crypto.subtle.verify("Ed25519", known, given, new TextEncoder().encode(text)));
  } catch {
    return false;
  }
}

/** @param {string} text @returns {Promise<string>} SHA-256 in hex */
async function digest(text) {
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
