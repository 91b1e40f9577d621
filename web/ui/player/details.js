/**
 * The details under the picture: what the camera sends, in the person's own number format.
 */

import { readCamera } from "./api.js";
import { language, text } from "./texts.js";
import { nameOf } from "./words.js";

const UNKNOWN = "–";
const REFRESH_MS = 5_000;

/** @type {Record<string, (camera: import("./types.js").Camera) => string | null>} */
const ROWS = {
  codec: ({ codec, transcoded }) =>
    codec && (transcoded ? text("%(codec)s, converted here", { codec: codecName(codec) }) : codecName(codec)),
  size: ({ width, height }) => (width && height ? `${width} × ${height}` : null),
  fps: ({ fps }) => (fps ? text("%(number)s per second", { number: number(fps, 0) }) : null),
  bitrate: ({ bitrate }) => (bitrate ? text("%(number)s Mbit/s", { number: number(bitrate / 1e6, 1) }) : null),
  viewers: ({ viewers }) => (viewers === null ? null : number(viewers, 0)),
};

/** @param {string} codec @returns {string} */
function codecName(codec) {
  return { h264: "H.264", h265: "H.265", hevc: "H.265", mjpeg: "MJPEG" }[codec.toLowerCase()] ?? codec;
}

/**
 * @param {number} value
 * @param {number} digits after the decimal sign
 * @returns {string}
 */
function number(value, digits) {
  return value.toLocaleString(language(), { maximumFractionDigits: digits });
}

/** @param {Readonly<import("./stages.js").Stages>} stages where the delay comes from */
export function showStages(stages) {
  for (const [name, value] of Object.entries(stages)) {
    const cell = document.querySelector(`[data-stage="${name}"]`);
    if (cell) cell.textContent = value === null ? UNKNOWN : `${number(value, value < 10 ? 1 : 0)}\u00a0ms`;
  }
}

/** @param {{rendition: string | null, why: string | null}} gets what comes of the camera, and why that */
export function showShare({ rendition, why }) {
  const cell = document.querySelector("[data-share]");
  if (cell) cell.textContent = share(rendition, why) ?? UNKNOWN;
}

/**
 * @param {string | null} rendition
 * @param {string | null} why
 * @returns {string | null}
 */
function share(rendition, why) {
  if (rendition === "small") return text("The small picture: the connection carries no more");
  if (rendition === "keyframes") return text("A picture now and then: the connection carries no more");
  if (why === "lowered") return text("The whole picture, less sharp: a connection carries no more");
  return why === "fits" || why === "off" ? text("The whole picture") : null;
}

/** @param {import("./types.js").Camera} camera */
export function showDetails(camera) {
  for (const [name, read] of Object.entries(ROWS)) {
    const cell = document.querySelector(`[data-detail="${name}"]`);
    if (cell) cell.textContent = read(camera) ?? UNKNOWN;
  }
  for (const title of document.querySelectorAll("[data-camera-name]")) title.textContent = nameOf(camera);
}

/**
 * Numbers like the bitrate change without a change of state, so they are asked for while somebody looks at them.
 * @param {HTMLDetailsElement} disclosure
 * @param {string} cameraId
 */
export function followDetails(disclosure, cameraId) {
  const refresh = async () => {
    if (!disclosure.open || document.hidden) return;
    const { camera } = await readCamera(cameraId);
    if (camera) showDetails(camera);
  };
  disclosure.addEventListener("toggle", refresh);
  setInterval(refresh, REFRESH_MS);
}
