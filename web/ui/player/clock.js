/**
 * The camera's clock as this page knows it, and the delay of a picture. Nothing here touches the page or the network.
 */

/**
 * @typedef {{encode: number | null, hub: number | null, send: number | null, camera: number | null}} Spent   medians in
 *   milliseconds, as the clock message has them; `camera`: from capture until a picture has left it
 */

const RTP_TICKS_PER_MS = 90;
const MEMORY_MS = 60_000; // two quartz clocks drift apart by some ms in a minute, so an older exchange proves nothing

/**
 * The signed distance from one RTP timestamp to another, across the 32-bit wrap.
 * @param {number} from
 * @param {number} to
 * @returns {number} ticks, between -2³¹ and 2³¹ - 1
 */
export function rtpDistance(from, to) {
  return (to - from) | 0;
}

/**
 * @param {number[]} values
 * @returns {number | null}
 */
export function median(values) {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = /** @type {number} */ (sorted[middle]);
  if (sorted.length % 2 === 1) return upper;
  return (/** @type {number} */ (sorted[middle - 1]) + upper) / 2;
}

/**
 * Learns the offset between `performance.now()` here and the camera's monotonic clock. Of all recent exchanges the one
 * with the shortest round trip has the least room for error, so that one alone counts.
 */
export class CameraClock {
  /** @type {{received: number, roundTrip: number, offset: number}[]} */
  #exchanges = [];
  /** @type {{timestamp: number, captured: number} | null} */
  #reference = null;
  /** @type {Spent | null} what pictures spend at the camera, as it told last */
  spent = null;
  /** @type {string | null} which of the camera's renditions comes, as it told last */
  rendition = null;
  /** @type {string | null} why that one, as it told last */
  why = null;

  /**
   * @param {{sent: number, received: number, server: number, rtp: {timestamp: number, captured: number} | null,
   *   spent?: Spent | null}} exchange all times in milliseconds
   */
  add({ sent, received, server, rtp, spent = null }) {
    const roundTrip = received - sent;
    if (!(roundTrip >= 0) || !Number.isFinite(server)) return;
    const recent = this.#exchanges.filter((one) => received - one.received < MEMORY_MS);
    this.#exchanges = [...recent, { received, roundTrip, offset: server - (sent + received) / 2 }];
    if (rtp) this.#reference = rtp;
    this.spent = spent;
  }

  /** RTP timestamps start anywhere: a new connection makes the old reference worthless. */
  forgetPictures() {
    this.#reference = this.spent = this.rendition = this.why = null;
  }

  /** @returns {number | null} what to add to `performance.now()` to get the camera's clock */
  get offset() {
    const [first, ...others] = this.#exchanges;
    if (!first) return null;
    return others.reduce((best, one) => (one.roundTrip < best.roundTrip ? one : best), first).offset;
  }

  /**
   * @param {number} timestamp an RTP timestamp
   * @returns {number | null} when that picture was captured, on the camera's clock
   */
  captured(timestamp) {
    if (!this.#reference) return null;
    return this.#reference.captured + rtpDistance(this.#reference.timestamp, timestamp) / RTP_TICKS_PER_MS;
  }

  /**
   * @param {import("./types.js").Picture} picture
   * @returns {number | null} milliseconds from capture to the screen
   */
  delay({ at, captured }) {
    const offset = this.offset;
    if (offset === null || captured === null) return null;
    return at + offset - captured;
  }
}

/** The delay to show: the median of the last second, so that one late picture does not make the number jump. */
export class DelayMeter {
  /** @type {{at: number, delay: number}[]} */
  #recent = [];

  /**
   * @param {number} at
   * @param {number} delay
   */
  add(at, delay) {
    this.#recent.push({ at, delay });
    this.#forget(at);
  }

  /**
   * @param {number} now
   * @returns {number | null} whole milliseconds; null when nothing was shown for a second
   */
  read(now) {
    this.#forget(now);
    const middle = median(this.#recent.map((one) => one.delay));
    // The two clocks agree to half a round trip only, so a very short delay may come out below nothing.
    return middle === null ? null : Math.max(0, Math.round(middle));
  }

  clear() {
    this.#recent = [];
  }

  /** @param {number} now */
  #forget(now) {
    this.#recent = this.#recent.filter((one) => now - one.at < 1000);
  }
}
