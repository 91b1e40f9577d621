/**
 * Smooth pictures or little delay: what whoever watches here chose, kept in this browser.
 */

import { find } from "./stage.js";

const NAME = "pi-cam.latency";
const CHOICES = ["smooth", "low"];

/** @returns {string | null} null: as the camera is set */
export function readLatency() {
  try {
    const kept = localStorage.getItem(NAME);
    return kept !== null && CHOICES.includes(kept) ? kept : null;
  } catch {
    return null; // a browser that keeps nothing for this site
  }
}

/** @param {string} choice "": as the camera is set */
function keep(choice) {
  try {
    if (choice) localStorage.setItem(NAME, choice);
    else localStorage.removeItem(NAME);
  } catch {
    // it holds until the page is closed
  }
}

/** @param {import("./player.js").Player} player connects again when somebody chooses */
export function followLatency(player) {
  const select = find("#latency", HTMLSelectElement);
  player.latency = readLatency();
  select.value = player.latency ?? "";
  select.addEventListener("change", () => {
    keep(select.value);
    player.latency = select.value || null;
    if (player.state !== "idle") player.retry();
  });
}
