/**
 * The page's side of sound and talk: their buttons, keys, sentences and the level, and the same for scripts, on <html>.
 */

import { listenToHolding } from "./holding.js";
import { listenToHeldKey } from "./keys.js";
import { followLevel } from "./level.js";
import { Listening } from "./listening.js";
import { Microphone } from "./microphone.js";
import { announce, find, iconPath } from "./stage.js";
import { describeEar, describeMouth, describeSource, describeTalkers, explainDuplex, explainTalk } from "./talk-words.js";
import { Talking } from "./talking.js";
import { serverText } from "./texts.js";

const REMEMBERED = "pi-cam.sound";
const GONE = ["stopped", "privacy", "signed-out"];

/** @typedef {import("./line.js").Line} Line */

/**
 * @param {import("./player.js").Player} player
 * @returns {{toggleSound: () => void, giveIn: () => boolean}}
 */
export function converse(player) {
  const { line, video } = player;
  const listening = new Listening(line, video);
  const talking = new Talking(line, new Microphone());
  const level = followLevel(listening, player);
  const show = () => {
    showSound(line, listening, level.reason, GONE.includes(player.state));
    showTalk(line, talking, GONE.includes(player.state));
    showTalkers(line, talking);
    showDetails(line);
  };
  for (const one of [line, listening, talking, level]) {
    for (const name of ["sound", "state", "up", "down"]) one.addEventListener(name, show);
  }
  player.addEventListener("state", show);
  for (const button of document.querySelectorAll(".note [data-closes]")) button.addEventListener("click", closeNote);
  listenToTalkers(talking);
  const toggleSound = () => {
    if (find("#sound", HTMLButtonElement).hidden) return;
    listening.turn(!listening.isOn);
    remember(listening.isOn);
  };
  find("#sound", HTMLButtonElement).addEventListener("click", toggleSound);
  show();
  if (isRemembered() && player.can.includes("listen")) listening.turn(true);
  return { toggleSound, giveIn: () => listening.giveIn() };
}

/** @param {Talking} talking */
function listenToTalkers(talking) {
  const press = () => (talking.isHandsFree ? talking.stop() : talking.press());
  const release = (/** @type {{short?: boolean}} */ how = {}) => talking.release(how);
  listenToHolding(find("#talk", HTMLButtonElement), { press, release, click: () => talking.toggle() });
  // Where there is no button, the key says why; of a camera that is gone the page says it all.
  const isThere = () => !GONE.includes(document.documentElement.dataset.state ?? "");
  listenToHeldKey("t", { press: () => isThere() && press(), release });
  find("#hands-free", HTMLButtonElement).addEventListener("click", () => talking.toggle());
  find("#take-over", HTMLButtonElement).addEventListener("click", () => {
    talking.press({ take: true, handsFree: true });
    find("#talk", HTMLButtonElement).focus(); // the pressed one goes
  });
  const leave = () => talking.leave();
  document.addEventListener("visibilitychange", () => document.hidden && leave());
  addEventListener("pagehide", leave);
}

/**
 * @param {Line} line
 * @param {Listening} listening
 * @param {string | null} silence why nothing is heard although it is on
 * @param {boolean} isGone
 */
function showSound({ can, sound }, { isOn, reason }, silence, isGone) {
  const button = find("#sound", HTMLButtonElement);
  const isOff = !can.includes("listen") || sound === null || sound.source === "off";
  button.hidden = isGone || isOff;
  button.setAttribute("aria-pressed", String(isOn));
  find("#sound-icon", SVGUseElement).setAttribute("href", iconPath(isOn ? "sound" : "sound-off"));
  find("#level", HTMLElement).hidden = !isOn;
  document.documentElement.dataset.sound = isOn ? "on" : "off";
  const ear = isOn && sound ? describeEar(sound) || explainTalk(silence) || explainDuplex(sound) : "";
  note("#sound-note", isGone || (isOff && isOn) ? "" : explainTalk(reason) || ear, reason !== null);
}

/**
 * @param {Line} line
 * @param {Talking} talking
 * @param {boolean} isGone
 */
function showTalk({ can, sound, isUp, isOwner }, { state, reason, detail, isHandsFree, isBusy }, isGone) {
  const root = document.documentElement;
  root.dataset.talk = state;
  root.dataset.talkReason = reason ?? "";
  find("#talk-group", HTMLElement).hidden = isGone || !can.includes("talk") || !sound?.talk.possible;
  const button = find("#talk", HTMLButtonElement);
  button.setAttribute("aria-pressed", String(isBusy));
  button.setAttribute("aria-disabled", String(!isUp));
  find("#hands-free", HTMLButtonElement).setAttribute("aria-pressed", String(isHandsFree));
  const isAsked = reason === "prompt"; // first of all by the browser: nothing goes on without an answer
  const trouble = isBusy && !isAsked && sound?.talk.trouble ? serverText(sound.talk.trouble) : "";
  note("#talk-note", isGone ? "" : trouble || explainTalk(reason, detail), state === "refused" || trouble !== "");
  find("#take-over", HTMLButtonElement).hidden = !(["floor-taken", "floor-full"].includes(reason ?? "") && isOwner);
}

/**
 * @param {Line} line
 * @param {Talking} talking
 */
function showTalkers(line, talking) {
  const chip = find("#talkers", HTMLElement);
  const words = describeTalkers(talking.state === "on", line.others());
  const said = find("#talkers-words", HTMLElement);
  chip.hidden = words === "";
  if (words && words !== said.textContent) announce(words);
  said.textContent = words;
}

/** @param {Line} line */
function showDetails({ can, sound }) {
  if (!sound) return;
  find('[data-detail="sound"]', HTMLElement).textContent = describeSource(sound);
  const mouth = can.includes("talk") || !sound.talk.possible ? describeMouth(sound) : explainTalk("not-allowed");
  find('[data-detail="talk"]', HTMLElement).textContent = mouth;
}

/** What was read need not be read again. @param {Event} event */
function closeNote({ currentTarget }) {
  const element = currentTarget instanceof Element ? currentTarget.closest(".note") : null;
  element?.toggleAttribute("hidden", true);
}

/**
 * @param {string} selector
 * @param {string} sentence
 * @param {boolean} isTrouble
 */
function note(selector, sentence, isTrouble) {
  const element = find(selector, HTMLElement);
  const words = find(`${selector} > span`, HTMLElement);
  element.classList.toggle("trouble", isTrouble);
  if (sentence === words.textContent) return; // it may have been closed
  element.hidden = sentence === "";
  words.textContent = sentence;
  if (sentence) announce(sentence);
}

/** @param {boolean} isOn for as long as this tab is open */
function remember(isOn) {
  try {
    sessionStorage.setItem(REMEMBERED, isOn ? "on" : "off");
  } catch {
    // a browser that keeps nothing
  }
}

/** @returns {boolean} */
function isRemembered() {
  try {
    return sessionStorage.getItem(REMEMBERED) === "on";
  } catch {
    return false;
  }
}
