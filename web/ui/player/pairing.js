/** The page of the pairing: looks every few seconds whether somebody typed the code, and shows what comes next. */

import { send } from "./api.js";

const LOOK_MS = 3000;

const place = /** @type {HTMLElement | null} */ (document.querySelector("[data-pairing]"));
const shown = place?.dataset.pairing;

async function look() {
  const { status, body } = await send("/api/v1/pairing", "GET");
  if (status === 200 && body.state !== shown) location.reload();
  else setTimeout(look, LOOK_MS);
}

if (shown === "asking" || shown === "claimed") setTimeout(look, LOOK_MS);
