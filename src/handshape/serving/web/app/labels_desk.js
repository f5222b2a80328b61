/** What "Fix labels" knows of the data set: its suspects, and what is decided about them, as the server has it. */

import { Server, ServerError } from "./server.js";

const ROUTE = "v1/labels";

export class Desk {
  /**
   * @param {string|null} token where the server asks for one
   */
  constructor(token) {
    this.server = new Server(token, "labels");
    this.history = []; // places of suspects that were decided on here, the last one last
  }

  /**
   * Reads everything anew.
   * @throws {ServerError}
   */
  async read() {
    Object.assign(this, await this.server.ask(ROUTE));
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
   * @throws {ServerError}
   */
  async decide(place, kind, label = "") {
    const suspect = this.suspects[place];
    const wanted = { image: suspect.image, kind, label, before: suspect.decision };
    const answer = await this.server.post(`${ROUTE}/decisions`, wanted).catch((error) => {
      throw error.code === "decided_elsewhere" ? new ServerError("labels_decided_elsewhere") : error;
    });
    suspect.decision = answer.decision;
    this.counts = answer.counts;
    this.history = this.history.filter((one) => one !== place);
    if (answer.decision) this.history.push(place);
  }
}
