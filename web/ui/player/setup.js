/**
 * The first steps of setting up: the one-time code may come in the address, after the #, which no server and no log ever
 * sees. Where another step is shown it goes along to the one that asks for it.
 */

function takeCode() {
  const match = /(?:^#|&)code=([A-Za-z0-9-]{4,20})/.exec(location.hash);
  if (!match?.[1]) return;
  const field = document.querySelector("input[name=code]");
  if (!(field instanceof HTMLInputElement)) return passOn();
  field.value = match[1].toUpperCase();
  history.replaceState(null, "", location.pathname + location.search);
  const next = document.querySelector("input[name=name]");
  if (next instanceof HTMLInputElement) next.focus();
}

/** Whoever comes by the printed address has it in the hand: the owner is made first. */
function passOn() {
  if (location.pathname === "/setup") return location.replace(`/setup/owner${location.hash}`);
  for (const form of document.forms) {
    const action = form.getAttribute("action") ?? "";
    if (action.startsWith("/setup/")) form.action = action.replace(/#.*|$/, location.hash);
  }
}

takeCode();
// Whoever has this page open already and pastes the whole address does not load it again.
addEventListener("hashchange", takeCode);
