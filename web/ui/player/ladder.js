/**
 * The ways for pictures to reach the page, best first. A further one is one file and one row.
 */

import { webrtc } from "./webrtc.js";

/** @type {import("./types.js").Rung[]} */
export const LADDER = [webrtc];
