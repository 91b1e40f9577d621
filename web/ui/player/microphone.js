/**
 * The person's own microphone: asked for at the first press, and given back a while after the last word, so that the
 * browser's recording light goes out.
 *
 * Events: `prompt` (the browser seems to ask the person), `ready` (it came when nobody waited for it any more) and
 * `gone` (it was unplugged while it was held).
 */

const KEPT_MS = 30_000;
const ANSWER_MS = 20_000;
const PROMPT_MS = 700; // an allowed microphone is open by then

/** @type {MediaStreamConstraints} */
const WANTED = {
  audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 },
};

/** Why there is no voice to send; `code` is one of those that talk-words.js explains. */
export class NoVoice extends Error {
  /** @param {string} code */
  constructor(code) {
    super(code);
    this.code = code;
  }
}

export class Microphone extends EventTarget {
  /** @type {MediaStreamTrack | null} */
  #track = null;
  /** @type {Promise<MediaStreamTrack> | null} the one question that is open */
  #asking = null;
  #inUse = false;
  #isKept = false;
  #timer = 0;

  /**
   * Asks once, however often it is called before the answer.
   * @returns {Promise<MediaStreamTrack>} rejects with a `NoVoice`
   */
  async take() {
    clearTimeout(this.#timer);
    this.#inUse = true;
    if (this.#track) return this.#track;
    this.#asking ??= this.#ask();
    const prompting = setTimeout(() => this.#tellOfPrompt(), PROMPT_MS);
    return inTime(this.#asking).finally(() => clearTimeout(prompting));
  }

  /** The last word was said; the next press may follow at once. */
  giveBackSoon() {
    clearTimeout(this.#timer);
    this.#inUse = false;
    this.#isKept = true;
    this.#timer = setTimeout(() => this.giveBack(), KEPT_MS);
  }

  giveBack() {
    clearTimeout(this.#timer);
    this.#inUse = this.#isKept = false;
    this.#track?.stop();
    this.#track = null;
  }

  /** @returns {Promise<MediaStreamTrack>} */
  async #ask() {
    try {
      const stream = await navigator.mediaDevices.getUserMedia(WANTED);
      const [track] = stream.getAudioTracks();
      if (!track) throw new NoVoice("no-microphone");
      this.#keep(track);
      return track;
    } catch (reason) {
      throw reason instanceof NoVoice ? reason : new NoVoice(causeOf(/** @type {Error} */ (reason)));
    } finally {
      this.#asking = null;
    }
  }

  async #tellOfPrompt() {
    if ((await isAllowed()) || !this.#asking || !this.#inUse) return;
    this.dispatchEvent(new Event("prompt"));
  }

  /** @param {MediaStreamTrack} track which may come long after it was asked for */
  #keep(track) {
    track.onended = () => this.#lose(track);
    this.#track = track;
    if (this.#inUse) return;
    if (!this.#isKept) this.giveBack();
    this.dispatchEvent(new Event("ready"));
  }

  /** @param {MediaStreamTrack} track */
  #lose(track) {
    if (track !== this.#track) return;
    this.#track = null;
    this.dispatchEvent(new Event("gone"));
  }
}

/** @returns {string | null} why no microphone can be asked for here */
export function microphoneObstacle() {
  if (!globalThis.isSecureContext) return "insecure";
  return typeof navigator.mediaDevices?.getUserMedia === "function" ? null : "no-media";
}

/**
 * @param {Error} reason what `getUserMedia` rejected with
 * @returns {string}
 */
export function causeOf({ name, message }) {
  switch (name) {
    case "NotAllowedError":
      if (/system/i.test(message)) return "denied-by-system";
      return /dismissed/i.test(message) ? "dismissed" : "denied";
    case "SecurityError":
      return "denied";
    case "NotFoundError":
    case "OverconstrainedError":
      return "no-microphone";
    case "NotReadableError":
      return "microphone-busy";
    default:
      return "microphone-failed";
  }
}

/** @returns {Promise<boolean>} whether the browser has no question, as far as it says so: then the device is slow */
async function isAllowed() {
  try {
    const name = /** @type {PermissionName} */ ("microphone");
    return (await navigator.permissions.query({ name })).state === "granted";
  } catch {
    return false; // some browsers do not tell
  }
}

/**
 * @template T
 * @param {Promise<T>} promise
 * @returns {Promise<T>} gives up when the browser's question is not answered
 */
function inTime(promise) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new NoVoice("unanswered")), ANSWER_MS);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
