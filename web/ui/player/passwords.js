/**
 * A button beside each password field that shows what was typed: long passwords are easier to get right that way.
 */

for (const button of document.querySelectorAll("button[data-reveals]")) {
  const field = document.getElementById(/** @type {HTMLElement} */ (button).dataset.reveals ?? "");
  if (!(field instanceof HTMLInputElement)) continue;
  button.removeAttribute("hidden");
  button.addEventListener("click", () => {
    const isHidden = field.type === "password";
    field.type = isHidden ? "text" : "password";
    button.setAttribute("aria-pressed", String(isHidden));
  });
  // A password manager must see a password field when the form leaves.
  field.form?.addEventListener("submit", () => (field.type = "password"));
}
