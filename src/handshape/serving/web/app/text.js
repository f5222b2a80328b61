/** Words by their keys, and what a decision is called. */
import { words } from "../words.js";

/**
 * The words of a key, `{name}` filled in.
 * @param {string} key of words.js; a key that is not there is shown itself
 * @param {Object<string, string|number>} [values]
 * @returns {string}
 */
export function say(key, values = {}) {
  return (words[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

/**
 * What to say of an error: its message where that is a key of words.js.
 * @param {Error} error
 * @param {string} otherwise the key for all other errors
 */
export function sayError(error, otherwise = "recognize_failed") {
  return say(words[error?.message] ? error.message : otherwise);
}

/** A label, "unknown" or "no hand" as the reader sees it. */
export function sayDecision(decision) {
  if (decision === "unknown") return say("unknown");
  if (decision === "no hand") return say("no_hand");
  return decision.replaceAll("_", " ");
}

/** Whether a decision names a handshape. */
export function isLabel(decision) {
  return decision !== null && decision !== "unknown" && decision !== "no hand";
}

/** 0 to 1 as whole percent; what is not certain is never called 100. */
export function percent(share) {
  return share < 1 ? Math.min(99, Math.round(share * 100)) : 100;
}

/** Writes the words of every `data-word` below a node, and the language of the page. */
export function fillWords(root) {
  for (const node of root.querySelectorAll("[data-word]")) node.textContent = say(node.dataset.word);
  document.documentElement.lang = words.language;
  document.documentElement.dir = words.direction;
}
