/** From probabilities to a decision: a label, "unknown" or "no hand". */

export const UNKNOWN = "unknown", NO_HAND = "no hand";
const TOP = 5;

/**
 * The decision on one image: the most probable label, "unknown" or "no hand".
 *
 * @param {string[]} labels of the C classes
 * @param {ArrayLike<number>} probabilities [C], calibrated; values that are not numbers are never accepted
 * @param {boolean | null} handFound null where nobody looked for a hand; the decision is then never "no hand"
 * @param {{with_hand: number | null, without_hand: number | null}} thresholds null accepts nothing
 */
export function decide(labels, probabilities, handFound, thresholds) {
  const [best] = ranked(probabilities);
  const least = handFound === false ? thresholds.without_hand : thresholds.with_hand;
  if (least !== null && probabilities[best] >= least) return labels[best];
  return handFound === false ? NO_HAND : UNKNOWN;
}

/** The most probable classes with their probabilities, best first: at most five [label, p]. */
export function topOf(labels, probabilities) {
  return ranked(probabilities).slice(0, TOP).map((place) => [labels[place], rounded(probabilities[place])]);
}

/** A probability as it is shown. */
export function rounded(value) {
  return Math.round(value * 1e6) / 1e6;
}

/** Numbers of the classes, most probable first. */
function ranked(probabilities) {
  return Array.from(probabilities, (_, place) => place).sort((one, other) => probabilities[other] - probabilities[one]);
}
