/** Which finger differs from a handshape: a signer's hand beside the typical ones of the label. */
import { FINGER_STATES } from "./finger_states.js";
import { ownValue } from "./own.js";

const FINGERS = ["index", "middle", "ring", "little"];
const JOINTS = [[5, 6, 7, 8], [9, 10, 11, 12], [13, 14, 15, 16], [17, 18, 19, 20]];
const KNUCKLES = [5, 9, 13, 17];
const [BEND, GAP, THUMB, DIRECTION] = [0, 4, 7, 9]; // where each kind of number begins
const LEAST_SPREAD = [12, 12, 12, 12, 0.09, 0.09, 0.09, 0.14, 0.14, 0.35, 0.35]; // networks err by about as much
const CLEAR = 1.8; // spreads from the middle; what is less is a matter of style
const STRAIGHT = 110; // degrees; only fingers that are less bent have tips whose distance says something
const MOST = 4; // spreads; what is further off is not worse
const TURNED = 0.5; // cosine: 60 degrees off

/**
 * What a hand does, as numbers: bends of the four fingers in degrees, three gaps between neighbouring tips and the
 * thumb's tip across and up the palm in hand sizes, and where the hand points in the picture.
 * @param {{landmarks: number[][], world: number[][], handedness: string}} hand of an answer
 * @returns {number[]} 11 numbers, of the hand as a right one
 */
export function fingerState(hand) {
  const turn = hand.handedness === "Left" ? -1 : 1;
  const world = hand.world.map(([x, y, z]) => [turn * x, y, z]);
  const seen = hand.landmarks.map(([x, y]) => [turn * x, y, 0]);
  const up = unit(minus(world[9], world[0]));
  const side = minus(world[17], world[5]);
  const across = unit(minus(side, times(up, dot(side, up))));
  const size = norm(minus(middleOf(world), world[0]));
  const gaps = [[8, 12], [12, 16], [16, 20]].map(([a, b]) => dot(minus(world[b], world[a]), across) / size);
  const thumb = minus(world[4], world[5]);
  const direction = unit(minus(middleOf(seen), seen[0]));
  return [
    ...JOINTS.map((joints) => bend(joints.map((joint) => world[joint]), world[0])),
    ...gaps, dot(thumb, across) / size, dot(thumb, up) / size, direction[0], direction[1],
  ];
}

/**
 * The one thing to change first, so that a hand shows a label.
 * @param {Object} hand of an answer
 * @param {string} label that is wanted
 * @param {string|null} [seen] what it looks like instead; what sets the two apart counts more
 * @returns {{key: string, fingers: string[]}|null} a key of words.js and which fingers it is about; null where nothing
 *   stands out
 */
export function differenceFrom(hand, label, seen = null) {
  const typical = ownValue(FINGER_STATES, label);
  if (!typical || !hand?.world) return null;
  const own = fingerState(hand);
  const turned = turnedFrom(own, typical.middle);
  if (turned) return turned;
  const other = ownValue(FINGER_STATES, seen);
  let best = null;
  for (let number = BEND; number < DIRECTION; number += 1) {
    const spread = Math.max(typical.spread[number], LEAST_SPREAD[number]);
    const off = (own[number] - typical.middle[number]) / spread;
    if (Math.abs(off) < CLEAR || !tellsSomething(number, own, typical.middle)) continue;
    const apart = other ? Math.abs(other.middle[number] - typical.middle[number]) / spread : 0;
    const weight = Math.min(MOST, Math.abs(off)) + Math.min(MOST, apart);
    if (!best || weight > best.weight) best = { weight, number, off };
  }
  return best && named(best.number, best.off, typical.middle);
}

function turnedFrom(own, typical) {
  const [x, y] = typical.slice(DIRECTION);
  const length = Math.hypot(x, y);
  const cosine = (own[DIRECTION] * x + own[DIRECTION + 1] * y) / (length || 1);
  if (length < 0.5 || cosine > TURNED) return null; // signers differ so much that there is no typical direction
  const key = Math.abs(x) > 0.75 * length ? "hand_side" : y < 0 ? "hand_up" : "hand_down";
  return { key, fingers: [] };
}

function tellsSomething(number, own, typical) {
  if (number < GAP || number >= THUMB) return true;
  const pair = [number - GAP, number - GAP + 1];
  return pair.every((finger) => own[finger] < STRAIGHT && typical[finger] < STRAIGHT);
}

function named(number, off, typical) {
  if (number < GAP) return { key: off > 0 ? "finger_stretch" : "finger_bend", fingers: [FINGERS[number]] };
  if (number === THUMB) return { key: off > 0 ? "thumb_out" : "thumb_across", fingers: ["thumb"] };
  if (number > THUMB) return { key: off > 0 ? "thumb_down" : "thumb_up", fingers: ["thumb"] };
  const fingers = [FINGERS[number - GAP], FINGERS[number - GAP + 1]];
  if (off < 0) return { key: "finger_apart", fingers };
  return { key: typical[number] < 0 ? "finger_cross" : "finger_together", fingers };
}

function bend(finger, wrist) {
  const points = [wrist, ...finger];
  const bones = finger.map((point, index) => unit(minus(point, points[index])));
  let sum = 0;
  for (let i = 1; i < bones.length; i += 1) {
    sum += Math.acos(Math.min(1, Math.max(-1, dot(bones[i], bones[i - 1])))) * (180 / Math.PI);
  }
  return sum;
}

const minus = (a, b) => a.map((value, index) => value - b[index]);
const times = (a, factor) => a.map((value) => value * factor);
const dot = (a, b) => a.reduce((sum, value, index) => sum + value * b[index], 0);
const norm = (a) => Math.sqrt(dot(a, a)) + 1e-9;
const unit = (a) => times(a, 1 / norm(a));
const middleOf = (points) => [0, 1, 2].map((axis) => KNUCKLES.reduce((sum, joint) => sum + points[joint][axis], 0) / 4);
