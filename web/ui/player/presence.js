/**
 * Nobody watches a hidden tab: after a while its media ends, and comes back the moment it is looked at again.
 */

const HIDDEN_MS = 30_000;

/** @param {import("./player.js").Player} player */
export function followPresence(player) {
  let timer = 0;
  let wasWatching = false;
  const leave = () => {
    wasWatching = player.state !== "idle";
    if (wasWatching) player.close();
  };
  const comeBack = () => {
    if (wasWatching) player.start();
    wasWatching = false;
  };
  const look = () => {
    clearTimeout(timer);
    if (document.hidden) timer = setTimeout(leave, HIDDEN_MS);
    else comeBack();
  };
  document.addEventListener("visibilitychange", look);
  look(); // a tab may be opened in the background
  // A page kept for the back button must not keep the camera open.
  addEventListener("pagehide", leave);
  addEventListener("pageshow", ({ persisted }) => persisted && comeBack());
}
