/**
 * Talking through the camera: one state word. A press asks for the floor and for the microphone at the same time; a release
 * gives both back. It knows nothing of the page.
 *
 * Event: `state`, whenever `state`, `reason` or `isHandsFree` changed.
 */

import { microphoneObstacle } from "./microphone.js";

const TAIL_MS = 250; // people release with the last syllable on their lips, and it travels for a while
const HINT_MS = 8_000;
const HINTS = ["hold", "ready"]; // what needs no second reading
/** @type {(string | null)[]} */
const WAITING = [null, "unanswered"];

/** @typedef {"off" | "asking" | "on" | "refused"} TalkState */

export class Talking extends EventTarget {
  /** @type {TalkState} */
  state = "off";
  /** @type {string | null} the code of why not, or of a hint; talk-words.js explains it */
  reason = null;
  /** Whose doing it is, or what the camera says about it, where that matters. */
  detail = "";
  isHandsFree = false;

  #turn = 0; // what belongs to an earlier press is ignored
  #waits = false; // for the person's answer, and so without the floor
  #tailTimer = 0;
  #hintTimer = 0;

  /**
   * @param {import("./line.js").Line} line
   * @param {import("./microphone.js").Microphone} microphone
   */
  constructor(line, microphone) {
    super();
    this.line = line;
    this.microphone = microphone;
    line.addEventListener("sound", () => this.#see());
    line.addEventListener("down", () => this.#cut());
    microphone.addEventListener("gone", () => this.isBusy && this.#end("refused", "microphone-gone"));
    microphone.addEventListener("prompt", () => this.state === "asking" && this.#wait());
    microphone.addEventListener("ready", () => WAITING.includes(this.reason) && !this.isBusy && this.#say("off", "ready"));
  }

  /** @returns {boolean} whether a press is under way */
  get isBusy() {
    return this.state === "asking" || this.state === "on";
  }

  /**
   * @param {{take?: boolean, handsFree?: boolean}} [how] `take`: from whoever talks, which only the owner may
   */
  press({ take = false, handsFree = false } = {}) {
    clearTimeout(this.#tailTimer);
    if (this.isBusy) {
      this.isHandsFree = handsFree;
      return this.#say(this.state, this.reason);
    }
    const obstacle = this.#obstacle();
    if (obstacle) return this.#say("refused", obstacle);
    this.isHandsFree = handsFree;
    return void this.#begin(take);
  }

  /** The press is over. @param {{short?: boolean}} [how] `short`: too short to say anything */
  release({ short = false } = {}) {
    if (this.isHandsFree || !this.isBusy) return;
    const hint = short ? "hold" : null;
    clearTimeout(this.#tailTimer);
    if (this.state === "on") this.#tailTimer = setTimeout(() => this.#end("off", hint), TAIL_MS);
    else this.#end("off", hint ?? (this.reason === "prompt" ? "unanswered" : null));
  }

  /** Hands-free, on and off. */
  toggle() {
    if (this.isHandsFree) this.stop();
    else this.press({ handsFree: true });
  }

  /** Ends it at once. */
  stop() {
    if (this.isBusy) this.#end("off");
  }

  /** Nobody is here any more: not even the microphone is kept. */
  leave() {
    this.stop();
    this.microphone.giveBack();
  }

  /** @returns {string | null} what makes it useless to ask */
  #obstacle() {
    if (!this.line.can.includes("talk")) return "not-allowed";
    if (!this.line.isUp) return "not-connected";
    if (this.line.sound && !this.line.sound.talk.possible) return "no-loudspeaker";
    if (this.line.sound?.talk.muted) return "loudspeaker-muted";
    return microphoneObstacle();
  }

  /** @param {boolean} take */
  async #begin(take) {
    const turn = ++this.#turn;
    const wish = take ? { on: true, take } : { on: true };
    this.#waits = false;
    this.#say("asking");
    try {
      await Promise.all([this.line.request("talk", wish), this.#voice(turn)]);
      if (turn === this.#turn && this.#waits) await this.line.request("talk", wish);
      if (turn !== this.#turn) return;
      if (this.line.hasFloor()) this.#say("on");
      else this.#end("refused", "floor-lost");
    } catch (problem) {
      if (turn === this.#turn) this.#end("refused", this.#codeOf(/** @type {any} */ (problem)));
    }
  }

  /** The browser asks the person, who may take their time: others may talk meanwhile. */
  #wait() {
    this.#waits = true;
    this.line.request("talk", { on: false }).catch(() => {});
    this.#say("asking", "prompt");
  }

  /** @param {number} turn */
  async #voice(turn) {
    const track = await this.microphone.take();
    if (turn === this.#turn) await this.line.speak(track);
  }

  /** @param {{code?: string}} problem @returns {string} */
  #codeOf({ code = "microphone-failed" }) {
    if (code === "floor-taken" && this.line.sound?.talk.several) return "floor-full";
    return ["closed", "no-answer", "refused"].includes(code) ? "not-connected" : code;
  }

  /**
   * @param {TalkState} state
   * @param {string | null} [reason]
   */
  #end(state, reason = null) {
    this.#turn += 1;
    clearTimeout(this.#tailTimer);
    this.isHandsFree = false;
    const lost = () => {}; // with the connection the floor is given back as well
    this.line.speak(null).catch(lost);
    this.microphone.giveBackSoon();
    if (state === "off" && this.line.sound?.talk.trouble) this.#say("refused", "loudspeaker-trouble");
    else this.#say(state, reason);
    this.line.request("talk", { on: false }).catch(lost);
  }

  /** The connection is gone: whoever comes back does not talk without another press. */
  #cut() {
    if (this.isBusy) this.#end("refused", "connection-lost");
    this.microphone.giveBack();
  }

  /** The camera said something new. */
  #see() {
    const talk = this.line.sound?.talk;
    if (!talk) return;
    if (this.state === "on" && !this.line.hasFloor()) this.#end("refused", "floor-lost");
    else if (this.isBusy && talk.muted) this.#end("refused", "loudspeaker-muted");
    else if (this.reason === "connection-lost" && !this.line.can.includes("talk")) this.#say("refused", "not-allowed");
    else if (this.reason === "loudspeaker-muted" && !talk.muted) this.#say("off");
    else if (this.reason?.startsWith("floor-") && talk.talkers.length === 0) this.#say("off");
  }

  /**
   * @param {TalkState} state
   * @param {string | null} [reason]
   */
  #say(state, reason = null) {
    this.state = state;
    this.reason = reason;
    const said = reason === "loudspeaker-trouble" ? this.line.sound?.talk.trouble : this.line.others()[0];
    this.detail = said ?? "";
    clearTimeout(this.#hintTimer);
    if (HINTS.includes(reason ?? "")) this.#hintTimer = setTimeout(() => this.#say("off"), HINT_MS);
    this.dispatchEvent(new Event("state"));
  }
}
