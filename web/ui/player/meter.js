/**
 * How loud it is, from the sound that the browser received.
 */

const FLOOR_DB = -60;

/** Looks at whatever stream the video plays, and does so only while it is asked. */
export class LevelMeter {
  /** Whether anything but perfect silence came since `clear`; null while the browser does not let us know. */
  /** @type {boolean | null} */
  heard = null;

  /** @type {AudioContext | null} */
  #context = null;
  /** @type {AnalyserNode | null} */
  #analyser = null;
  /** @type {MediaStreamAudioSourceNode | null} */
  #source = null;
  #samples = new Float32Array(2048);

  clear() {
    this.heard = null;
    this.#source?.disconnect();
    this.#source = null;
    this.#context?.suspend().catch(() => {}); // closed by the browser itself
  }

  /**
   * @param {MediaProvider | null} stream what is played now
   * @returns {number} 0 (silence) to 1 (as loud as can be)
   */
  read(stream) {
    this.#follow(stream);
    if (!this.#analyser || !this.#source || this.#context?.state !== "running") return 0;
    this.#analyser.getFloatTimeDomainData(this.#samples);
    const power = this.#samples.reduce((sum, sample) => sum + sample * sample, 0) / this.#samples.length;
    this.heard = this.heard === true || power > 0;
    return share(power);
  }

  /** @param {MediaProvider | null} stream */
  #follow(stream) {
    if (!(stream instanceof MediaStream) || stream === this.#source?.mediaStream) return;
    if (stream.getAudioTracks().length === 0) return;
    this.#context ??= new AudioContext();
    this.#context.resume().catch(() => {}); // after the next press, then
    this.#analyser ??= new AnalyserNode(this.#context, { fftSize: this.#samples.length });
    this.#source?.disconnect();
    this.#source = new MediaStreamAudioSourceNode(this.#context, { mediaStream: stream });
    this.#source.connect(this.#analyser);
  }
}

/**
 * @param {number} power mean square of samples between -1 and 1
 * @returns {number} its place between `FLOOR_DB` and full scale
 */
export function share(power) {
  const level = 10 * Math.log10(Math.max(power, 1e-12));
  return Math.min(1, Math.max(0, 1 - level / FLOOR_DB));
}
