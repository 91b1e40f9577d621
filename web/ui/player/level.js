/**
 * The little level in the sound button, and whether anything is heard at all.
 */

import { LevelMeter } from "./meter.js";
import { find } from "./stage.js";

const LEVEL_MS = 50;
const CALM_MS = 1_000; // for people who want nothing to move
const NOTHING_MS = 5_000;

/**
 * @param {import("./listening.js").Listening} listening
 * @param {import("./player.js").Player} player
 * @returns {Silence} why nothing is heard
 */
export function followLevel(listening, player) {
  const meter = new LevelMeter();
  const silence = new Silence();
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let readAt = 0;
  let frame = 0;
  const draw = (/** @type {number} */ now) => {
    frame = requestAnimationFrame(draw);
    if (now - readAt < (calm.matches ? CALM_MS : LEVEL_MS)) return;
    readAt = now;
    find("#level", HTMLElement).style.setProperty("--level", meter.read(player.video.srcObject).toFixed(3));
    const isExpected = meter.heard === false && player.state === "live";
    silence.see(isExpected, player.line.sound?.source === "camera" ? "nothing-brought" : "nothing-heard", now);
  };
  let wasOn = false;
  listening.addEventListener("state", () => {
    if (listening.isOn === wasOn) return;
    wasOn = listening.isOn;
    meter.clear();
    silence.see(false, "", 0);
    cancelAnimationFrame(frame); // off and on again within a frame, or in a hidden tab, else makes two loops
    if (wasOn) frame = requestAnimationFrame(draw);
  });
  return silence;
}

/** Says so when nothing was heard for a while. Event: `state`, whenever `reason` changed. */
export class Silence extends EventTarget {
  /** @type {string | null} */
  reason = null;
  /** @type {number | null} */
  #since = null;

  /**
   * @param {boolean} isSilent
   * @param {string} reason
   * @param {number} now
   */
  see(isSilent, reason, now) {
    this.#since = isSilent ? (this.#since ?? now) : null;
    const said = this.#since !== null && now - this.#since >= NOTHING_MS ? reason : null;
    if (said === this.reason) return;
    this.reason = said;
    this.dispatchEvent(new Event("state"));
  }
}
