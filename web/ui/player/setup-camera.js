/** The step of picture and sound: the live picture, and how loud it is. */

import { tellCamera } from "./api.js";
import { Identity } from "./identity.js";
import { followLevel } from "./level.js";
import { Listening } from "./listening.js";
import { readPin } from "./pin.js";
import { Player } from "./player.js";
import { announce, find, iconPath } from "./stage.js";
import { describeEar, explainTalk } from "./talk-words.js";
import { text } from "./texts.js";
import { describe } from "./words.js";

const stage = find("#stage", HTMLElement);
const video = find("#video", HTMLVideoElement);
const player = new Player(video, stage.dataset.camera ?? "main", { identity: new Identity(readPin()) });

/** For people's scripts. */
Object.assign(window, { piCam: { player } });

function showState() {
  const words = describe(player.state, player.reason, player.can, player.camera?.trouble);
  document.documentElement.dataset.state = player.state;
  find("#pill-word", HTMLElement).textContent = words.word;
  find("#notice-title", HTMLElement).textContent = words.title;
  find("#notice-sentence", HTMLElement).textContent = words.sentence;
  find("#notice-icon", SVGUseElement).setAttribute("href", iconPath(words.icon));
  const again = find("#again", HTMLButtonElement);
  again.hidden = words.action !== "retry" && words.action !== "start";
  again.textContent = words.action === "start" ? text("Start") : text("Try again");
  announce([words.word, words.sentence].filter(Boolean).join(". "));
}

/** A camera that somebody stopped is started for everybody. */
async function again() {
  if (player.state === "stopped") await tellCamera(player.cameraId, "start");
  player.retry();
}

function follow() {
  const hearing = document.getElementById("hearing");
  if (!hearing) return;
  const listening = new Listening(player.line, video);
  const silence = followLevel(listening, player);
  const button = find("#listen", HTMLButtonElement);
  const show = () => {
    const { sound } = player.line;
    button.setAttribute("aria-pressed", String(listening.isOn));
    find("#listen-icon", SVGUseElement).setAttribute("href", iconPath(listening.isOn ? "sound" : "sound-off"));
    const wrong = (sound && describeEar(sound)) || explainTalk(silence.reason) || explainTalk(listening.reason);
    const isHeard = listening.isOn && player.state === "live";
    const hint = isHeard ? text("Say something near the camera: the bar moves when it hears you.") : "";
    find("#sound-words", HTMLElement).textContent = wrong || hint;
  };
  for (const one of [player, player.line, listening, silence]) {
    for (const name of ["sound", "state", "up"]) one.addEventListener(name, show);
  }
  button.addEventListener("click", () => listening.turn(!listening.isOn));
  player.addEventListener("refused", () => listening.giveIn());
  hearing.hidden = false;
}

for (const part of ["#video", "#pill", "#notice"]) find(part, HTMLElement).hidden = false;
player.addEventListener("state", showState);
video.addEventListener("resize", () => stage.style.setProperty("--shape", `${video.videoWidth / video.videoHeight}`));
find("#again", HTMLElement).addEventListener("click", again);
follow();
showState();
player.start();
