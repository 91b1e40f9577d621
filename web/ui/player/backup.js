/**
 * The page of copies: sends a file, which no form of the browser's own could carry with its passphrase sealed off from it.
 */

import { complain, confirmed, troubleOf } from "./forms.js";
import { serverText, text } from "./texts.js";

const ANSWER_MS = 120_000;
const LOOK_MS = 3_000;
const FIRST_LOOK_MS = 8_000;

/**
 * @param {string} passphrase
 * @param {Blob} file
 * @returns {Blob} as POST /api/v1/restore takes it
 */
export function bodyOf(passphrase, file) {
  return new Blob([passphrase.replaceAll("\n", ""), "\n", file]);
}

/**
 * @param {Blob} body
 * @returns {Promise<{status: number, body: any}>}
 */
async function sendFile(body) {
  try {
    const response = await fetch("/api/v1/restore", {
      method: "POST",
      headers: { "X-Pi-Cam": "1", Accept: "application/json", "Content-Type": "application/octet-stream" },
      body,
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    const isJson = response.headers.get("Content-Type")?.includes("json");
    return { status: response.status, body: isJson ? await response.json() : null };
  } catch {
    return { status: 0, body: null };
  }
}

async function comeBack() {
  try {
    const response = await fetch("/healthz", { cache: "no-store", signal: AbortSignal.timeout(LOOK_MS) });
    if (response.ok) return location.assign("/login");
  } catch {
    // It starts.
  }
  setTimeout(comeBack, LOOK_MS);
}

/** @param {HTMLFormElement} form */
async function restore(form) {
  const file = /** @type {HTMLInputElement} */ (document.getElementById("copy")).files?.[0];
  const passphrase = /** @type {HTMLInputElement} */ (document.getElementById("its-passphrase")).value;
  const state = /** @type {HTMLElement} */ (document.getElementById("restore-state"));
  complain(form, "");
  if (!file || !passphrase) return;
  if (file.size > Number(form.dataset.largest)) return complain(form, serverText("This file is no backup of a camera."));
  if (!(await confirmed(text("Replace all that this camera remembers?"), text("Bring it back")))) return;
  state.textContent = text("The camera looks at the file…");
  state.hidden = false;
  form.inert = true;
  const answer = await sendFile(bodyOf(passphrase, file));
  if (answer.status === 202) {
    state.textContent = text("The camera starts again with what is in the file. This page goes on by itself.");
    setTimeout(comeBack, FIRST_LOOK_MS);
    return;
  }
  form.inert = false;
  state.hidden = true;
  complain(form, troubleOf(answer));
}

if (typeof document !== "undefined") {
  const form = /** @type {HTMLFormElement} */ (document.getElementById("restore"));
  form.inert = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void restore(form);
  });
}
