/**
 * Pictures and sound over WebRTC. The offer leaves at once and the candidates follow, because waiting for them would cost the
 * first picture 150 ms.
 */

import { FORGED } from "./identity.js";
import { Watchdog } from "./patience.js";

/** Picture and sound share one path, so half the candidates are gathered and checked. @type {RTCConfiguration} */
const ONE_PATH = { bundlePolicy: "max-bundle" };
const CONNECT_MS = 12_000;
const CHECK_MS = 500;
const LIMITS = { firstMs: 8_000, nextMs: 4_000 };
const SPARSE_MS = 20_000; // between keyframes, where a weak connection gets nothing else; cameras send one in 10 s at least
const SCREEN_MS = 100; // a display time further ahead than this is not a prediction

/** One connection, from its offer to its end: a `Transport`. */
export class WebRtcTransport extends EventTarget {
  #connection = new RTCPeerConnection(ONE_PATH);
  #watchdog = new Watchdog(LIMITS);
  /** @type {Promise<RTCSessionDescriptionInit>} */
  #offer;
  /** @type {RTCRtpSender} */
  #voice;
  /** @type {HTMLVideoElement | null} */
  #video = null;
  /** @type {import("./types.js").Session | null} */
  #session = null;
  /** @type {(RTCIceCandidateInit | null)[] | null} held back until the offer has left; null from then on */
  #held = [];
  /** Whether the pictures come over a relay. */
  relayed = false;
  #pictureRequest = 0;
  #connectTimer = 0;
  #checkTimer = 0;
  #closed = false;

  constructor() {
    super();
    const video = this.#connection.addTransceiver("video", { direction: "recvonly" });
    const codecs = RTCRtpReceiver.getCapabilities("video")?.codecs ?? [];
    video.setCodecPreferences?.(preferH264(codecs));
    // Negotiated from the start so that sound and talk need no second offer.
    this.#voice = this.#connection.addTransceiver("audio", { direction: "sendrecv" }).sender;
    this.#offer = this.#connection.createOffer();
    this.#offer.catch(() => {}); // `start` reports it
  }

  /**
   * @param {HTMLVideoElement} video
   * @param {import("./types.js").Session} session
   */
  start(video, session) {
    this.#video = video;
    this.#session = session;
    const connection = this.#connection;
    connection.ontrack = ({ track, streams }) => this.#show(track, streams[0]);
    connection.onicecandidate = ({ candidate }) => this.#trickle(candidate?.toJSON() ?? null);
    connection.onconnectionstatechange = () => this.#connectionChanged();
    this.#connectTimer = setTimeout(() => this.#fail("no-connection"), CONNECT_MS);
    this.#checkTimer = setInterval(() => this.#check(), CHECK_MS);
    this.#negotiate(session).catch((reason) => this.#fail(reason?.code ?? "offer-refused", reason?.status));
  }

  /**
   * Whether pictures should be arriving: then their absence is this transport's failure.
   * @param {boolean} pictures
   */
  expect(pictures) {
    this.#watchdog.expect(pictures, performance.now());
  }

  /**
   * Sends this voice from now on, without another offer.
   * @param {MediaStreamTrack | null} track
   */
  speak(track) {
    return this.#voice.replaceTrack(track);
  }

  close() {
    if (this.#closed) return;
    this.#closed = true;
    this.dispatchEvent(new Event("closed"));
    clearTimeout(this.#connectTimer);
    clearInterval(this.#checkTimer);
    const connection = this.#connection;
    connection.ontrack = connection.onicecandidate = connection.onconnectionstatechange = null;
    connection.close();
    this.#video?.cancelVideoFrameCallback?.(this.#pictureRequest);
  }

  /** @param {import("./types.js").Session} session */
  async #negotiate({ signalling, clock, sound, latency, camera, identity }) {
    const [offer, iceServers] = await Promise.all([this.#offer, signalling.iceServers()]);
    if (this.#closed) return;
    this.#connection.setConfiguration({ ...ONE_PATH, iceServers });
    await this.#connection.setLocalDescription(offer);
    const asked = { camera, nonce: identity.nonce(), offer: offer.sdp ?? "" };
    const answer = signalling.request("offer", { sdp: asked.offer, nonce: asked.nonce, sound, latency });
    for (const candidate of this.#held ?? []) signalling.send("candidate", { candidate });
    this.#held = null;
    const answered = await answer;
    const { sdp, viewer } = answered;
    // Before anything flows: without the answer there are neither addresses nor keys to send to.
    const genuine = await identity.check(asked, answered);
    if (this.#closed) return;
    if (!genuine) return this.#fail(FORGED);
    clock.forgetPictures();
    await this.#connection.setRemoteDescription({ type: "answer", sdp });
    if (!this.#closed) this.dispatchEvent(new CustomEvent("answered", { detail: { viewer } }));
  }

  /** @param {RTCIceCandidateInit | null} candidate */
  #trickle(candidate) {
    if (this.#held) this.#held.push(candidate);
    else this.#session?.signalling.send("candidate", { candidate });
  }

  /**
   * @param {MediaStreamTrack} track
   * @param {MediaStream} [stream] with the sound that belongs to the picture: one stream keeps them in step
   */
  #show(track, stream) {
    if (track.kind !== "video" || !this.#video) return;
    this.#video.srcObject = stream ?? new MediaStream([track]);
    this.#video.play().catch((reason) => {
      if (reason.name === "NotAllowedError") this.dispatchEvent(new Event("refused"));
    });
    this.#followPictures(this.#video);
  }

  /** @param {HTMLVideoElement} video */
  #followPictures(video) {
    if (!video.requestVideoFrameCallback) return; // the statistics still count pictures; the delay stays unknown
    this.#pictureRequest = video.requestVideoFrameCallback((now, about) => {
      if (this.#closed) return;
      this.#followPictures(video);
      const { expectedDisplayTime, presentationTime, rtpTimestamp, receiveTime } = about;
      const ahead = expectedDisplayTime - now;
      const expected = ahead >= 0 && ahead < SCREEN_MS ? expectedDisplayTime : now;
      const at = Math.max(expected, presentationTime); // without a jitter buffer Chromium may expect it before it has it
      const captured = rtpTimestamp === undefined ? null : (this.#session?.clock.captured(rtpTimestamp) ?? null);
      this.#picture(at, captured, receiveTime ?? null);
    });
  }

  /**
   * @param {number} at
   * @param {number | null} captured
   * @param {number | null} received
   */
  #picture(at, captured, received) {
    this.dispatchEvent(new CustomEvent("picture", { detail: { at, captured, received } }));
  }

  #connectionChanged() {
    const state = this.#connection.connectionState;
    if (state === "connected") {
      clearTimeout(this.#connectTimer);
      this.#check();
    }
    if (state === "failed") this.#fail("no-connection");
    // "disconnected" often heals by itself; if it does not, the watchdog ends it.
  }

  /** Counts decoded pictures, which also works where the browser draws nothing, as in a hidden tab. */
  async #check() {
    const decoded = await this.#decoded();
    if (this.#closed) return;
    const now = performance.now();
    if (this.#watchdog.see(decoded, now)) this.#picture(now, null, null);
    const isSparse = this.#session?.clock.rendition === "keyframes";
    this.#watchdog.limits = isSparse ? { ...LIMITS, nextMs: SPARSE_MS } : LIMITS;
    if (this.#connection.connectionState === "connected" && this.#watchdog.isStalled(now)) this.#fail("no-picture");
  }

  /** @returns {Promise<number>} */
  async #decoded() {
    let decoded = 0;
    const reports = await this.#connection.getStats();
    for (const report of reports.values()) {
      if (report.type === "inbound-rtp" && report.kind === "video") decoded += report.framesDecoded ?? 0;
      if (report.type === "transport") this.relayed = isRelayed(reports, report.selectedCandidatePairId) ?? this.relayed;
    }
    return decoded;
  }

  /**
   * @param {string} code
   * @param {number} [status]
   */
  #fail(code, status) {
    if (this.#closed) return;
    this.close();
    this.dispatchEvent(new CustomEvent("failed", { detail: { code, status } }));
  }
}

/**
 * H.264 first, those that the camera packetises (mode 1) before the others; everything else stays, in its order.
 * @template {{mimeType: string, sdpFmtpLine?: string}} Codec
 * @param {Codec[]} codecs
 * @returns {Codec[]}
 */
export function preferH264(codecs) {
  const rank = (/** @type {Codec} */ codec) => {
    if (codec.mimeType.toLowerCase() !== "video/h264") return 2;
    return codec.sdpFmtpLine?.includes("packetization-mode=1") ? 0 : 1;
  };
  return [...codecs].sort((a, b) => rank(a) - rank(b));
}

/**
 * @param {RTCStatsReport} reports
 * @param {string | undefined} pairId
 * @returns {boolean | undefined} undefined while no way is chosen
 */
function isRelayed(reports, pairId) {
  const pair = reports.get(pairId ?? "");
  if (!pair) return undefined;
  return [pair.localCandidateId, pair.remoteCandidateId].some((id) => reports.get(id)?.candidateType === "relay");
}

/** @returns {string | null} why this browser cannot use WebRTC here */
function obstacle() {
  if (typeof RTCPeerConnection === "undefined") return "no-webrtc";
  const codecs = globalThis.RTCRtpReceiver?.getCapabilities?.("video")?.codecs;
  const shows = codecs?.some((codec) => codec.mimeType.toLowerCase() === "video/h264");
  return codecs && !shows ? "no-h264" : null;
}

/** @type {import("./types.js").Rung} */
export const webrtc = { name: "webrtc", obstacle, make: () => new WebRtcTransport() };
