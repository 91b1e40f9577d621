/** The page of the way in from outside: looks every few seconds whether the pairing or the tunnel changed, and shows it. */

import { watch } from "./changes.js";

watch("pairing", "/api/v1/pairing", (shown) => shown === "asking" || shown === "claimed");
watch("tunnel", "/api/v1/tunnel", (shown) => shown !== "off");
