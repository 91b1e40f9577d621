/** Looks every few seconds whether what a page shows the state of has changed, and shows the page anew. */

import { send } from "./api.js";

const LOOK_MS = 3000;

/** Whether somebody has begun to type what a reload would take away. */
function isTyped() {
  const inputs = /** @type {HTMLInputElement[]} */ ([...document.querySelectorAll("input:not([type=hidden])")]);
  return inputs.some((input) => input.value !== input.defaultValue);
}

/**
 * @param {string} part What the page shows the state of.
 * @param {string} path Where it is asked for.
 * @param {(shown: string) => boolean} changes Whether a state may change by itself.
 */
export function watch(part, path, changes) {
  const place = /** @type {HTMLElement | null} */ (document.querySelector(`[data-${part}]`));
  const shown = place?.dataset[part];
  if (shown === undefined || !changes(shown)) return;
  async function look() {
    const { status, body } = await send(path, "GET");
    if (status === 200 && body.state !== shown && !isTyped()) location.reload();
    else setTimeout(look, LOOK_MS);
  }
  setTimeout(look, LOOK_MS);
}
