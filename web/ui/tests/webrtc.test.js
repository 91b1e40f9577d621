import assert from "node:assert/strict";
import test from "node:test";

import { preferH264 } from "../player/webrtc.js";

const codec = (mimeType, sdpFmtpLine) => ({ mimeType, ...(sdpFmtpLine && { sdpFmtpLine }) });

test("H.264 comes first, packetisation mode 1 before mode 0, and nothing is lost", () => {
  const vp8 = codec("video/VP8");
  const rtx = codec("video/rtx");
  const modeZero = codec("video/H264", "packetization-mode=0;profile-level-id=42e01f");
  const modeOne = codec("video/H264", "packetization-mode=1;profile-level-id=42e01f");
  assert.deepEqual(preferH264([vp8, rtx, modeZero, modeOne]), [modeOne, modeZero, vp8, rtx]);
  assert.deepEqual(preferH264([]), []);
});
