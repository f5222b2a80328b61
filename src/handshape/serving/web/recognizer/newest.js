/** One job at a time; of those that come meanwhile only the newest waits. */
export class Newest {
  constructor() {
    this.isBusy = false;
    this.waiting = null; // tells who waits whether it is his turn
  }

  /**
   * What a job answers when its turn has come; null, and it is dropped, where a newer one takes its place.
   *
   * @template T
   * @param {() => Promise<T>} job
   * @param {() => void} drop lets go of what the job would have worked on
   * @returns {Promise<T | null>}
   */
  async add(job, drop) {
    if (this.isBusy && !(await this.turn())) {
      drop();
      return null;
    }
    this.isBusy = true;
    try {
      return await job();
    } finally {
      const next = this.waiting;
      this.waiting = null;
      this.isBusy = next !== null; // whoever waits is next, before anybody who comes
      next?.(true);
    }
  }

  turn() {
    this.waiting?.(false);
    return new Promise((resolve) => (this.waiting = resolve));
  }
}
