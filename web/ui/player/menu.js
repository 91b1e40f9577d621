/**
 * The menu in the corner is a plain disclosure; like any menu it closes when the person turns to something else.
 */

/** @param {HTMLDetailsElement} menu */
export function closeMenuOutside(menu) {
  const closeUnlessWithin = (/** @type {Event} */ { target }) => {
    if (!(target instanceof Node && menu.contains(target))) menu.open = false;
  };
  document.addEventListener("pointerdown", closeUnlessWithin);
  document.addEventListener("focusin", closeUnlessWithin);
  menu.addEventListener("keydown", ({ key }) => {
    if (key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.querySelector("summary")?.focus();
  });
}
