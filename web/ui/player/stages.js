/**
 * The delay, and where it comes from, stage by stage. The camera tells what pictures spend there, by the clock message; the
 * rest is told by the browser, where it says when it received a picture. What nobody knows is null.
 */

import { DelayMeter } from "./clock.js";

/**
 * @typedef {{encode: number | null, hub: number | null, send: number | null, network: number | null,
 *   display: number | null}} Stages   milliseconds
 */

/** @type {Readonly<Stages>} */
export const UNKNOWN_STAGES = Object.freeze({ encode: null, hub: null, send: null, network: null, display: null });

export class StageMeter {
  /** @type {number | null} whole milliseconds, from capture to the screen */
  delay = null;
  /** @type {Readonly<Stages>} */
  stages = UNKNOWN_STAGES;

  #whole = new DelayMeter();
  #arrival = new DelayMeter(); // from capture until a picture was received
  #display = new DelayMeter();

  /** @param {import("./clock.js").CameraClock} clock */
  constructor(clock) {
    this.clock = clock;
  }

  /** @returns {{rendition: string | null, why: string | null}} what comes of the camera, and why that */
  get gets() {
    const { rendition, why } = this.clock;
    return { rendition, why };
  }

  /** What the camera is told. */
  get told() {
    const { network, display } = this.stages;
    return { delay_ms: this.delay, stages: { network, display } };
  }

  /** @param {import("./types.js").Picture} picture */
  add({ at, captured, received = null }) {
    const whole = this.clock.delay({ at, captured });
    if (whole === null) return;
    this.#whole.add(at, whole);
    if (received === null) return;
    this.#arrival.add(at, whole - (at - received));
    this.#display.add(at, at - received);
  }

  /** @param {number} now */
  read(now) {
    const { encode = null, hub = null, send = null, camera = null } = this.clock.spent ?? {};
    const arrival = this.#arrival.read(now);
    const network = arrival === null || camera === null ? null : Math.max(0, Math.round((arrival - camera) * 10) / 10);
    this.delay = this.#whole.read(now);
    this.stages = this.delay === null ? UNKNOWN_STAGES : { encode, hub, send, network, display: this.#display.read(now) };
  }

  clear() {
    for (const meter of [this.#whole, this.#arrival, this.#display]) meter.clear();
  }
}
