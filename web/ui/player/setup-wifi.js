/** While the camera joins a network: looks how it goes, and says so when it has gone where this page cannot follow. */

import { send } from "./api.js";

const LOOK_MS = 2000;

async function look() {
  const { status, body } = await send("/api/v1/setup", "GET");
  if (status === 200 && body.wifi?.phase !== "joining") return location.reload();
  document.getElementById("gone")?.toggleAttribute("hidden", status !== 0); // after 15 s, where nothing comes back at all
  setTimeout(look, LOOK_MS);
}

setTimeout(look, LOOK_MS);
