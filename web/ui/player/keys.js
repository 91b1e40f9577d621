/**
 * Keyboard shortcuts, which keep out of the way of typing and of the keys that buttons and dialogs use themselves.
 */

/**
 * @param {Record<string, () => void>} shortcuts by key, in lower case
 */
export function listenToKeys(shortcuts) {
  document.addEventListener("keydown", (event) => {
    const act = shortcuts[event.key.toLowerCase()];
    if (!act || event.repeat || event.ctrlKey || event.metaKey || event.altKey || isTaken(event)) return;
    event.preventDefault();
    act();
  });
}

/**
 * A key that means something for as long as it is held.
 * @param {string} held in lower case
 * @param {{press: () => void, release: () => void}} holder
 */
export function listenToHeldKey(held, { press, release }) {
  let isHeld = false;
  const end = () => {
    if (isHeld) release();
    isHeld = false;
  };
  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== held || event.ctrlKey || event.metaKey || event.altKey || isTaken(event)) return;
    event.preventDefault();
    if (isHeld || event.repeat) return;
    isHeld = true;
    press();
  });
  document.addEventListener("keyup", ({ key }) => key.toLowerCase() === held && end());
  addEventListener("blur", end); // the end of the press is told to another window
}

/** @param {KeyboardEvent} event @returns {boolean} */
function isTaken(event) {
  const target = event.target;
  if (!(target instanceof Element)) return false;
  if (target.closest("input, textarea, select, [contenteditable], dialog[open]")) return true;
  return event.key === " " && target.closest("button, summary, a[href]") !== null;
}
