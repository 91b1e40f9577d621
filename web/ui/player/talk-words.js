/**
 * What the page says about sound and talk: why it cannot be, in a sentence that says what to do, and who talks.
 */

import { language, serverText, text } from "./texts.js";

/**
 * @param {string | null} reason the code of `Talking` or `Listening`
 * @param {string} [detail] whose doing it is, or what the camera says about it; "" if that is not known
 * @returns {string} "" for a code that says nothing to a person
 */
export function explainTalk(reason, detail = "") {
  switch (reason) {
    case "insecure":
      return text("Browsers give the microphone only to pages with https. Open this camera at its address that begins with https.");
    case "no-media":
      return text("This browser cannot use a microphone. Use a recent Firefox, Chrome, Edge or Safari.");
    case "denied":
      return text("This page may not use your microphone. Allow it in the settings of this site, beside its address, then press again.");
    case "denied-by-system":
      return text("Your system does not let this browser use the microphone. Allow it in the system’s privacy settings, then press again.");
    case "dismissed":
      return text("The browser’s question about the microphone was closed. Press again, and allow it.");
    case "prompt":
      return text("The browser asks whether this page may use your microphone. Please allow it.");
    case "unanswered":
      return text("The browser asks whether this page may use your microphone. Allow it, then press again.");
    case "no-microphone":
      return text("No microphone was found. Connect one, then press again.");
    case "microphone-busy":
      return text("Your microphone cannot be used: perhaps another program holds it. Close that program, then press again.");
    case "microphone-gone":
      return text("Your microphone was disconnected. Connect it, then press again.");
    case "microphone-failed":
      return text("Your microphone cannot be opened. Press again; if that does not help, restart the browser.");
    case "loudspeaker-trouble":
      return serverText(detail);
    case "loudspeaker-muted":
      return text("The camera’s loudspeaker is muted: nobody would hear you.");
    case "floor-taken":
      return detail ? text("%(name)s is talking. Wait a moment, then press again.", { name: detail }) : text("Somebody else is talking. Wait a moment, then press again.");
    case "floor-full":
      return text("As many people talk as this camera allows. Wait a moment, then press again.");
    case "floor-lost":
      return detail ? text("%(name)s talks now, and you are no longer heard.", { name: detail }) : text("Your talk was ended, and you are no longer heard.");
    case "no-loudspeaker":
      return text("This camera has no loudspeaker to talk through.");
    case "not-allowed":
      return text("You may not talk through this camera. Ask its owner to allow it.");
    case "not-connected":
      return text("There is no connection to the camera now. Press again when the picture is back.");
    case "connection-lost":
      return text("The connection was lost, and you are no longer heard. Press again when the picture is back.");
    case "hold":
      return text("Hold the button while you talk. The lock beside it lets you talk without holding.");
    case "ready":
      return text("Your microphone is ready. Hold the button while you talk.");
    case "sound-refused":
      return text("The browser keeps the sound off until you press the button “Sound”.");
    case "may-not-listen":
      return text("You may not listen to this camera. Ask its owner to allow it.");
    case "nothing-heard":
      return text("Nothing is heard yet.");
    case "nothing-brought":
      return text("Nothing is heard yet. Perhaps this camera has no microphone.");
    default:
      return "";
  }
}

/**
 * What is in the way of hearing, as the camera says it.
 * @param {import("./types.js").Sound} sound
 * @returns {string}
 */
export function describeEar({ trouble, muted }) {
  if (muted) return text("The camera’s microphone is muted.");
  return trouble ? serverText(trouble) : "";
}

/**
 * @param {boolean} self whether this person talks
 * @param {string[]} others the names of the others who do
 * @returns {string} "" while nobody talks
 */
export function describeTalkers(self, others) {
  const names = new Intl.ListFormat(language()).format(others);
  if (self) return others.length ? text("You and %(names)s are talking", { names }) : text("You are talking");
  if (others.length > 1) return text("%(names)s are talking", { names });
  return others.length ? text("%(name)s is talking", { name: names }) : "";
}

/**
 * For the details under the picture.
 * @param {import("./types.js").Sound} sound
 * @returns {string}
 */
export function describeSource({ source, muted }) {
  if (source === "off") return text("Off");
  if (muted) return text("Muted");
  return source === "microphone" ? text("Microphone") : text("From the camera");
}

/**
 * For the details under the picture.
 * @param {import("./types.js").Sound} sound
 * @returns {string}
 */
export function describeMouth({ talk: { possible, muted, duplex } }) {
  if (!possible) return text("No loudspeaker");
  if (muted) return text("Loudspeaker muted");
  if (duplex === "none") return text("Both sides at once, without echo cancelling");
  return duplex === "half" ? halfDuplex() : text("Both sides at once");
}

/**
 * What whoever listens should know while somebody talks.
 * @param {import("./types.js").Sound} sound
 * @returns {string}
 */
export function explainDuplex({ talk: { duplex, talkers } }) {
  if (duplex === "full" || talkers.length === 0) return "";
  if (duplex === "half") return halfDuplex();
  return text("Nothing takes the echo out of the sound that this camera brings: whoever talks may hear themselves.");
}

function halfDuplex() {
  return text("The microphone is lowered while somebody talks.");
}
