/** The step of the time zone: what the browser says is chosen already, and what time it is there stands below. */

import { find } from "./stage.js";
import { text } from "./texts.js";

const list = find("#time_zone", HTMLSelectElement);
const own = new Intl.DateTimeFormat().resolvedOptions().timeZone;

if (!list.value && own) {
  const known = [...list.options].some((option) => option.value === own);
  if (!known) list.append(new Option(own, own));
  list.value = own;
}

function showTime() {
  let now = "";
  try {
    const form = { timeZone: list.value, weekday: "long", hour: "numeric", minute: "2-digit" };
    if (list.value) now = new Date().toLocaleString(document.documentElement.lang, /** @type {any} */ (form));
  } catch {
    now = ""; // a zone that this browser does not know
  }
  find("#now", HTMLElement).textContent = now && text("There it is now: %(time)s", { time: now });
}

list.addEventListener("change", showTime);
showTime();
