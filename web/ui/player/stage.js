/**
 * The stage: the picture, or why there is none; the state pill and the delay; and the same for scripts, on <html>.
 */

import { text } from "./texts.js";
import { describe, nameOf } from "./words.js";

const UNKNOWN = "–";

/**
 * @template {Element} T
 * @param {string} selector
 * @param {{new (): T}} kind
 * @returns {T}
 */
export function find(selector, kind) {
  const element = document.querySelector(selector);
  if (element instanceof kind) return element;
  throw new Error(`the page has no ${selector}`);
}

/** @param {import("./player.js").Player} player */
export function showState({ state, reason, can, camera }) {
  const root = document.documentElement;
  const words = describe(state, reason, can, camera?.trouble);
  root.dataset.state = state;
  find("#pill-word", HTMLElement).textContent = words.word;
  find("#notice-title", HTMLElement).textContent = words.title;
  find("#notice-sentence", HTMLElement).textContent = words.sentence;
  find("#notice-icon", SVGUseElement).setAttribute("href", iconPath(words.icon));
  for (const button of document.querySelectorAll("[data-action]")) {
    button.toggleAttribute("hidden", /** @type {HTMLElement} */ (button).dataset.action !== words.action);
  }
  announce([words.word, words.sentence].filter(Boolean).join(". "));
  showControls(state, can);
  document.title = camera ? `${nameOf(camera)} · ${words.word}` : document.title;
}

/**
 * What makes no sense now is not offered: no photo and no stop of a camera that is stopped.
 * @param {import("./types.js").State} state
 * @param {string[]} can
 */
function showControls(state, can) {
  const isOff = state === "stopped" || state === "privacy";
  const isLost = isOff || state === "signed-out";
  const stop = find("#stop", HTMLButtonElement);
  stop.hidden = isLost || !can.includes("control");
  const snapshot = find("#snapshot", HTMLAnchorElement);
  snapshot.setAttribute("aria-disabled", String(isLost));
  if (isLost) snapshot.removeAttribute("href");
  else snapshot.href = snapshot.dataset.href ?? "";
  const play = find("#play", HTMLButtonElement);
  const label = state === "idle" ? text("Resume") : text("Pause");
  play.disabled = isLost;
  play.setAttribute("aria-label", label);
  play.title = label;
  find("#play-icon", SVGUseElement).setAttribute("href", iconPath(state === "idle" ? "play" : "pause"));
  find("#play-word", HTMLElement).textContent = label;
}

/** @param {string} sentence spoken by a screen reader */
export function announce(sentence) {
  find("#announcement", HTMLElement).textContent = sentence;
}

/** @param {number | null} delay */
export function showDelay(delay) {
  document.documentElement.dataset.delayMs = delay === null ? "" : String(delay);
  find("#delay", HTMLElement).textContent = delay === null ? UNKNOWN : `${delay}\u00a0ms`;
}

/** @param {string} rung */
export function showRung(rung) {
  document.documentElement.dataset.rung = rung;
}

/** @param {string} name @returns {string} */
export function iconPath(name) {
  return `${new URL("../static/icons.svg", import.meta.url).pathname}#${name || "play"}`;
}
