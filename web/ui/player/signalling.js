/**
 * The live WebSocket, as docs/protocol.md describes it: requests with answers, messages without, and the clock.
 */

const SUBPROTOCOL = "pi-cam.v1";
const ANSWER_MS = 15_000;
const QUICK_CLOCKS = 5;
const QUICK_MS = 60;
const LIVE_MS = 1_000;
const QUIET_MS = 20_000; // the camera gives up on a socket that is silent for a minute

/** What the camera answered instead of what was asked for. */
export class Refusal extends Error {
  /** @param {{code?: string, status?: number, detail?: string}} message */
  constructor({ code, status, detail }) {
    super(detail ?? code ?? "refused");
    this.code = code ?? "refused";
    this.status = status ?? 500;
  }
}

/**
 * Events: `hello`, `state`, `end`, `error` (detail: the message) and `close` (detail: the close code, 1006 when the
 * socket never opened or broke).
 */
export class Signalling extends EventTarget {
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {Map<string, {resolve: (answer: any) => void, reject: (reason: Error) => void, timer: number}>} */
  #asked = new Map();
  #lastId = 0;
  #clockTimer = 0;
  #clocks = 0;
  #live = false;
  /** @type {RTCIceServer[]} */
  #iceServers = [];
  #iceUntil = Infinity;

  /** Whether a relay is lent to this page; `missing`: it should be. @type {"none" | "ready" | "missing"} */
  relay = "none";

  /**
   * @param {string} url
   * @param {import("./clock.js").CameraClock} clock learns from every exchange
   * @param {() => object} shown the delay that the page shows, told to the camera
   */
  constructor(url, clock, shown) {
    super();
    this.url = url;
    this.clock = clock;
    this.shown = shown;
  }

  open() {
    const socket = new WebSocket(this.url, SUBPROTOCOL);
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onclose = ({ code }) => this.#closed(code);
    this.#socket = socket;
  }

  /** Says goodbye and closes. No event follows. */
  close() {
    const socket = this.#socket;
    if (!socket) return;
    this.send("bye");
    socket.onmessage = socket.onclose = null;
    socket.close(1000);
    this.#forget();
  }

  /**
   * @param {string} type
   * @param {object} [fields]
   */
  send(type, fields = {}) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    this.#socket.send(JSON.stringify({ v: 1, type, ...fields }));
  }

  /**
   * @param {string} type
   * @param {object} fields
   * @returns {Promise<any>} the answer; rejects with a `Refusal`
   */
  request(type, fields) {
    const id = String(++this.#lastId);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#settle(id)?.reject(new Refusal({ code: "no-answer" })), ANSWER_MS);
      this.#asked.set(id, { resolve, reject, timer });
      this.send(type, { id, ...fields });
    });
  }

  /** @returns {Promise<RTCIceServer[]>} by which the camera is found; those of a relay are good for a while only */
  async iceServers() {
    if (performance.now() >= this.#iceUntil) this.#keepIce(await this.request("ice", {}));
    return this.#iceServers;
  }

  /** @param {{ice_servers: RTCIceServer[], ice_seconds?: number | null, relay?: "none" | "ready" | "missing"}} given */
  #keepIce({ ice_servers, ice_seconds, relay }) {
    this.#iceServers = ice_servers;
    this.#iceUntil = ice_seconds == null ? Infinity : performance.now() + ice_seconds * 1000;
    this.relay = relay ?? "none";
  }

  /**
   * Asks for the time every second while pictures flow, five times quickly at first; rarely otherwise.
   * @param {boolean} live
   */
  keepTime(live) {
    if (live === this.#live && this.#clockTimer) return;
    this.#live = live;
    this.#clocks = 0;
    clearTimeout(this.#clockTimer);
    this.#askTime();
  }

  #askTime() {
    if (!this.#socket) return;
    const sent = performance.now();
    this.request("clock", { sent, ...this.shown() }).then(
      ({ server, rtp = null, stages = null, rendition = null, why = null }) => {
        this.clock.add({ sent, received: performance.now(), server, rtp, spent: stages });
        this.clock.rendition = rendition;
        this.clock.why = why;
      },
      () => {}, // a lost exchange is replaced by the next one; a lost socket says so itself
    );
    this.#clocks += 1;
    const pause = this.#clocks < QUICK_CLOCKS ? QUICK_MS : this.#live ? LIVE_MS : QUIET_MS;
    this.#clockTimer = setTimeout(() => this.#askTime(), pause);
  }

  /** @param {unknown} data */
  #receive(data) {
    const message = parse(data);
    if (!message) return;
    if (message.type === "hello") this.#keepIce(/** @type {any} */ (message));
    const asked = typeof message.id === "string" ? this.#settle(message.id) : undefined;
    if (asked && message.type === "error") asked.reject(new Refusal(message));
    else if (asked) asked.resolve(message);
    else this.dispatchEvent(new CustomEvent(message.type, { detail: message }));
  }

  /** @param {string} id */
  #settle(id) {
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    clearTimeout(asked?.timer);
    return asked;
  }

  /** @param {number} code */
  #closed(code) {
    this.#forget();
    this.dispatchEvent(new CustomEvent("close", { detail: code }));
  }

  #forget() {
    this.#socket = null;
    clearTimeout(this.#clockTimer);
    for (const id of [...this.#asked.keys()]) this.#settle(id)?.reject(new Refusal({ code: "closed" }));
  }
}

/**
 * @param {unknown} data
 * @returns {Record<string, any> | null} null for what this version does not know
 */
export function parse(data) {
  if (typeof data !== "string") return null;
  try {
    const message = JSON.parse(data);
    return message !== null && typeof message === "object" && message.v === 1 && typeof message.type === "string"
      ? message
      : null;
  } catch {
    return null;
  }
}
