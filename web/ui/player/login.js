/**
 * The sign-in page: a passkey instead of name and password, where the browser has passkeys.
 */

import { send } from "./api.js";
import { troubleOf } from "./forms.js";
import { havePasskeys, usePasskey } from "./passkey.js";
import { text } from "./texts.js";

const button = /** @type {HTMLButtonElement} */ (document.getElementById("passkey"));

async function signIn() {
  complain("");
  button.disabled = true;
  complain(await attempt());
  button.disabled = false;
}

/** @returns {Promise<string>} what went wrong, or "" */
async function attempt() {
  const options = await send("/api/v1/sessions/passkey/options", "POST");
  if (options.status !== 200) return troubleOf(options);
  try {
    const credential = await usePasskey(options.body);
    if (!credential) return "";
    const answer = await send("/api/v1/sessions/passkey", "POST", { credential });
    if (answer.status !== 201) return troubleOf(answer);
    location.assign(onward());
    return "";
  } catch {
    return text("The passkey could not be used.");
  }
}

/** @returns {string} where the person wanted to go, on this site */
function onward() {
  const field = /** @type {HTMLInputElement | null} */ (document.querySelector("main input[name=next]"));
  try {
    const wanted = new URL(field?.value || "/", location.origin);
    return wanted.origin === location.origin ? wanted.href : "/";
  } catch {
    return "/";
  }
}

/** @param {string} sentence or "" when all is well */
function complain(sentence) {
  const place = /** @type {HTMLElement} */ (document.getElementById("passkey-problem"));
  place.textContent = sentence;
  place.hidden = !sentence;
}

if (havePasskeys()) {
  document.getElementById("by-passkey")?.removeAttribute("hidden");
  button.addEventListener("click", signIn);
}
