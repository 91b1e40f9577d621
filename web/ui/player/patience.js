/**
 * When to try again, and when to stop waiting. Time is handed in, so that tests need not wait.
 */

/**
 * Doubles from `first` to at most `longest`, and spreads the tries of many viewers over the upper half of the pause.
 * @param {number} attempt 0 for the first retry
 * @param {{first?: number, longest?: number, random?: () => number}} [options]
 * @returns {number} milliseconds
 */
export function pauseBefore(attempt, { first = 500, longest = 15_000, random = Math.random } = {}) {
  const whole = Math.min(longest, first * 2 ** attempt);
  return Math.round(whole * (0.5 + random() / 2));
}

/** Notices that a counter of decoded pictures has stopped growing although pictures are expected. */
export class Watchdog {
  #count = 0;
  #grewAt = 0;
  #expecting = false;

  /**
   * @param {{firstMs: number, nextMs: number}} limits how long the first picture may take, and each one after it
   */
  constructor(limits) {
    this.limits = limits;
  }

  /**
   * @param {boolean} expecting
   * @param {number} now
   */
  expect(expecting, now) {
    if (expecting && !this.#expecting) this.#grewAt = now;
    this.#expecting = expecting;
  }

  /**
   * @param {number} count pictures decoded since the connection began
   * @param {number} now
   * @returns {boolean} whether there are more than last time
   */
  see(count, now) {
    if (count <= this.#count) return false;
    this.#count = count;
    this.#grewAt = now;
    return true;
  }

  /**
   * @param {number} now
   * @returns {boolean}
   */
  isStalled(now) {
    const limit = this.#count === 0 ? this.limits.firstMs : this.limits.nextMs;
    return this.#expecting && now - this.#grewAt >= limit;
  }
}
