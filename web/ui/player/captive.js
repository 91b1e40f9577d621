/**
 * The page of the setup hotspot: shows the networks that the camera found, and sends it the password of one, sealed.
 */

import { seal } from "./sealing.js";
import { serverText, text } from "./texts.js";

/**
 * @typedef {{ssid: string, signal: number, security: "open" | "wpa" | "wep" | "enterprise", known: boolean}} Network
 * @typedef {{phase: string, ssid: string | null, failed_ssid: string | null, reason: string | null}} State
 * @typedef {{key: string, state: State, networks: Network[], name: string | null}} Answer
 */

const LOOK_MS = 3_000;

/** @type {Answer | null} */
let last = null;
let sent = "";

/** @template {HTMLElement} T @param {string} id @param {new () => T} type @returns {T} */
function find(id, type) {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`no ${id}`);
  return found;
}

const form = find("form", HTMLFormElement);
const list = find("networks", HTMLUListElement);
const nameField = find("name", HTMLInputElement);
const password = find("password", HTMLInputElement);
const problem = find("problem", HTMLParagraphElement);
const join = find("join", HTMLButtonElement);

/** @returns {string | null} the chosen name, "" for a hidden one, null for none */
function chosen() {
  const box = list.querySelector("input:checked");
  return box instanceof HTMLInputElement ? box.value : null;
}

/** @param {string} sentence */
function say(sentence) {
  problem.textContent = sentence;
  problem.hidden = !sentence;
}

/** @param {Network} network @returns {string} */
function about(network) {
  if (network.security === "open") return text("open");
  if (network.security === "wpa") return "";
  return text("not possible");
}

/** @param {Network | null} network null: one that hides its name */
function row(network) {
  const item = document.createElement("li");
  const label = item.appendChild(document.createElement("label"));
  const box = label.appendChild(document.createElement("input"));
  box.type = "radio";
  box.name = "network";
  box.value = network?.ssid ?? "";
  const name = label.appendChild(document.createElement("bdi"));
  name.className = "name";
  name.textContent = network ? network.ssid : text("Another network, which hides its name");
  if (!network) return item;
  const note = label.appendChild(document.createElement("span"));
  note.className = "about";
  note.textContent = about(network);
  const meter = label.appendChild(document.createElement("meter"));
  meter.max = 100;
  meter.value = network.signal;
  meter.title = text("Signal");
  return item;
}

/** @param {Answer} answer */
function show(answer) {
  const before = chosen();
  const same = last && JSON.stringify(last.networks.map((one) => one.ssid)) === JSON.stringify(answer.networks.map((one) => one.ssid));
  last = answer;
  if (!same) {
    list.replaceChildren(...answer.networks.map(row), row(null));
    for (const box of list.querySelectorAll("input")) box.checked = box.value === before;
    showFields();
  }
  if (answer.name) find("address", HTMLElement).textContent = `https://${answer.name}`;
  form.hidden = false;
  find("looking", HTMLParagraphElement).hidden = true;
}

function showFields() {
  const ssid = chosen();
  const network = last?.networks.find((one) => one.ssid === ssid);
  find("hidden-field", HTMLDivElement).hidden = ssid !== "";
  find("password-field", HTMLDivElement).hidden = ssid === null || (network !== undefined && network.security !== "wpa");
  join.disabled = ssid === null;
}

/** @param {State} state @returns {string} */
function failure(state) {
  const values = { ssid: state.failed_ssid ?? "" };
  if (state.reason === "wrong_password") return text("“%(ssid)s” refused the password. Type it again, as it is written.", values);
  if (state.reason === "not_found") return text("The camera does not find “%(ssid)s”. Is it near enough, and on 2.4 GHz?", values);
  if (state.reason === "no_address") return text("“%(ssid)s” gave the camera no address. Restart the router, then try again.", values);
  return state.reason ? text("The camera could not join “%(ssid)s”. Try again, or choose another network.", values) : "";
}

async function send() {
  const ssid = chosen();
  if (ssid === null || !last) return;
  const typed = find("password-field", HTMLDivElement).hidden ? "" : password.value; // left over from another network
  const credentials = { ssid: ssid || nameField.value, passphrase: typed || null, hidden: ssid === "" };
  join.disabled = true;
  say("");
  try {
    const response = await fetch("/setup-wifi/join", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ sealed: seal(last.key, credentials) }),
    });
    const answer = await response.json();
    if (response.ok) tellWhatHappens(credentials.ssid, answer.hotspot);
    else say(serverText(answer.error));
  } catch {
    say(text("The camera does not answer. Is your phone still in its Wi-Fi?"));
  }
  join.disabled = false;
}

/** @param {string} ssid @param {string} hotspot */
function tellWhatHappens(ssid, hotspot) {
  sent = ssid;
  password.value = "";
  find("joining-title", HTMLHeadingElement).textContent = text("The camera joins “%(ssid)s”", { ssid });
  find("otherwise", HTMLLIElement).textContent = text(
    "If it cannot, the Wi-Fi “%(hotspot)s” comes back within two minutes: join it again, and this page says why.",
    { hotspot },
  );
  find("choose", HTMLElement).hidden = true;
  find("joining", HTMLElement).hidden = false;
  find("joining", HTMLElement).focus();
}

async function look() {
  try {
    const response = await fetch("/setup-wifi/state", { signal: AbortSignal.timeout(LOOK_MS) });
    if (!response.ok) throw new Error("not now");
    const answer = /** @type {Answer} */ (await response.json());
    const first = last === null;
    show(answer);
    const back = sent !== "" && answer.state.phase === "hotspot" && answer.state.failed_ssid !== null;
    if (back) {
      sent = "";
      find("choose", HTMLElement).hidden = false;
      find("joining", HTMLElement).hidden = true;
    }
    if (first || back) say(failure(answer.state));
  } catch {
    // The phone is elsewhere, or the camera tries the network: the next look tells.
  }
  setTimeout(look, LOOK_MS);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  void send();
});
list.addEventListener("change", () => {
  showFields();
  const network = last?.networks.find((one) => one.ssid === chosen());
  if (network?.security === "wep") say(text("This network is protected by WEP, which anybody can break and this camera does not speak: set the router to WPA2."));
  else if (network?.security === "enterprise") say(text("This network wants a name and a password for each person (enterprise), which this camera does not speak."));
  else say("");
  (chosen() === "" ? nameField : password).focus();
});
find("reveal", HTMLInputElement).addEventListener("change", (event) => {
  password.type = /** @type {HTMLInputElement} */ (event.target).checked ? "text" : "password";
});
void look();
