/**
 * The setup page: the one-time code may come in the address, after the #, which no server and no log ever sees.
 */

function takeCode() {
  const match = /(?:^#|&)code=([A-Za-z0-9-]{4,20})/.exec(location.hash);
  const field = document.querySelector("input[name=code]");
  if (!match?.[1] || !(field instanceof HTMLInputElement)) return;
  field.value = match[1].toUpperCase();
  history.replaceState(null, "", location.pathname + location.search);
  const next = document.querySelector("input[name=name]");
  if (next instanceof HTMLInputElement) next.focus();
}

takeCode();
// Whoever has this page open already and pastes the whole address does not load it again.
addEventListener("hashchange", takeCode);
