/**
 * What the live page says about who answers it: a pill on the picture, and a note under the details.
 */

import { codeOf } from "./pin.js";
import { find, iconPath } from "./stage.js";
import { text } from "./texts.js";

/**
 * @param {import("./identity.js").Identity} identity
 * @param {boolean} away whether the page came through the tunnel; at home the camera's own certificate says who it is
 */
export function followIdentity(identity, away) {
  const show = async () => {
    const { state, key } = identity;
    const code = key ? await codeOf(key) : "";
    if (state !== identity.state || key !== identity.key) return; // changed meanwhile, and shown by then
    document.documentElement.dataset.identity = state;
    showPill(state, away);
    showNote(state, key, code, away);
  };
  identity.addEventListener("change", show);
}

/**
 * @param {import("./identity.js").Identity["state"]} state
 * @param {boolean} away
 */
function showPill(state, away) {
  const pill = find("#identity", HTMLElement);
  pill.hidden = state === "unknown" || state === "forged" || (state === "unverified" && !away);
  find("#identity-word", HTMLElement).textContent = state === "verified" ? text("Verified") : text("Not verified");
  find("#identity-icon", SVGUseElement).setAttribute("href", iconPath(state === "verified" ? "lock" : "failed"));
  pill.title = explain(state);
}

/**
 * @param {import("./identity.js").Identity["state"]} state
 * @param {string | null} key
 * @param {string} code
 * @param {boolean} away
 */
function showNote(state, key, code, away) {
  const isTold = state === "verified" || (state === "unverified" && away);
  find("#identity-note", HTMLElement).hidden = !isTold;
  find("#identity-sentence", HTMLElement).textContent = explain(state);
  find("#identity-code", HTMLElement).textContent = code || "–";
  const link = find("#identity-remember", HTMLAnchorElement);
  link.hidden = state !== "unverified" || key === null;
  link.href = `/remember#${key ?? ""}`;
}

/** @param {import("./identity.js").Identity["state"]} state @returns {string} */
function explain(state) {
  return state === "verified"
    ? text("The camera that this browser remembers signed this connection: nobody in between can see or hear what it carries.")
    : text("This browser does not know the camera’s key, so it cannot tell whether somebody in between watches along. Open “From anywhere” on the camera’s page at home, and follow the link there.");
}
