/**
 * What the camera's refusals mean for the player: one table for close codes, one for statuses.
 *
 * @typedef {import("./types.js").State} State
 * @typedef {{state: State, reason: string | null, retryMs?: number}} Verdict
 */

import { FORGED } from "./identity.js";

/** @type {Record<number, Verdict>} */
const CLOSE_CODES = {
  4400: { state: "failed", reason: "bad-message", retryMs: 10_000 },
  4401: { state: "signed-out", reason: null },
  4403: { state: "failed", reason: "not-allowed" },
  4404: { state: "failed", reason: "not-found" },
  4409: { state: "stopped", reason: null },
  4429: { state: "busy", reason: "too-many-viewers", retryMs: 10_000 },
};

/**
 * @param {number} code
 * @returns {Verdict} `reconnecting` for whatever may pass by itself
 */
export function readClose(code) {
  return CLOSE_CODES[code] ?? { state: "reconnecting", reason: null };
}

/** @type {Record<number, State>} */
const STATUSES = { 401: "signed-out", 403: "failed", 404: "failed", 409: "stopped", 429: "busy" };

/**
 * @param {number} [status] as HTTP would say it
 * @param {string} [code]
 * @returns {State | null} null for what may pass by itself
 */
export function readRefusal(status, code) {
  if (code === "too-many-viewers") return "busy"; // a 503, which otherwise says little
  if (code === FORGED) return "failed"; // whoever is in between would only get further chances
  return STATUSES[status ?? 0] ?? null;
}

/**
 * @param {number} status
 * @param {string} [code]
 * @returns {string | null} the code of the problem, where the status alone says it
 */
export function reasonOf(status, code) {
  if (code === FORGED) return code;
  return { 403: "not-allowed", 404: "not-found" }[status] ?? null;
}
