/**
 * Passkeys on the portal's pages: adding one, and using one to sign in or to prove once more who it is.
 */

import { createPasskey, havePasskeys, usePasskey } from "/ui/player/passkey.js";
import { text } from "/ui/player/texts.js";

/**
 * @param {string} path
 * @param {unknown} [json]
 * @returns {Promise<any>} what the portal says; throws its sentence when it says no
 */
async function tell(path, json = {}) {
  const token = /** @type {HTMLInputElement} */ (document.querySelector("input[name=form_token]")).value;
  const headers = { "Content-Type": "application/json", Accept: "application/json", "X-Form-Token": token };
  let response;
  try {
    response = await fetch(path, { method: "POST", headers, body: JSON.stringify(json), cache: "no-store" });
  } catch {
    throw new Refusal(text("The portal does not answer. Check your own connection."));
  }
  if (response.status === 401 && location.pathname === "/account") {
    location.assign(`/verify?next=${encodeURIComponent("/account")}`);
    return new Promise(() => {});
  }
  const said = response.headers.get("Content-Type")?.includes("json") ? await response.json() : {};
  if (!response.ok) throw new Refusal(said.detail ?? text("That did not work. Please try again."));
  return said;
}

class Refusal extends Error {}

/**
 * @param {ParentNode} within
 * @param {HTMLButtonElement} button
 * @param {() => Promise<string | null>} steps where to go on, or null when the person changed their mind
 */
async function attempt(within, button, steps) {
  const place = /** @type {HTMLElement} */ (within.querySelector("[data-passkey-problem]"));
  place.hidden = true;
  button.disabled = true;
  try {
    const next = await steps();
    if (next) go(next);
  } catch (error) {
    place.textContent = sentenceFor(error);
    place.hidden = false;
  } finally {
    button.disabled = false;
  }
}

/** @param {unknown} error @returns {string} */
function sentenceFor(error) {
  if (error instanceof Refusal) return error.message;
  const known = error instanceof DOMException && error.name === "InvalidStateError";
  return known ? text("This device has a passkey for this account already.") : text("The passkey could not be used.");
}

/** @param {string} next an address of our own, as the portal gave it */
function go(next) {
  const target = new URL(next, location.origin);
  if (target.origin !== location.origin) return;
  if (target.pathname === location.pathname) location.reload();
  else location.assign(target);
}

function offer() {
  for (const part of document.querySelectorAll("[data-passkeys]")) part.toggleAttribute("hidden", !havePasskeys());
  for (const part of document.querySelectorAll("[data-no-passkeys]")) part.toggleAttribute("hidden", havePasskeys());
  for (const button of document.querySelectorAll("button[data-use-passkey]")) {
    if (!(button instanceof HTMLButtonElement)) continue;
    const { usePasskey: path = "", next = "/account" } = button.dataset;
    button.addEventListener("click", () =>
      attempt(/** @type {HTMLElement} */ (button.parentElement), button, async () => {
        const credential = await usePasskey(await tell(`${path}/options`));
        return credential ? (await tell(path, { credential, next })).next : null;
      }),
    );
  }
  const adding = document.getElementById("add-passkey");
  if (!(adding instanceof HTMLFormElement)) return;
  adding.addEventListener("submit", (event) => {
    event.preventDefault();
    const button = /** @type {HTMLButtonElement} */ (adding.querySelector("button.primary"));
    attempt(adding, button, async () => {
      const credential = await createPasskey(await tell("/account/passkeys/options"));
      const name = new FormData(adding).get("name");
      return credential ? (await tell("/account/passkeys", { name, credential })).next : null;
    });
  });
}

offer();
