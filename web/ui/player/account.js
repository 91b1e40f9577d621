/**
 * The account page: a picture for the authenticator app, recovery codes that are shown once, passkeys.
 */

import { send } from "./api.js";
import { complain, troubleOf } from "./forms.js";
import { createPasskey, havePasskeys } from "./passkey.js";
import { text } from "./texts.js";

/** @param {string} selector @param {ParentNode} [within] */
const find = (selector, within = document) => /** @type {HTMLElement} */ (within.querySelector(selector));

/** @param {HTMLFormElement} form @param {{qr: string, secret: string}} enrolment */
function showEnrolment(form, { qr, secret }) {
  const section = find("[data-enrolment]");
  const picture = /** @type {HTMLImageElement} */ (find(".qr", section));
  picture.src = `data:image/svg+xml,${encodeURIComponent(qr)}`;
  find("[data-secret]", section).textContent = secret.replace(/.{4}(?=.)/g, "$& ");
  form.reset();
  form.hidden = true;
  reveal(section);
}

/** @param {string[]} codes */
function showRecoveryCodes(codes) {
  for (const part of document.querySelectorAll("[data-enrolment], details.more")) part.toggleAttribute("hidden", true);
  const section = find("[data-recovery-codes]");
  find(".codes", section).replaceChildren(
    ...codes.map((code) => {
      const row = document.createElement("li");
      row.textContent = code;
      return row;
    }),
  );
  const copy = find("[data-copy]", section);
  copy.addEventListener("click", async () => {
    await navigator.clipboard?.writeText(codes.join("\n"));
    copy.textContent = text("Copied");
  });
  copy.hidden = !navigator.clipboard;
  find("[data-done]", section).addEventListener("click", () => location.reload());
  reveal(section);
}

/** @param {HTMLElement} section that a screen reader goes on with */
function reveal(section) {
  section.hidden = false;
  section.focus();
}

/** @param {HTMLFormElement} form */
async function addPasskey(form) {
  complain(form, "");
  const { name, current } = Object.fromEntries(new FormData(form));
  const options = await send("/api/v1/account/passkeys/options", "POST", { current });
  if (options.status !== 200) return complain(form, troubleOf(options));
  try {
    const credential = await createPasskey(options.body);
    if (!credential) return;
    const answer = await send("/api/v1/account/passkeys", "POST", { name, credential });
    if (answer.status !== 201) return complain(form, troubleOf(answer));
    location.reload();
  } catch (error) {
    const known = error instanceof DOMException && error.name === "InvalidStateError";
    complain(form, known ? text("This device has a passkey for this camera already.") : text("The passkey could not be made."));
  }
}

document.addEventListener("answered", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement)) return;
  const { detail } = /** @type {CustomEvent} */ (event);
  if (form.dataset.gives === "enrolment") showEnrolment(form, detail);
  if (form.dataset.gives === "recovery-codes") showRecoveryCodes(detail.recovery_codes);
});

const adding = document.getElementById("add-passkey");
if (adding instanceof HTMLFormElement) {
  adding.hidden = !havePasskeys();
  document.getElementById("no-passkeys")?.toggleAttribute("hidden", havePasskeys());
  adding.addEventListener("submit", (event) => {
    event.preventDefault();
    const button = /** @type {HTMLButtonElement} */ (find("button", adding));
    button.disabled = true;
    addPasskey(adding).finally(() => (button.disabled = false));
  });
}
