/** One letter to show: whether it is shown, and what is shown instead. */
import { Steady } from "./steady.js";
import { isLabel } from "./text.js";

const RIGHT_MS = 450; // for which the letter must be seen
const WRONG_MS = 900; // for which another one must be, so that a hand on its way is not corrected

export class Round {
  /** @param {string} label that is wanted */
  constructor(label) {
    this.label = label;
    this.begun = null;
    this.right = new Steady(RIGHT_MS);
    this.other = new Steady(WRONG_MS);
  }

  /**
   * @param {number} time in milliseconds
   * @param {string} decision of the recogniser
   * @returns {{state: "waiting"|"wrong"|"holding"|"right", other: string|null, seconds: number}} `other` is a label
   *   or "unknown"; seconds since a hand was first seen
   */
  see(time, decision) {
    if (decision !== "no hand") this.begun ??= time;
    const seconds = this.begun === null ? 0 : (time - this.begun) / 1000;
    const held = this.right.see(decision, time);
    const lasting = this.other.see(decision, time);
    if (decision === this.label) return { state: held === this.label ? "right" : "holding", other: null, seconds };
    const isOther = lasting === decision && (isLabel(decision) || decision === "unknown");
    return { state: isOther ? "wrong" : "waiting", other: isOther ? decision : null, seconds };
  }
}
