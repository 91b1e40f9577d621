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

/** @param {KeyboardEvent} event @returns {boolean} */
function isTaken(event) {
  const target = event.target;
  if (!(target instanceof Element)) return false;
  if (target.closest("input, textarea, select, [contenteditable], dialog[open]")) return true;
  return event.key === " " && target.closest("button, summary, a[href]") !== null;
}
