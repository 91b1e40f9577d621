/**
 * What the page says in each state: a word for the pill, and a sentence for the empty stage.
 */

import { FORGED } from "./identity.js";
import { serverText, text } from "./texts.js";

/**
 * @typedef {"start" | "watch" | "retry" | "sign-in" | null} Action  what the stage offers to do
 * @typedef {{word: string, title: string, sentence: string, icon: string, action: Action}} Words
 */

/**
 * @param {import("./types.js").State} state
 * @param {string | null} reason
 * @param {string[]} can the person's capabilities
 * @param {string | null} [trouble] what the camera itself says is wrong
 * @returns {Words}
 */
export function describe(state, reason, can, trouble) {
  switch (state) {
    case "idle":
      return words(text("Paused"), text("Paused"), text("You are not watching. The camera goes on."), "pause", "watch");
    case "connecting":
      return words(text("Connecting…"), text("Connecting…"), "", "spinner", null);
    case "reconnecting":
      return words(text("Reconnecting…"), text("Reconnecting…"), reason ? explain(reason) : "", "spinner", null);
    case "live":
      return words(text("Live"), "", "", "", null);
    case "stopped":
      return describeStopped(can);
    case "privacy":
      return words(
        text("Private"),
        text("Privacy is on"),
        text("Somebody at home turned the camera off. It comes back when they turn it on again."),
        "privacy",
        null,
      );
    case "unreachable":
      return describeUnreachable(reason, trouble ?? null);
    case "busy":
      return words(text("Busy"), text("Too many people are watching"), explain(reason), "busy", "retry");
    case "signed-out":
      return words(
        text("Signed out"),
        text("You are signed out"),
        text("Your session has ended. Sign in to go on watching."),
        "lock",
        "sign-in",
      );
    case "failed":
      return describeFailed(reason);
  }
}

/** @param {string[]} can @returns {Words} */
function describeStopped(can) {
  const title = text("The camera is stopped");
  const sentence = can.includes("control")
    ? text("Nobody can watch until you start it.")
    : text("Nobody can watch until its owner starts it.");
  return words(text("Stopped"), title, sentence, "stopped", can.includes("control") ? "start" : null);
}

/**
 * @param {string | null} reason
 * @param {string | null} trouble
 * @returns {Words}
 */
function describeUnreachable(reason, trouble) {
  const known = reason === "source-unreachable" && trouble ? serverText(trouble) : "";
  const advice = known ? text("This page goes on trying.") : explain(reason);
  const sentence = [known, advice].filter(Boolean).join(" ");
  // The camera's own retries need no help; a connection of ours does.
  return words(text("Unreachable"), text("The camera cannot be reached"), sentence, "unreachable", known ? null : "retry");
}

/** @param {string | null} reason @returns {Words} */
function describeFailed(reason) {
  if (reason === FORGED) return words(text("Refused"), text("Something else answered"), explain(reason), "lock", "retry");
  const final = ["no-webrtc", "no-h264", "not-allowed", "not-found"].includes(reason ?? "");
  return words(text("No picture"), text("No picture gets here"), explain(reason), "failed", final ? null : "retry");
}

/**
 * @param {string | null} reason the code of a problem
 * @returns {string} what went wrong and what to do, or "" for a code that says nothing to a person
 */
export function explain(reason) {
  switch (reason) {
    case "source-unreachable":
      return text("It does not answer at its address. Check that it is switched on and connected to your network.");
    case "no-answer":
      return text("It does not answer. Check your own connection, and that the camera is switched on.");
    case "too-many-viewers":
      return text("Your place comes as soon as somebody leaves. This page tries again by itself.");
    case "too-many-connections":
      return text("As many connections come from where you are as this camera allows. This page tries again by itself.");
    case "too-many-tries":
      return text("There were too many attempts. This page tries again by itself in a moment.");
    case "no-connection":
      return text("The camera answers, but no direct connection is possible. A firewall or a VPN may be in the way: try another network.");
    case "no-relay":
      return text("No direct way leads to the camera from here, and the portal lends no relay at the moment. This page goes on trying; another network may help.");
    case "no-picture":
    case "lost":
      return text("The picture stopped coming. The network may be too weak here.");
    case "no-webrtc":
      return text("This browser cannot show live pictures (it lacks WebRTC). Use a recent Firefox, Chrome, Edge or Safari.");
    case "no-h264":
      return text("This browser cannot show the camera’s pictures (it lacks H.264). Try another browser.");
    case "offer-refused":
    case "refused":
    case "bad-message":
      return text("The camera did not understand this browser. Reload the page; if that does not help, update the camera.");
    case FORGED:
      return text("This connection was not signed by the camera that this browser remembers, so nothing was shown and nothing was sent. Somebody may sit in between; or the camera was set up anew, and you have to let this browser know it again, by the link on its page at home.");
    case "not-allowed":
      return text("You may not watch this camera. Ask its owner to share it with you.");
    case "not-found":
      return text("This camera does not exist any more.");
    default:
      return "";
  }
}

/**
 * @param {string} word
 * @param {string} title
 * @param {string} sentence
 * @param {string} icon
 * @param {Action} action
 * @returns {Words}
 */
function words(word, title, sentence, icon, action) {
  return { word, title, sentence, icon, action };
}

/** @param {import("./types.js").Camera} camera @returns {string} its name; that of one which nobody has named is a word */
export function nameOf(camera) {
  return camera.name === "Camera" ? text("Camera") : camera.name;
}
