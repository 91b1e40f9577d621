/** The page on which a browser gets to know the camera's key. The key is behind the # of the address, and goes from there. */

import { canCheck, checkedKey, codeOf, keepPin, readPin } from "./pin.js";
import { find } from "./stage.js";

const offered = checkedKey(location.hash.slice(1));
// It is no secret, but whoever reads the address bar or the history has no use for it, either.
history.replaceState(null, "", location.pathname);

/** @param {string} selector @param {string | null} key */
async function showCode(selector, key) {
  find(selector, HTMLElement).textContent = key ? await codeOf(key) : "";
}

/** @param {string | null} known @returns {Promise<string>} which parts of the page are shown */
async function situation(known) {
  if (!(await canCheck())) return "cannot";
  if (offered && offered !== known) return known ? "other" : "new";
  return known ? "known" : "none";
}

async function show() {
  const known = readPin();
  const now = await situation(known);
  if (now !== "cannot") await Promise.all([showCode("#offered", offered), showCode("#remembered", known), showCode("#known", known)]);
  for (const part of document.querySelectorAll("[data-when]")) {
    const when = /** @type {HTMLElement} */ (part).dataset.when ?? "";
    part.toggleAttribute("hidden", !when.split(" ").includes(now));
  }
  document.documentElement.dataset.pin = now;
}

/** @param {string | null} key */
function keep(key) {
  find("#not-kept", HTMLElement).hidden = keepPin(key);
  show();
}

find("#remember", HTMLElement).addEventListener("click", () => keep(offered));
find("#forget", HTMLElement).addEventListener("click", () => keep(null));
show();
