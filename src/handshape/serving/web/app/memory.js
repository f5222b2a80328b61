/** What this device remembers of practising: times and mix-ups. Plain data that JSON holds; no function changes it. */
import { ownValue } from "./own.js";

const TIMES = 8; // of each letter
const NEW = 12; // seconds that a letter counts as which was never shown: those come first
const MIXED = 2; // seconds that each mix-up of a letter adds to how slow it counts
const BETWEEN = "\t"; // the two labels of a mix-up, which may have spaces in them, but no tabs

/** @returns {{letters: Object<string, {right: number, times: number[]}>, mixed: Object<string, number>}} */
export function emptyMemory() {
  return { letters: {}, mixed: {} };
}

/** A letter was shown right after so many seconds. */
export function remembered(memory, label, seconds) {
  const { right, times } = ownValue(memory.letters, label) ?? { right: 0, times: [] };
  const letter = { right: right + 1, times: [...times, Math.round(seconds * 10) / 10].slice(-TIMES) };
  return { ...memory, letters: { ...memory.letters, [label]: letter } };
}

/** A letter was shown as another one. */
export function mixedUp(memory, label, other) {
  const pair = `${label}${BETWEEN}${other}`;
  return { ...memory, mixed: { ...memory.mixed, [pair]: (ownValue(memory.mixed, pair) ?? 0) + 1 } };
}

/**
 * Which letter to show next: slow and mixed-up ones more often, never the same twice.
 * @param {Object} memory
 * @param {string[]} labels
 * @param {string|null} before
 * @param {number} chance 0 to 1
 */
export function nextLabel(memory, labels, before, chance) {
  const others = labels.length > 1 ? labels.filter((label) => label !== before) : labels;
  const weights = others.map((label) => slowness(memory, label));
  let left = chance * weights.reduce((sum, weight) => sum + weight, 0);
  return others.find((_, index) => (left -= weights[index]) < 0) ?? others.at(-1);
}

function slowness(memory, label) {
  const times = ownValue(memory.letters, label)?.times ?? [];
  const errors = mixes(memory).filter((mix) => mix.label === label).reduce((sum, mix) => sum + mix.count, 0);
  return 1 + (times.length ? median(times) : NEW) + MIXED * Math.min(errors, 5);
}

/** Seconds a letter: of all letters, and the slowest three. */
export function pace(memory) {
  const letters = Object.entries(memory.letters).map(([label, { times }]) => ({ label, seconds: median(times) }));
  const slowest = letters.filter(({ seconds }) => seconds >= 2).sort((a, b) => b.seconds - a.seconds).slice(0, 3);
  return { seconds: letters.length ? median(letters.map((letter) => letter.seconds)) : null, slowest };
}

/** The mix-ups, the most frequent first. */
export function mixes(memory) {
  const pairs = Object.entries(memory.mixed).map(([pair, count]) => {
    const [label, other] = pair.split(BETWEEN);
    return { label, other, count };
  });
  return pairs.sort((a, b) => b.count - a.count);
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
