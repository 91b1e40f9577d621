/**
 * Forms that speak to the camera's API. A form says where to (`data-method`, `data-path`), what then (`data-then`: an address,
 * "reload", or "show", which fills the form's own <output>s), and before it asks (`data-confirm`).
 *
 * Fields become JSON by their names: "cameras.door" with several boxes is {cameras: {door: [...]}}. `data-kind` says what a
 * field is: text (the usual), number, boolean, list (one entry a checked box), moment (seconds since 1970), omit-empty, or
 * null-empty.
 */

import { send } from "./api.js";
import { serverText, text } from "./texts.js";

/** @typedef {{[name: string]: Json}} JsonObject @typedef {string | number | boolean | null | Json[] | JsonObject} Json */

/**
 * @param {Iterable<HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement>} fields
 * @param {boolean} [changedOnly] leaves out what is as it was when the page came
 * @returns {JsonObject}
 */
export function valuesOf(fields, changedOnly = false) {
  /** @type {JsonObject} */
  const body = {};
  for (const field of fields) {
    if (!field.name || field.disabled || (changedOnly && !isChanged(field))) continue;
    const { owner, name } = placeOf(body, field.name);
    const kind = field.dataset.kind ?? "text";
    if (kind === "list") {
      const list = /** @type {Json[]} */ ((owner[name] ??= []));
      if ("checked" in field && field.checked) list.push(field.value);
    } else if (kind !== "omit-empty" || field.value) {
      owner[name] = valueOf(field, kind);
    }
  }
  return body;
}

/** @param {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} field */
function isChanged(field) {
  if ("defaultChecked" in field && field.type === "checkbox") return field.checked !== field.defaultChecked;
  if ("options" in field) return !field.options[field.selectedIndex]?.defaultSelected;
  return field.value !== field.defaultValue;
}

/**
 * @param {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} field
 * @param {string} kind
 * @returns {Json}
 */
function valueOf(field, kind) {
  if (kind === "boolean") return "checked" in field && field.type === "checkbox" ? field.checked : field.value === "true";
  if (kind === "null-empty") return field.value || null;
  if (kind === "number") return field.value === "" ? null : Number(field.value);
  if (kind === "moment") return field.value === "" ? null : new Date(field.value).getTime() / 1000;
  return field.value;
}

/**
 * @param {JsonObject} body
 * @param {string} path
 * @returns {{owner: JsonObject, name: string}}
 */
function placeOf(body, path) {
  const dot = path.indexOf(".");
  if (dot < 0) return { owner: body, name: path };
  const owner = /** @type {JsonObject} */ ((body[path.slice(0, dot)] ??= {}));
  return { owner, name: path.slice(dot + 1) };
}

/**
 * @param {number} seconds since 1970
 * @returns {string} as a field of the kind datetime-local takes it: the person's own time, to the minute
 */
function localTime(seconds) {
  const moment = new Date(seconds * 1000);
  return new Date(moment.getTime() - moment.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** @param {HTMLFormElement} form */
async function submit(form) {
  if (form.dataset.confirm && !(await confirmed(form.dataset.confirm, form.dataset.yes ?? text("Yes")))) return;
  complain(form, "");
  form.toggleAttribute("aria-busy", true);
  const method = form.dataset.method ?? "POST";
  const values = valuesOf(/** @type {Iterable<HTMLInputElement>} */ (form.elements), "changedOnly" in form.dataset);
  const bare = method === "DELETE" && !Object.keys(values).length;
  const { status, body } = await send(form.dataset.path ?? "", method, bare ? undefined : values);
  form.toggleAttribute("aria-busy", false);
  if (status === 401) location.assign(`/login?next=${encodeURIComponent(location.pathname)}`);
  else if (status === 0 || status >= 400) complain(form, troubleOf({ status, body }));
  else follow(form, body);
}

/**
 * @param {{status: number, body: any}} answer that says no
 * @returns {string} why, for a person
 */
export function troubleOf({ status, body }) {
  if (status === 0) return text("The camera does not answer. Check your own connection.");
  return serverText(body?.detail ?? text("That did not work. Please try again."));
}

/**
 * @param {HTMLFormElement} form
 * @param {any} body
 */
function follow(form, body) {
  form.dispatchEvent(new CustomEvent("answered", { detail: body, bubbles: true }));
  const then = form.dataset.then ?? "reload";
  if (then === "show") {
    for (const output of form.querySelectorAll("output[data-field]")) {
      output.textContent = String(body?.[/** @type {HTMLElement} */ (output).dataset.field ?? ""] ?? "");
      output.closest("[data-result]")?.removeAttribute("hidden");
    }
  } else if (then === "reload") {
    location.reload();
  } else if (then) {
    location.assign(then);
  }
}

/**
 * @param {HTMLFormElement} form
 * @param {string} sentence or "" when all is well again
 */
export function complain(form, sentence) {
  let place = form.querySelector(".problem");
  if (!place) {
    place = document.createElement("p");
    place.className = "problem";
    place.setAttribute("role", "alert");
    form.append(place);
  }
  place.textContent = sentence;
  place.toggleAttribute("hidden", !sentence);
}

/**
 * @param {string} question
 * @param {string} yes
 * @returns {Promise<boolean>}
 */
export function confirmed(question, yes) {
  const dialog = /** @type {HTMLDialogElement} */ (document.getElementById("confirm"));
  /** @type {HTMLElement} */ (document.getElementById("confirm-question")).textContent = question;
  /** @type {HTMLElement} */ (document.getElementById("confirm-yes")).textContent = yes;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) =>
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }),
  );
}

/**
 * @param {Date} moment
 * @param {{lang: string, dataset: DOMStringMap}} page its `data-time-zone` is the camera's own zone, where it has one
 * @returns {string} in that zone, which is named where the browser is in another
 */
export function momentText(moment, { lang, dataset }) {
  const own = new Intl.DateTimeFormat().resolvedOptions().timeZone;
  const zone = dataset.timeZone;
  /** @type {Intl.DateTimeFormatOptions} */
  const form = { year: "numeric", month: "short", day: "numeric", hour: "numeric", minute: "2-digit" };
  if (!zone || zone === own) return moment.toLocaleString(lang, { dateStyle: "medium", timeStyle: "short" });
  try {
    return moment.toLocaleString(lang, { ...form, timeZone: zone, timeZoneName: "short" });
  } catch {
    return moment.toLocaleString(lang, { ...form, timeZoneName: "short" }); // a zone that this browser does not know
  }
}

if (typeof document !== "undefined") {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || !form.dataset.path) return;
    event.preventDefault();
    submit(form);
  });
  // Before this module is here a form would leave as the browser sends one: the page keeps them out of reach till now.
  for (const form of document.querySelectorAll("form[data-path]")) form.removeAttribute("inert");
  // Moments are written in the camera's time zone, else in the person's own; the server knows seconds only.
  for (const field of document.querySelectorAll("input[data-seconds]")) {
    if (field instanceof HTMLInputElement) field.value = localTime(Number(field.dataset.seconds));
  }
  for (const element of document.querySelectorAll("time[data-seconds]")) {
    const moment = new Date(Number(/** @type {HTMLElement} */ (element).dataset.seconds) * 1000);
    element.textContent = momentText(moment, document.documentElement);
    element.setAttribute("datetime", moment.toISOString());
  }
}
