// From answers about frames to letters and text. src/handshape/serving/spelling.py keeps the same rules.
//
// Answers flicker, frames are dropped, and a camera gives 5 to 60 of them a second. So a handshape counts by the time
// for which it was seen, never by the number of frames: what is seen is what most of the last tenth of a second showed,
// and what was seen long enough, on a hand that is not on its way, is taken. It is taken once: for a second time it must
// have been gone for a moment, or the hand must have slid aside, as signers do for doubled letters.

import { Motion, STILLS } from "./motion.js";
import { Place } from "./place.js";

const SPACES = ["space", "blank space", "leerzeichen"];
const DELETES = ["del", "delete", "backspace"];
const NO_HAND = "no hand";
const UNKNOWN = "unknown";
const NEGATIVE_NAMES =
  /^(none|nothing|(no|not|nota|non)(hand|sign|gesture)s?|others?|backgrounds?|unknown|negatives?|blank|empty)$/;
const LONGEST_STEP = 250; // ms for which one frame vouches, however late the next one comes
const JUMP = 1500; // ms without a frame after which what was seen before says nothing
const SURE = 0.6; // share of what was seen of late at which a handshape is believed,
const UNSURE = 0.4; // and no longer
const GRACE = 200; // ms for which a handshape may be lost while it is being held
const MOST_UNDONE = 100;
const SUGGESTED = 3;

/**
 * How handshapes become text; times in milliseconds.
 * @typedef {object} SpellingOptions
 * @property {number} hold how long a handshape must be seen before it is taken.
 * @property {number} smoothing time constant of the average over answers.
 * @property {number} release how long a handshape that was taken must be gone before it is taken again.
 * @property {number} repeat after how long a delete that is still held deletes once more.
 * @property {number} pause how long no hand must be seen for a space; 0 for never.
 * @property {number} slide how far a hand that is still held must move aside for the same letter again, in hand sizes;
 *   0 for never.
 * @property {number} speed of a hand that is on its way and not holding, in hand sizes a second.
 * @property {string[]} moving letters that are taken from a fingertip's path and never from a still.
 */
export const DEFAULTS = Object.freeze({
  hold: 600,
  smoothing: 120,
  release: 250,
  repeat: 700,
  pause: 2000,
  slide: 0.5,
  speed: 2,
  moving: Object.freeze(Object.keys(STILLS)),
});

/**
 * What suits a model: a pause makes no space where a sign does, and J and Z are those of its I and D.
 * @param {Iterable<string>} labels of the model.
 * @param {Partial<SpellingOptions>} changes
 * @returns {SpellingOptions}
 */
export function optionsFor(labels, changes = {}) {
  const known = new Set([...labels].map((label) => label.toLowerCase()));
  const moving = Object.keys(STILLS).filter((letter) => known.has(STILLS[letter][0].toLowerCase()));
  const pause = SPACES.some((label) => known.has(label)) ? 0 : DEFAULTS.pause;
  return { ...DEFAULTS, pause, moving, ...changes };
}

/** Spells what the frames of one film or camera show; times may be irregular, but belong to one clock. */
export class Speller {
  #before = []; // the text before each change
  #motion;
  #place;
  #time = null;
  #taken = []; // labels that are not taken again before they were released
  #base = ""; // the text before they were taken
  #mayRepeat = false; // though they were not: the hand slid aside
  #released = 0; // ms for which none of them was seen
  #sinceDelete = 0;
  #shares = new Map();
  #seen = "";
  #holding = "";
  #held = 0;
  #away = 0;
  #gone = 0; // ms without a hand

  /** @param {Partial<SpellingOptions>} options */
  constructor(options = {}) {
    this.options = { ...DEFAULTS, ...options };
    this.text = "";
    this.forget();
  }

  /** Forgets what was seen, not the text: for another camera, or the start of another film. */
  forget() {
    this.#motion = new Motion(this.options.moving);
    [this.#time, this.#taken, this.#mayRepeat, this.#released, this.#sinceDelete] = [null, [], false, 0, 0];
    this.#base = "";
    this.#unsee();
  }

  /** What the last frames show: a label, "unknown", "no hand", or "" where they say different things. */
  get seen() {
    return this.#seen;
  }

  /**
   * Takes one frame.
   * @param {number} milliseconds when it was taken; frames of a time before the last one's, or of no time, last no time.
   * @param {{decision: string, hand: ?object}} answer what was recognised in it.
   * @returns {{text: string, holding: ?string, progress: number, event: ?{kind: string, value: string}}}
   */
  see(milliseconds, answer) {
    const step = this.#step(milliseconds);
    this.#see(kindOf(answer.decision, this.options.moving), step);
    this.#place.see(answer.hand, step);
    const moved = this.#motion.see(milliseconds, answer.hand);
    const event = moved ? this.#takeMoved(moved) : this.#hold(step) || this.#pause(step);
    const progress = this.#isTaken(this.#holding) ? 1 : Math.min(1, this.#held / Math.max(this.options.hold, 1));
    return { text: this.text, holding: this.#holding || null, progress: this.#holding ? progress : 0, event };
  }

  /** Ends the word, where one was begun. */
  space() {
    return this.text && !this.text.endsWith(" ") ? this.#change("space", " ", this.text + " ") : null;
  }

  /** Deletes the last character. */
  backspace() {
    const characters = Array.from(this.text);
    const last = characters.pop();
    return last === undefined ? null : this.#change("delete", last, characters.join(""));
  }

  /** Deletes all. */
  clear() {
    return this.text ? this.#change("clear", this.text, "") : null;
  }

  /** Puts a suggestion in the place of the word that was begun. */
  accept(word) {
    return this.#change("word", word, this.text.slice(0, this.text.lastIndexOf(" ") + 1) + word + " ");
  }

  /** Takes the last change back, an earlier one with each call. */
  undo() {
    if (!this.#before.length) return null;
    const event = { kind: "undo", value: this.text };
    this.text = this.#before.pop();
    return event;
  }

  /** See `suggestions`. */
  suggestions(words = []) {
    return suggestions(this.text, words);
  }

  #unsee() {
    this.#shares = new Map();
    this.#place = new Place(this.options.smoothing);
    [this.#seen, this.#holding, this.#held, this.#away, this.#gone] = ["", "", 0, 0, 0];
  }

  /** For how many ms the frame counts. */
  #step(milliseconds) {
    if (!Number.isFinite(milliseconds)) return 0;
    const last = this.#time;
    this.#time = milliseconds;
    if (last === null || milliseconds < last || milliseconds - last > JUMP) {
      this.#unsee();
      return 0;
    }
    return Math.min(milliseconds - last, LONGEST_STEP);
  }

  #see(kind, step) {
    const keep = Math.exp(-step / this.options.smoothing);
    for (const [label, share] of this.#shares) this.#shares.set(label, share * keep);
    this.#shares.set(kind, (this.#shares.get(kind) ?? 0) + 1 - keep);
    if ((this.#shares.get(this.#seen) ?? 0) < UNSURE) this.#seen = "";
    for (const [label, share] of this.#shares) if (share >= SURE) this.#seen = label;
  }

  #hold(step) {
    const seen = this.#seen;
    this.#release(step);
    if (["", UNKNOWN, NO_HAND].includes(seen)) {
      this.#away += step;
      if (this.#away >= GRACE) [this.#holding, this.#held] = ["", 0];
      return null;
    }
    if (seen !== this.#holding) [this.#holding, this.#held] = [seen, 0];
    this.#away = 0;
    if (this.#isTaken(seen)) return this.#holdOn(step);
    if (this.#place.speed <= this.options.speed) this.#held += step;
    return this.#held >= this.options.hold ? this.#take() : null;
  }

  #isTaken(label) {
    return this.#taken.includes(label) && !this.#mayRepeat;
  }

  #release(step) {
    this.#released = this.#taken.includes(this.#seen) ? 0 : this.#released + step;
    if (this.#released >= this.options.release) this.#taken = [];
  }

  /** What was taken is still held: it may slide aside, to be taken again, and a delete repeats. */
  #holdOn(step) {
    if (this.options.slide > 0 && this.#place.slid > this.options.slide) {
      [this.#mayRepeat, this.#held] = [true, 0];
      this.#place.settle();
    } else if (isOneOf(this.#holding, DELETES)) {
      this.#sinceDelete += step;
      if (this.#sinceDelete >= this.options.repeat) {
        this.#sinceDelete = 0;
        return this.backspace();
      }
    }
    return null;
  }

  #take() {
    const label = this.#holding;
    if (!this.#taken.includes(label)) this.#base = this.text;
    [this.#taken, this.#mayRepeat, this.#released, this.#held, this.#sinceDelete] = [[label], false, 0, 0, 0];
    this.#place.settle();
    if (isOneOf(label, SPACES)) return this.space();
    return isOneOf(label, DELETES) ? this.backspace() : this.#write(label, this.text);
  }

  /** A letter that moves; the still that it began with goes, where that was taken and never released. */
  #takeMoved(letter) {
    const stills = STILLS[letter];
    const added = this.text.startsWith(this.#base) ? this.text.slice(this.#base.length) : "?";
    const began = this.#taken.length && Array.from(added.toUpperCase()).every((each) => stills.includes(each));
    const text = began ? this.#base : this.text;
    [this.#taken, this.#mayRepeat] = [[...stills, ...stills.map((label) => label.toLowerCase())], false];
    [this.#holding, this.#held, this.#released, this.#base] = ["", 0, 0, text];
    this.#place.settle();
    return this.#write(letter, text);
  }

  #pause(step) {
    if (this.#seen) this.#gone = this.#seen === NO_HAND ? this.#gone + step : 0;
    if (this.options.pause <= 0 || this.#gone < this.options.pause) return null;
    this.#gone = -Infinity; // once a pause: who deletes that space does not want it
    return this.space();
  }

  /** A letter is added to the word, a whole word stands by itself. */
  #write(label, text) {
    const isWord = Array.from(label).length > 1;
    const gap = isWord && text && !text.endsWith(" ") ? " " : "";
    return this.#change("letter", label, text + gap + label + (isWord ? " " : ""));
  }

  #change(kind, value, text) {
    this.#before = [...this.#before, this.text].slice(-MOST_UNDONE);
    this.text = text;
    return { kind, value };
  }
}

/**
 * At most 3 words that begin like the last one of a text: its own earlier words, the latest first, then `words`.
 *
 * Fingers spell names above all, which no list has; so nothing is ever put in by itself.
 * @param {string} text
 * @param {string[]} words such as those of words.json beside this file.
 * @returns {string[]}
 */
export function suggestions(text, words = []) {
  const earlier = text.split(" ");
  const start = earlier.pop();
  if (!start) return [];
  const inCase = (word) => (start === start.toUpperCase() ? word.toUpperCase() : word.toLowerCase());
  const known = new Set([...earlier.reverse(), ...words].map(inCase));
  return [...known].filter((word) => word.startsWith(inCase(start)) && word.length > start.length).slice(0, SUGGESTED);
}

/** A decision as the speller counts it: classes that show no sign, and stills of letters that move, are unknown. */
function kindOf(decision, moving) {
  if (decision === NO_HAND) return NO_HAND;
  const letters = decision.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");
  return NEGATIVE_NAMES.test(letters) || moving.includes(decision.toUpperCase()) ? UNKNOWN : decision;
}

function isOneOf(label, names) {
  return names.includes(label.toLowerCase());
}
