/** What "Fix labels" knows of the data set: its suspects, and what is decided about them, as the server has it. */

const ROUTE = "v1/labels";

/** What went wrong, in the server's own words; `message` is a key of words.js, `text` what the server said, or "". */
export class DeskError extends Error {
  constructor(message, text = "") {
    super(message);
    this.text = text;
  }
}

export class Desk {
  /**
   * @param {string|null} token where the server asks for one
   */
  constructor(token) {
    this.headers = token ? { Authorization: `Bearer ${token}` } : {};
    this.history = []; // places of suspects that were decided on here, the last one last
  }

  /**
   * Reads everything anew.
   * @throws {DeskError}
   */
  async read() {
    Object.assign(this, await this.#ask(ROUTE));
    this.history = this.history.filter((place) => this.suspects[place]?.decision);
  }

  /** How many suspects are decided on. */
  get decided() {
    return this.suspects.filter((suspect) => suspect.decision).length;
  }

  /** The place of the next suspect after `place` that nobody has decided on, from the start again; -1 of none. */
  nextOpen(place) {
    const places = this.suspects.map((_, number) => (place + 1 + number) % this.suspects.length);
    return places.find((one) => !this.suspects[one].decision) ?? -1;
  }

  /** The address of a photograph; with `hand` of its hand alone. */
  picture(image, hand) {
    return `${ROUTE}/images/${image}${hand ? "?hand=1" : ""}`;
  }

  /**
   * Decides on a suspect; the server writes it down before this is done.
   * @param {number} place in `suspects`
   * @param {"keep"|"move"|"leave_out"|"undo"} kind
   * @param {string} [label] the class it is moved to
   * @throws {DeskError}
   */
  async decide(place, kind, label = "") {
    const suspect = this.suspects[place];
    const wanted = { image: suspect.image, kind, label, before: suspect.decision };
    const headers = { ...this.headers, "Content-Type": "application/json" };
    const answer = await this.#ask(`${ROUTE}/decisions`, { method: "POST", headers, body: JSON.stringify(wanted) });
    suspect.decision = answer.decision;
    this.counts = answer.counts;
    this.history = this.history.filter((one) => one !== place);
    if (answer.decision) this.history.push(place);
  }

  async #ask(route, options = { headers: this.headers }) {
    let response;
    try {
      response = await fetch(route, { cache: "no-store", ...options });
    } catch {
      throw new DeskError("labels_no_server");
    }
    const answer = await response.json().catch(() => ({}));
    if (response.ok) return answer;
    if (answer.error?.code === "decided_elsewhere") throw new DeskError("labels_decided_elsewhere");
    throw new DeskError("labels_failed", [answer.error?.message, answer.error?.fix].filter(Boolean).join(" "));
  }
}
