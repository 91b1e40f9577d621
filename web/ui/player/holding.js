/**
 * Press and hold, with a mouse, a finger or the keyboard.
 */

const SHORT_MS = 300;

/**
 * @typedef {object} Holder
 * @property {() => void} press
 * @property {(how: {short: boolean}) => void} release
 * @property {() => void} click  for who cannot hold: a screen reader's press has no length
 */

/**
 * @param {HTMLButtonElement} button
 * @param {Holder} holder
 */
export function listenToHolding(button, { press, release, click }) {
  /** @type {number | null} */
  let since = null;
  const down = (/** @type {Event} */ { timeStamp }) => {
    if (since !== null) return;
    since = timeStamp;
    press();
  };
  const up = (/** @type {Event} */ { timeStamp }) => {
    if (since === null) return;
    const short = timeStamp - since < SHORT_MS;
    since = null;
    release({ short });
  };
  button.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !event.isPrimary) return;
    button.setPointerCapture(event.pointerId); // the finger may wander
    down(event);
  });
  for (const name of ["pointerup", "pointercancel", "lostpointercapture", "blur"]) button.addEventListener(name, up);
  button.addEventListener("keydown", (event) => {
    if (!isPress(event)) return;
    event.preventDefault(); // else it clicks, too
    if (!event.repeat) down(event);
  });
  button.addEventListener("keyup", (event) => {
    if (!isPress(event)) return;
    event.preventDefault();
    up(event);
  });
  button.addEventListener("click", (event) => {
    if (event.detail === 0 && since === null) click();
  });
  button.addEventListener("contextmenu", (event) => event.preventDefault()); // a long press is no question
  addEventListener("blur", up);
}

/** @param {KeyboardEvent} event @returns {boolean} */
function isPress({ key, ctrlKey, metaKey, altKey }) {
  return (key === " " || key === "Enter") && !ctrlKey && !metaKey && !altKey;
}
