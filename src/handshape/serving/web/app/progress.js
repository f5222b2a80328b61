/** The panel that shows how practising goes: letters, times, mix-ups, and the button that forgets them. */
import { button, make } from "./dom.js";
import { mixes, pace } from "./memory.js";
import { ownValue } from "./own.js";
import { say } from "./text.js";

const KNOWN = 3; // times right, after which a letter is filled

/**
 * @param {Object} memory of memory.js
 * @param {string[]} labels that can be practised
 * @param {string} current label
 * @param {{onchoose: function(string): void, onforget: function(): void}} hooks
 * @returns {Node[]}
 */
export function progressPanel(memory, labels, current, { onchoose, onforget }) {
  const grid = make("div.letters", { role: "group", "aria-label": say("practise_letters") },
    ...labels.map((label) => letterButton(memory, label, current, onchoose)));
  const { seconds, slowest } = pace(memory);
  if (seconds === null) return [grid, make("p.hint", { text: say("practise_memory_none") })];
  const facts = make("dl.memory", {}, ...fact("practise_median", seconds.toFixed(1)));
  if (slowest.length) {
    facts.append(...fact("practise_slow", slowest.map((one) => `${one.label} ${one.seconds.toFixed(1)}`).join(" · ")));
  }
  const pairs = mixes(memory).slice(0, 3);
  const mixed = pairs.map((pair) => say("practise_confused_pair", pair)).join(" · ");
  if (pairs.length) facts.append(...fact("practise_confused", mixed));
  return [grid, facts, button("link", null, say("practise_forget"), onforget)];
}

function letterButton(memory, label, current, onchoose) {
  const right = ownValue(memory.letters, label)?.right ?? 0;
  const node = make("button.key", {
    type: "button", text: label, "aria-label": say("practise_letter_state", { label, right }),
    "aria-current": label === current ? "true" : null, onclick: () => onchoose(label),
  });
  node.dataset.known = Math.min(KNOWN, right);
  return node;
}

function fact(key, value) {
  return [make("dt", { text: say(key) }), make("dd", { text: value })];
}
