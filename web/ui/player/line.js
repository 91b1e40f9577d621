/**
 * The connection as sound needs it: what the camera says about its sound, questions to it, and the one way out for a
 * voice. It outlives sockets and transports: the player hands it each new one.
 *
 * Events: `sound` (something in `sound`, `can` or `isOwner` changed), `up` (there is a camera to ask) and `down`.
 */

import { Refusal } from "./signalling.js";

export class Line extends EventTarget {
  /** @type {import("./types.js").Sound | null} as the camera said last */
  sound = null;
  /** @type {string[]} what the person may do here */
  can = [];
  isOwner = false;
  isUp = false;
  /** Whether the person wants to hear something; it is asked for again after each reconnection. */
  wanted = false;

  #viewer = "";
  #offered = false;
  /** @type {import("./signalling.js").Signalling | null} */
  #signalling = null;
  /** @type {import("./types.js").Transport | null} */
  #transport = null;

  /** @param {import("./signalling.js").Signalling} signalling a new one, still closed */
  follow(signalling) {
    this.#signalling = signalling;
    signalling.addEventListener("hello", (event) => this.#greeted(detail(event)));
    signalling.addEventListener("sound", (event) => this.#tell(detail(event).sound));
  }

  /** @param {import("./types.js").Transport} transport a new one, before its offer */
  use(transport) {
    this.#transport = transport;
    transport.addEventListener("answered", (event) => this.#answered(transport, detail(event).viewer));
    transport.addEventListener("closed", () => this.#closed(transport));
  }

  /** @returns {boolean} whether the offer that leaves now asks for sound */
  offer() {
    this.#offered = this.wanted;
    return this.wanted;
  }

  /**
   * @param {boolean} wanted
   * @returns {Promise<void>} rejects with a `Refusal`; without a connection the next offer says it
   */
  async want(wanted) {
    this.wanted = wanted;
    if (!this.isUp) return;
    this.#offered = wanted;
    const { sound } = await this.request("sound", { on: wanted });
    this.#tell(sound);
  }

  /**
   * @param {string} type
   * @param {object} fields
   * @returns {Promise<any>} the answer; rejects with a `Refusal`
   */
  request(type, fields) {
    if (!this.isUp || !this.#signalling) return Promise.reject(new Refusal({ code: "closed" }));
    return this.#signalling.request(type, fields);
  }

  /**
   * Sends this voice instead of the one before, without another offer.
   * @param {MediaStreamTrack | null} track
   */
  async speak(track) {
    await this.#transport?.speak(track);
  }

  /** @returns {boolean} whether this page has the floor */
  hasFloor() {
    return this.#talkers().some(({ viewer }) => viewer === this.#viewer);
  }

  /** @returns {string[]} the names of the others who talk */
  others() {
    return this.#talkers()
      .filter(({ viewer }) => viewer !== this.#viewer)
      .map(({ name }) => name);
  }

  /** @returns {{viewer: string, name: string}[]} */
  #talkers() {
    return this.sound?.talk.talkers ?? [];
  }

  /** @param {import("./types.js").Hello} hello */
  #greeted({ can, owner, sound }) {
    this.can = can;
    this.isOwner = owner === true;
    this.#tell(sound ?? null);
  }

  /** @param {import("./types.js").Sound | null} sound */
  #tell(sound) {
    this.sound = sound;
    this.dispatchEvent(new Event("sound"));
  }

  /**
   * @param {import("./types.js").Transport} transport
   * @param {string} viewer its id among those who talk
   */
  #answered(transport, viewer) {
    if (transport !== this.#transport) return;
    this.#viewer = viewer;
    this.isUp = true;
    if (this.wanted !== this.#offered) this.want(this.wanted).catch(() => {}); // changed while the offer was away
    this.dispatchEvent(new Event("up"));
  }

  /** @param {import("./types.js").Transport} transport */
  #closed(transport) {
    if (transport !== this.#transport) return;
    const wasUp = this.isUp;
    this.isUp = false;
    this.#viewer = "";
    this.#transport = null;
    if (this.sound) this.sound = { ...this.sound, talk: { ...this.sound.talk, talkers: [] } }; // who talks is not known now
    if (wasUp) this.dispatchEvent(new Event("down"));
  }
}

const detail = (/** @type {any} */ event) => event.detail;
