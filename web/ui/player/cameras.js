/**
 * The page of cameras: trying an address before it is kept, and the order of the list.
 */

import { send } from "./api.js";
import { complain, valuesOf } from "./forms.js";
import { serverText, text } from "./texts.js";

/**
 * @typedef {object} AddressReport  as POST /api/v1/cameras/check gives it
 * @property {"works" | "unreachable" | "forbidden" | "unsupported"} verdict
 * @property {string | null} trouble
 * @property {string | null} sends
 * @property {boolean} transcoded
 * @property {number | null} width
 * @property {number | null} height
 * @property {number | null} fps
 * @property {string | null} still
 */

/**
 * @param {AddressReport} report
 * @returns {string} what was found, in a sentence
 */
export function sentenceOf(report) {
  if (report.verdict !== "works") return serverText(report.trouble ?? "");
  const found = {
    codec: (report.sends ?? "?").replace(/^h26(\d)$/, "H.26$1").replace(/^hevc$/, "H.265").replace(/^mjpeg$/, "MJPEG"),
    size: report.width && report.height ? `${report.width} × ${report.height}` : "?",
    fps: report.fps === null ? "?" : String(Math.round(report.fps)),
  };
  const works = text("It works: %(codec)s, %(size)s, %(fps)s pictures per second.", found);
  return report.transcoded ? `${works} ${text("It is converted here, since browsers cannot show it.")}` : works;
}

/** @param {HTMLButtonElement} button */
async function check(button) {
  const form = /** @type {HTMLFormElement} */ (button.form);
  const place = /** @type {HTMLElement} */ (form.querySelector("[data-checked]"));
  const sentence = /** @type {HTMLElement} */ (place.querySelector("p"));
  const image = /** @type {HTMLImageElement} */ (place.querySelector("img"));
  const fields = /** @type {Iterable<HTMLInputElement>} */ (form.elements);
  const { address, allow_lan } = valuesOf(fields);
  complain(form, "");
  image.hidden = true;
  place.hidden = false;
  sentence.textContent = text("Trying…");
  button.disabled = true;
  const { status, body } = await send("/api/v1/cameras/check", "POST", { address: address ?? "", allow_lan });
  button.disabled = false;
  if (status !== 200) {
    place.hidden = true;
    complain(form, status ? serverText(body?.detail ?? "") : text("The camera does not answer. Check your own connection."));
    return;
  }
  sentence.textContent = sentenceOf(body);
  if (body.still) image.src = body.still;
  image.hidden = !body.still;
}

/**
 * @param {HTMLElement} card
 * @param {number} step
 */
async function move(card, step) {
  const cards = [...document.querySelectorAll("#cameras > [data-camera]")];
  const from = cards.indexOf(card);
  cards.splice(from, 1);
  cards.splice(from + step, 0, card);
  const cameras = cards.map((one) => /** @type {HTMLElement} */ (one).dataset.camera);
  const { status } = await send("/api/v1/cameras", "PUT", { cameras });
  if (status === 204) location.reload();
}

if (typeof document !== "undefined") {
  for (const button of document.querySelectorAll("[data-check]")) {
    button.addEventListener("click", () => check(/** @type {HTMLButtonElement} */ (button)));
  }
  for (const button of document.querySelectorAll("[data-move]")) {
    const card = /** @type {HTMLElement} */ (button.closest("[data-camera]"));
    button.addEventListener("click", () => move(card, Number(/** @type {HTMLElement} */ (button).dataset.move)));
  }
}
