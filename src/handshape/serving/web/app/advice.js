/** What a signer can do when nothing is recognised: a key of words.js, from what the picture shows. */

const DARK = 50; // mean brightness, of 255
const GLARING = 232;
const SMALL = 0.16; // of the picture's shorter side, wrist to knuckles and fingers together
const LARGE = 0.98; // of the picture's shorter side
const EDGE = 0.005; // of the picture's sides

/**
 * @param {Object} answer of the recogniser
 * @param {number} brightness mean of the picture, 0 to 255
 * @returns {string} a key of words.js
 */
export function adviceFor(answer, brightness) {
  if (brightness < DARK) return "advice_light";
  if (brightness > GLARING) return "advice_glare";
  if (!answer.hand) return "advice_show";
  const { low, high } = extent(answer.hand.landmarks);
  const longest = Math.max(high[0] - low[0], high[1] - low[1]);
  const shorter = Math.min(answer.width, answer.height);
  if (longest < SMALL * shorter) return "advice_closer";
  if (longest > LARGE * shorter) return "advice_farther";
  if (isCut(low, high, answer)) return "advice_edge";
  return "advice_still";
}

function extent(landmarks) {
  const low = [Infinity, Infinity];
  const high = [-Infinity, -Infinity];
  for (const point of landmarks) {
    for (const axis of [0, 1]) {
      low[axis] = Math.min(low[axis], point[axis]);
      high[axis] = Math.max(high[axis], point[axis]);
    }
  }
  return { low, high };
}

function isCut(low, high, { width, height }) {
  const [x, y] = [width * EDGE, height * EDGE];
  return low[0] < x || low[1] < y || high[0] > width - x || high[1] > height - y;
}
