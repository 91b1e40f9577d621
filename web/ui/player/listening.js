/**
 * Hearing the camera: whether the person wants to, and what is in the way. It knows nothing of the page but its video
 * element, which plays picture and sound together.
 *
 * Event: `state`, whenever `isOn` or `reason` changed.
 */

export class Listening extends EventTarget {
  isOn = false;
  /** @type {string | null} the code of why not; talk-words.js explains it */
  reason = null;

  /**
   * @param {import("./line.js").Line} line
   * @param {HTMLVideoElement} video
   */
  constructor(line, video) {
    super();
    this.line = line;
    this.video = video;
  }

  /**
   * From a press, because browsers play sound only after one.
   * @param {boolean} on
   */
  async turn(on) {
    this.#set(on, null);
    try {
      await this.line.want(on);
    } catch (refusal) {
      if (/** @type {any} */ (refusal).code === "not-allowed") this.#set(false, "may-not-listen");
    }
  }

  /**
   * The browser does not play the video. Without its sound it may.
   * @returns {boolean} whether that was worth a try
   */
  giveIn() {
    if (this.video.muted) return false;
    this.#set(false, "sound-refused");
    this.line.want(false).catch(() => {}); // gone with the connection
    return true;
  }

  /**
   * @param {boolean} on
   * @param {string | null} reason
   */
  #set(on, reason) {
    this.isOn = on;
    this.reason = reason;
    this.video.muted = !on;
    if (this.video.srcObject) this.#play();
    this.dispatchEvent(new Event("state"));
  }

  /** Some browsers pause a video whose sound they do not like. */
  #play() {
    this.video.play().catch((reason) => {
      if (reason.name === "NotAllowedError" && this.isOn) this.giveIn();
    });
  }
}
