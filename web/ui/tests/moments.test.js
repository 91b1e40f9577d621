import assert from "node:assert/strict";
import { test } from "node:test";

import { momentText } from "../player/forms.js";

const NEW_YEAR = new Date(Date.UTC(2027, 0, 1, 0, 30));
const own = new Intl.DateTimeFormat().resolvedOptions().timeZone;
const other = own === "Asia/Tokyo" ? "America/New_York" : "Asia/Tokyo";

/** @param {string} [timeZone] */
const page = (timeZone) => ({ lang: "en", dataset: timeZone ? { timeZone } : {} });

test("without a zone of the camera a moment is the browser's own", () => {
  const plain = NEW_YEAR.toLocaleString("en", { dateStyle: "medium", timeStyle: "short" });
  assert.equal(momentText(NEW_YEAR, page()), plain);
  assert.equal(momentText(NEW_YEAR, page(own)), plain);
});

test("where the camera is elsewhere, its zone is used and named", () => {
  const said = momentText(NEW_YEAR, page(other));
  assert.match(said, other === "Asia/Tokyo" ? /Jan 1, 2027.*9:30.*GMT\+9/ : /Dec 31, 2026.*7:30.*EST/);
});

test("a zone that this browser does not know is left aside, and the one that is used is named", () => {
  const zone = new Intl.DateTimeFormat("en", { timeZoneName: "short" }).formatToParts(NEW_YEAR);
  const name = zone.find((part) => part.type === "timeZoneName")?.value ?? "";
  assert.ok(momentText(NEW_YEAR, page("Europe/Atlantis")).includes(name));
});
