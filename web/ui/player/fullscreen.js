/**
 * Full screen of the stage, with the controls; iPhones can only show the video element itself.
 */

/**
 * @param {HTMLElement} stage
 * @param {HTMLVideoElement} video
 */
export async function toggleFullScreen(stage, video) {
  if (document.fullscreenElement) return document.exitFullscreen();
  if (stage.requestFullscreen) return stage.requestFullscreen().catch(() => {}); // refused: the page stays as it is
  /** @type {any} */ (video).webkitEnterFullscreen?.();
  return undefined;
}

/**
 * @param {HTMLVideoElement} video
 * @returns {boolean}
 */
export function canFullScreen(video) {
  return document.fullscreenEnabled || "webkitEnterFullscreen" in video;
}
