/**
 * The player: one camera, one state word. It finds a way for the pictures, notices when they stop, and tries again by
 * itself. It knows nothing of the page but its video element.
 *
 * Events: `state` (detail: {state, reason}), `camera` (detail: Camera), `delay` (detail: milliseconds or null), `stages`
 * (where that comes from was looked up anew), `rung` (detail: the name of the transport in use, or "") and `refused` (the
 * browser wants a tap before it plays).
 */

import { liveUrl, readCamera } from "./api.js";
import { CameraClock } from "./clock.js";
import { Identity } from "./identity.js";
import { LADDER } from "./ladder.js";
import { Line } from "./line.js";
import { pauseBefore } from "./patience.js";
import { Signalling } from "./signalling.js";
import { StageMeter } from "./stages.js";
import { readClose, readRefusal, reasonOf } from "./verdicts.js";

const TRIES_PER_RUNG = 3;
const ASK_STOPPED_MS = 2_000;
const SLOW = { first: 5_000, longest: 60_000 };
const DELAY_EVENT_MS = 250;

export class Player extends EventTarget {
  state = /** @type {import("./types.js").State} */ ("idle");
  reason = /** @type {string | null} the code of what is wrong */ (null);
  camera = /** @type {import("./types.js").Camera | null} */ (null);
  can = /** @type {string[]} */ ([]);
  rung = "";
  /** @type {number | null} from `start` to the first picture */
  firstPictureMs = null;
  latency = /** @type {string | null} `smooth` or `low`; null: as the camera is set */ (null);
  /** What sound and talk need of the connection. */
  line = new Line();

  #clock = new CameraClock();
  meter = new StageMeter(this.#clock);
  /** @type {Signalling | null} */
  #signalling = null;
  /** @type {import("./types.js").Transport | null} */
  #transport = null;
  /** @type {import("./types.js").Hello | null} */
  #hello = null;
  #step = 0; // index into the rungs that this browser can use
  #failures = 0; // of transports, since the last picture
  #misses = 0; // of sockets, since the last hello
  #startedAt = 0;
  #retryTimer = 0;
  #delayTimer = 0;

  /**
   * @param {HTMLVideoElement} video
   * @param {string} cameraId
   * @param {{ladder?: import("./types.js").Rung[], identity?: Identity}} [options]
   */
  constructor(video, cameraId, { ladder = LADDER, identity = new Identity(null) } = {}) {
    super();
    this.video = video;
    this.cameraId = cameraId;
    this.identity = identity;
    this.ladder = ladder.filter((rung) => rung.obstacle() === null);
    this.obstacle = ladder[0]?.obstacle() ?? null;
  }

  /** Starts to watch; does nothing when it is watching already. */
  start() {
    if (this.state !== "idle") return;
    this.#startedAt = performance.now();
    this.firstPictureMs = null;
    this.#delayTimer = setInterval(() => this.#tellDelay(), DELAY_EVENT_MS);
    this.retry();
  }

  /** Ends the watching of this page; the camera goes on for others. */
  close() {
    clearInterval(this.#delayTimer);
    this.#hangUp();
    this.#say("idle");
    this.#tellDelay();
  }

  /** Tries again now, from the top of the ladder. */
  retry() {
    this.#step = this.#failures = this.#misses = 0;
    this.#connect("connecting");
  }

  /** Opens the socket, and prepares the transport meanwhile. @param {import("./types.js").State} [state] */
  #connect(state) {
    this.#hangUp();
    const rung = this.ladder[this.#step];
    if (!rung) return this.#say("failed", this.obstacle);
    if (state) this.#say(state);
    this.#prepare(rung);
    const signalling = (this.#signalling = new Signalling(liveUrl(this.cameraId), this.#clock, () => this.meter.told));
    this.line.follow(signalling);
    signalling.addEventListener("hello", (event) => this.#greeted(detail(event)));
    signalling.addEventListener("state", (event) => this.#see(detail(event).camera));
    signalling.addEventListener("end", (event) => this.#transportFailed(detail(event)));
    signalling.addEventListener("close", (event) => this.#socketClosed(detail(event)));
    signalling.open();
  }

  get delayMs() {
    return this.meter.delay;
  }

  /** @param {import("./types.js").Hello} hello */
  #greeted(hello) {
    this.#hello = hello;
    this.#misses = 0;
    this.can = hello.can;
    this.#see(hello.camera);
    this.#signalling?.keepTime(false);
    this.#startTransport();
  }

  /** @param {import("./types.js").Rung} rung */
  #prepare(rung) {
    const transport = rung.make();
    this.#transport = transport;
    this.line.use(transport);
    transport.addEventListener("picture", (event) => this.#pictured(rung, detail(event)));
    transport.addEventListener("failed", (event) => this.#transportFailed(detail(event)));
    transport.addEventListener("refused", () => this.dispatchEvent(new Event("refused")));
  }

  #startTransport() {
    const [signalling, clock] = [this.#signalling, this.#clock];
    if (!this.#transport || !signalling || !this.#hello) return;
    const { cameraId: camera, identity, latency } = this;
    this.#transport.start(this.video, { signalling, clock, sound: this.line.offer(), latency, camera, identity });
    this.#transport.expect(this.#isExpecting());
  }

  /** Another offer on the same socket. */
  #offerAgain() {
    const rung = this.ladder[this.#step];
    if (!rung || !this.#signalling) return this.#connect();
    this.#transport?.close();
    this.#prepare(rung);
    return this.#startTransport();
  }

  /**
   * @param {import("./types.js").Rung} rung
   * @param {import("./types.js").Picture} picture
   */
  #pictured(rung, picture) {
    this.firstPictureMs ??= performance.now() - this.#startedAt;
    this.#failures = 0;
    this.meter.add(picture);
    // The last pictures of a camera that was lost may still be on their way.
    if (this.camera?.state === "unreachable") return;
    if (this.state !== "live") this.#say("live");
    this.#useRung(this.#transport?.relayed ? "turn" : rung.name);
  }

  /** @param {import("./types.js").Camera} camera */
  #see(camera) {
    this.camera = camera;
    this.dispatchEvent(new CustomEvent("camera", { detail: camera }));
    this.#transport?.expect(this.#isExpecting());
    if (camera.state === "stopped" || camera.state === "privacy") this.#hold(camera.state);
    else if (camera.state === "unreachable") this.#say("unreachable", "source-unreachable");
    else if (this.state === "unreachable") this.#say("reconnecting");
  }

  /** @param {{code: string, status?: number}} problem */
  #transportFailed({ code: said, status }) {
    const code = said === "no-connection" && this.#signalling?.relay === "missing" ? "no-relay" : said;
    if (code === "replaced") return; // an end of our own making
    const verdict = readRefusal(status, code);
    if (verdict === "stopped") return this.#hold("stopped");
    if (verdict === "busy") return this.#tryLater("busy", code, SLOW.first * 2);
    if (verdict) return this.#giveUp(verdict, reasonOf(status ?? 0, code));
    this.#failures += 1;
    if (this.#failures < TRIES_PER_RUNG) {
      if (this.state !== "failed") this.#say("reconnecting", code);
      return this.#offerAgain();
    }
    if (this.#step + 1 < this.ladder.length) {
      [this.#step, this.#failures] = [this.#step + 1, 0];
      return this.#offerAgain();
    }
    this.#step = 0;
    return this.#tryLater("failed", code, pauseBefore(this.#failures - TRIES_PER_RUNG, SLOW));
  }

  /** @param {number} code */
  async #socketClosed(code) {
    const greeted = this.#hello !== null;
    this.#hangUp();
    const verdict = readClose(code);
    if (verdict.state === "stopped") return this.#hold(this.camera?.state === "privacy" ? "privacy" : "stopped");
    if (verdict.retryMs) return this.#tryLater(verdict.state, verdict.reason, verdict.retryMs);
    if (verdict.state !== "reconnecting") return this.#giveUp(verdict.state, verdict.reason);
    this.#misses += 1;
    if (this.#misses < TRIES_PER_RUNG) {
      if (this.state !== "connecting") this.#say("reconnecting");
    } else this.#say("unreachable", "no-answer");
    this.#retryTimer = setTimeout(() => this.#connect(), pauseBefore(this.#misses - 1));
    // A browser does not tell a page why a socket was refused; HTTP does.
    return greeted ? undefined : this.#askWhy();
  }

  async #askWhy() {
    const { status } = await readCamera(this.cameraId);
    const verdict = readRefusal(status);
    if (this.#signalling === null && this.state !== "idle" && verdict && verdict !== "busy") {
      this.#giveUp(verdict, reasonOf(status));
    }
  }

  /** Stopped or private: waits until the camera may be watched again. @param {"stopped" | "privacy"} state */
  #hold(state) {
    this.#hangUp();
    this.video.srcObject = null; // not even the last picture stays
    this.#say(state);
    this.#retryTimer = setTimeout(() => this.#askStopped(), ASK_STOPPED_MS);
  }

  async #askStopped() {
    const timer = this.#retryTimer;
    const { status, camera } = document.hidden ? { status: 0, camera: null } : await readCamera(this.cameraId);
    if (timer !== this.#retryTimer) return; // closed or retried meanwhile
    const verdict = readRefusal(status);
    if (camera) this.#see(camera);
    if (camera && camera.state !== "stopped" && camera.state !== "privacy") this.retry();
    else if (verdict === "signed-out" || verdict === "failed") this.#giveUp(verdict, reasonOf(status));
    else if (!camera) this.#retryTimer = setTimeout(() => this.#askStopped(), ASK_STOPPED_MS);
  }

  /**
   * @param {import("./types.js").State} state
   * @param {string | null} reason
   * @param {number} pause milliseconds
   */
  #tryLater(state, reason, pause) {
    this.#transport?.close();
    this.#transport = null;
    this.#say(state, reason);
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(() => this.#offerAgain(), pause);
  }

  /**
   * @param {import("./types.js").State} state
   * @param {string | null} reason
   */
  #giveUp(state, reason) {
    this.#hangUp();
    this.#say(state, reason);
  }

  #hangUp() {
    clearTimeout(this.#retryTimer);
    this.#retryTimer = 0;
    this.#transport?.close();
    this.#signalling?.close();
    this.#transport = this.#signalling = this.#hello = null;
    this.meter.clear();
  }

  #isExpecting() {
    return this.camera?.state === "live" && !document.hidden;
  }

  /**
   * @param {import("./types.js").State} state
   * @param {string | null} [reason]
   */
  #say(state, reason = null) {
    if (state !== "live") this.#useRung("");
    if (state === this.state && reason === this.reason) return;
    this.state = state;
    this.reason = reason;
    this.#signalling?.keepTime(state === "live");
    this.dispatchEvent(new CustomEvent("state", { detail: { state, reason } }));
  }

  /** @param {string} name */
  #useRung(name) {
    if (name === this.rung) return;
    this.rung = name;
    this.dispatchEvent(new CustomEvent("rung", { detail: name }));
  }

  #tellDelay() {
    const before = this.delayMs;
    this.meter.read(performance.now());
    this.#transport?.expect(this.#isExpecting());
    this.dispatchEvent(new Event("stages"));
    if (this.delayMs !== before) this.dispatchEvent(new CustomEvent("delay", { detail: this.delayMs }));
  }
}

const detail = (/** @type {any} */ event) => event.detail;
