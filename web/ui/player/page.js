/**
 * The live page: wires the player to the stage, the buttons and the keys.
 */

import { tellCamera } from "./api.js";
import { converse } from "./conversation.js";
import { followDetails, showDetails, showShare, showStages } from "./details.js";
import { canFullScreen, toggleFullScreen } from "./fullscreen.js";
import { followIdentity } from "./identity-words.js";
import { Identity } from "./identity.js";
import { listenToKeys } from "./keys.js";
import { followLatency } from "./latency.js";
import { closeMenuOutside } from "./menu.js";
import { readPin } from "./pin.js";
import { Player } from "./player.js";
import { followPresence } from "./presence.js";
import { announce, find, showDelay, showRung, showState } from "./stage.js";
import { text } from "./texts.js";
import { explain } from "./words.js";

const SIGN_IN_MS = 2_000; // long enough to read why
const FAULT_MS = 6_000;

const stage = find("#stage", HTMLElement);
const video = find("#video", HTMLVideoElement);
const help = find("#help", HTMLDialogElement);
const cameraId = stage.dataset.camera ?? "main";
const player = new Player(video, cameraId, { identity: new Identity(readPin()) });
player.can = (stage.dataset.can ?? "").split(" ");

const conversation = converse(player);

/** For people's scripts. */
Object.assign(window, { piCam: { player } });

/** @param {string} selector @param {() => void} act */
function onClick(selector, act) {
  find(selector, HTMLElement).addEventListener("click", act);
}

/** The pressed button goes; whoever uses the keyboard goes on from the one that comes. @param {string} selector */
function passFocus(selector) {
  const give = () => requestAnimationFrame(() => find(selector, HTMLButtonElement).focus());
  player.addEventListener("state", give, { once: true });
}

/** @param {"start" | "stop"} action */
async function tell(action) {
  const button = find(`#${action}`, HTMLButtonElement);
  if (document.activeElement === button) passFocus(action === "stop" ? "#start" : "#stop");
  button.disabled = true;
  const { status, code } = await tellCamera(cameraId, action);
  button.disabled = false;
  if (status === 401) signIn();
  else if (status === 0 || status >= 400) showFault(explain(code) || text("That did not work. Please try again."));
  else if (action === "start") player.retry();
}

let faultTimer = 0;

/** @param {string} sentence */
function showFault(sentence) {
  const fault = find("#fault", HTMLElement);
  clearTimeout(faultTimer);
  fault.textContent = sentence;
  fault.hidden = false;
  announce(sentence);
  faultTimer = setTimeout(() => (fault.hidden = true), FAULT_MS);
}

function togglePlay() {
  if (find("#play", HTMLButtonElement).disabled) return;
  if (player.state === "idle") player.start();
  else player.close();
}

/** The browser wants a tap before it plays; perhaps only because of the sound. */
function refused() {
  if (!conversation.giveIn()) find("#tap", HTMLElement).hidden = false;
}

function tapped() {
  find("#tap", HTMLElement).hidden = true;
  video.play().catch(() => {}); // refused again: the next tap may be luckier
}

function signIn() {
  location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
}

function fullScreen() {
  toggleFullScreen(stage, video);
}

function stateChanged() {
  showState(player);
  if (player.state === "signed-out") setTimeout(signIn, SIGN_IN_MS);
}

/** The box takes the picture's shape, so that no black bars appear around it. */
function fitPicture() {
  if (video.videoWidth) stage.style.setProperty("--shape", `${video.videoWidth / video.videoHeight}`);
}

player.addEventListener("state", stateChanged);
player.addEventListener("camera", () => player.camera && showDetails(player.camera));
player.addEventListener("delay", () => showDelay(player.delayMs));
player.addEventListener("stages", () => showStages(player.meter.stages));
player.addEventListener("stages", () => showShare(player.meter.gets));
player.addEventListener("rung", () => showRung(player.rung));
player.addEventListener("refused", refused);
video.addEventListener("resize", fitPicture);
video.addEventListener("playing", () => (find("#tap", HTMLElement).hidden = true));

onClick("#play", togglePlay);
onClick("#watch", togglePlay);
onClick("#tap", tapped);
onClick("#retry", () => player.retry());
onClick("#sign-in", signIn);
onClick("#start", () => tell("start"));
onClick("#stop", () => tell("stop"));
onClick("#full-screen", fullScreen);
onClick("#show-help", () => help.showModal());
find("#full-screen", HTMLElement).hidden = !canFullScreen(video);

listenToKeys({
  " ": togglePlay,
  k: togglePlay,
  f: fullScreen,
  m: conversation.toggleSound,
  s: () => find("#snapshot", HTMLAnchorElement).click(),
  "?": () => help.showModal(),
});

followLatency(player);
followIdentity(player.identity, stage.dataset.away !== undefined);
followDetails(find("#details", HTMLDetailsElement), cameraId);
closeMenuOutside(find("#menu", HTMLDetailsElement));
followPresence(player);
showRung("");
showDelay(null);
showState(player);
player.start();
