/** The page about the device: while an update is under way it is looked how far that came. */

import { watch } from "./changes.js";

watch("updates", "/api/v1/updates", (shown) => shown !== "nothing");
