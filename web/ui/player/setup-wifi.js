/** While the camera joins a network: looks how it goes, and says so when it has gone where this page cannot follow. */

import { send } from "./api.js";

const LOOK_MS = 2000;
const MISSES = 3;

let misses = 0;

async function look() {
  const { status, body } = await send("/api/v1/setup", "GET");
  if (status === 200 && body.wifi?.phase !== "joining") return location.reload();
  misses = status === 0 ? misses + 1 : 0;
  document.getElementById("gone")?.toggleAttribute("hidden", misses < MISSES);
  setTimeout(look, LOOK_MS);
}

setTimeout(look, LOOK_MS);
