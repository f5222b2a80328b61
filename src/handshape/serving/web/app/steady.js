/** A value that changes only when the new one has lasted. */

export class Steady {
  /** @param {number} lasting in milliseconds */
  constructor(lasting) {
    this.lasting = lasting;
    this.clear();
  }

  clear() {
    this.value = null;
    this.candidate = null;
    this.since = 0;
  }

  /**
   * @param {*} value what is seen now
   * @param {number} time in milliseconds
   * @param {boolean} [atOnce] for pictures that do not move
   * @returns {*} the value that lasts; null until there is one
   */
  see(value, time, atOnce = false) {
    if (value !== this.candidate) {
      this.candidate = value;
      this.since = time;
    }
    if (atOnce || time - this.since >= this.lasting) this.value = value;
    return this.value;
  }
}
