/**
 * Timers that wait for the test, not for the clock. (node's own differ from release to release.)
 */

let now = 0;
let number = 0;
/** @type {Map<number, {at: number, every: number | null, call: () => void}>} */
const waiting = new Map();

/** @param {() => void} call @param {number} ms @param {boolean} again */
function wait(call, ms, again) {
  number += 1;
  waiting.set(number, { at: now + ms, every: again ? ms : null, call });
  return number;
}

/** Puts them in the place of the real ones. */
export function pretendTime() {
  Object.assign(globalThis, {
    setTimeout: (call, ms = 0) => wait(call, ms, false),
    setInterval: (call, ms = 0) => wait(call, ms, true),
    clearTimeout: (id) => waiting.delete(id),
    clearInterval: (id) => waiting.delete(id),
  });
}

/** Lets this much time pass. @param {number} ms */
export function tick(ms) {
  const end = now + ms;
  for (;;) {
    const [next] = [...waiting].filter(([, timer]) => timer.at <= end).sort(([, a], [, b]) => a.at - b.at);
    if (!next) break;
    const [id, timer] = next;
    now = timer.at;
    if (timer.every === null) waiting.delete(id);
    else timer.at += Math.max(timer.every, 1);
    timer.call();
  }
  now = end;
}

// Browsers have had it for ever; node since 19, Debian 12 has 18.
globalThis.CustomEvent ??= class CustomEvent extends Event {
  constructor(name, { detail = null } = {}) {
    super(name);
    this.detail = detail;
  }
};
