// J and Z, the letters that move, from the path of a fingertip. src/handshape/serving/motion.py keeps the same rules.
//
// The little finger of a hand in the shape of an I draws a J, a pointing index finger a Z, as the signer would write
// them: a camera sees both in a mirror. A path is judged when the finger comes to rest, changes its shape or is lost:
// pieces of it, resampled to equal steps, are compared with drawn templates, whatever their size, and must have what
// makes the letter: a hook, three strokes. A still shows neither.

import { middleAndSize, sizeOf } from "./place.js";

/** What each looks like before, between and after, the first above all. */
export const STILLS = Object.freeze({ J: ["I"], Z: ["D", "1", "G", "X"] });

const FIRST_JOINTS = [5, 9, 13, 17]; // of index, middle, ring and little finger; two more joints and the tip follow
const INDEX = 0;
const LITTLE = 3;
const STRAIGHT = 0.6; // cosines between a finger's first bone and the rest: over,
const BENT = 0.4; // and under
const THUMB_TIP = 4;
const TUCKED = 0.85; // from the thumb's tip to the ring finger's knuckle, in hand sizes: a Y's and an L's is more
const STEADY = 1.6; // times as large as at least may a hand look while it draws; one that comes nearer draws nothing

const POINTS = 32; // of a resampled path
const TURN = (15 * Math.PI) / 180; // by which a path may be turned
const STEEP = 1.5; // times as far down as aside does a J begin
const HOOK = [(60 * Math.PI) / 180, (230 * Math.PI) / 180]; // by which the end of a J has turned from its beginning
const REST = 200; // ms in which a tip at rest moves no further than
const REST_SPAN = 0.2; // hand sizes
const LOST = 250; // ms for which the shape, or the hand, may be lost on the way
const WINDOW = 3000; // ms that are remembered
const STARTS = 12; // where the pieces that are judged begin
const ENDS = 5; // and end

// A sample is {time, x, y, size, isLeft, isShaped}: ms, where the tip is and how large the hand, in pixels.
// A path is a list of [x, y]: x to the right as a camera sees a right hand, y down, in hand sizes.

/** Watches the frames of one film or camera for letters that move. */
export class Motion {
  #tracks;

  /** @param {string[]} letters those that are watched for, of `STILLS`. */
  constructor(letters = Object.keys(STILLS)) {
    this.#tracks = letters.map((name) => [name, new Track(LETTERS[name])]);
  }

  /**
   * The letter that this frame ends, "" for none.
   * @param {number} milliseconds
   * @param {?{landmarks: number[][], world: number[][], handedness: string}} hand
   * @returns {string}
   */
  see(milliseconds, hand) {
    let found = "";
    for (const [name, track] of this.#tracks) if (track.see(milliseconds, hand)) found = name;
    if (found) for (const [, track] of this.#tracks) track.forget();
    return found;
  }
}

/** The way of one fingertip. */
class Track {
  #letter;
  #way = [];
  #shapedAt = -Infinity;

  constructor(letter) {
    this.#letter = letter;
  }

  forget() {
    this.#way = [];
    this.#shapedAt = -Infinity;
  }

  /** Whether the letter was drawn, and now is whole. */
  see(milliseconds, hand) {
    if (!Number.isFinite(milliseconds) || milliseconds < (this.#way.at(-1)?.time ?? -Infinity)) {
      this.forget();
      return false;
    }
    const isShaped = Boolean(hand) && isPointing(hand, this.#letter.finger);
    if (isShaped) this.#shapedAt = milliseconds;
    else if (milliseconds - this.#shapedAt > LOST) return this.#end();
    if (hand?.landmarks?.length) this.#add(milliseconds, hand, isShaped);
    return this.#isAtRest() && this.#end(REST);
  }

  #add(time, hand, isShaped) {
    const [x, y] = hand.landmarks[FIRST_JOINTS[this.#letter.finger] + 3];
    if (this.#way.length && time - this.#way.at(-1).time > LOST) this.#way = []; // no frames came meanwhile
    this.#way.push({ time, x, y, size: middleAndSize(hand)[2], isLeft: hand.handedness === "Left", isShaped });
    while (time - this.#way[0].time > WINDOW) this.#way.shift();
  }

  /** Three frames at least say so: of two, one may be before a corner and one behind it. */
  #isAtRest() {
    const last = this.#way.at(-1);
    if (this.#way.length < 3 || last.time - this.#way[0].time < REST) return false;
    const since = Math.min(last.time - REST, this.#way.at(-3).time);
    return span(this.#way.filter((sample) => sample.time >= since)) <= REST_SPAN * last.size;
  }

  /** Judges the way up to here, of which the last ms are kept. */
  #end(keep = -1) {
    const way = [...this.#way];
    this.#way = way.filter((sample) => way.at(-1).time - sample.time <= keep);
    while (way.length && !way.at(-1).isShaped) way.pop();
    return pieces(way).some((piece) => isDrawn(piece, this.#letter));
  }
}

/** Whether one finger, 0 for the index to 3 for the little one, is straight, the others bent, the thumb tucked in. */
export function isPointing({ world }, finger) {
  if (!world?.length) return false; // a server that answers without landmarks
  const thumb = world[THUMB_TIP].map((value, axis) => value - world[FIRST_JOINTS[2]][axis]);
  if (Math.hypot(...thumb) > TUCKED * sizeOf(world)) return false;
  const straight = FIRST_JOINTS.map((first) => straightness(world, first));
  return straight.every((value, number) => (number === finger ? value >= STRAIGHT : value <= BENT));
}

/** The cosine between a finger's first bone and the way from its end to the tip. */
function straightness(points, first) {
  const bone = [0, 1, 2].map((axis) => points[first + 1][axis] - points[first][axis]);
  const rest = [0, 1, 2].map((axis) => points[first + 3][axis] - points[first + 1][axis]);
  const lengths = Math.hypot(...bone) * Math.hypot(...rest);
  return lengths > 0 ? bone.reduce((sum, value, axis) => sum + value * rest[axis], 0) / lengths : 0;
}

/** Parts of a way: before a letter, a hand comes into its place, and after it, it may go on. */
function pieces(way) {
  const last = way.length - 1;
  const least = Math.min(...Object.values(LETTERS).map((letter) => letter.height));
  if (last < 3 || span(way) < least * Math.max(...way.map((sample) => sample.size))) return [];
  const starts = new Set(Array.from({ length: STARTS }, (_, number) => Math.floor((last * number) / STARTS)));
  const ends = new Set(Array.from({ length: ENDS }, (_, number) => last - Math.floor((last * number) / (2 * ENDS))));
  const pairs = [...starts].flatMap((start) => [...ends].map((end) => [start, end]));
  return pairs.filter(([start, end]) => end - start >= 3).map(([start, end]) => way.slice(start, end + 1));
}

function isDrawn(piece, letter) {
  const [least, most] = letter.milliseconds;
  const duration = piece.at(-1).time - piece[0].time;
  if (duration < least || duration > most || 2 * count(piece, "isShaped") < piece.length) return false;
  const across = 2 * count(piece, "isLeft") > piece.length ? -1 : 1;
  const sizes = piece.map((sample) => sample.size);
  const size = Math.max(...sizes);
  if (size > STEADY * Math.min(...sizes)) return false;
  const path = resampled(piece.map((sample) => [(across * sample.x) / size, sample.y / size]));
  const height = Math.max(...column(path, 1)) - Math.min(...column(path, 1));
  return height >= letter.height && letter.hasItsParts(path) && likeness(path, letter.templates) >= letter.likeness;
}

/** The cosine between a path and the template most like it, the path turned a little where that helps. */
function likeness(path, templates) {
  const own = normal(path);
  return Math.max(...templates.map((template) => alike(template, own)));
}

function alike(template, path) {
  let [along, across] = [0, 0];
  template.forEach(([x, y], number) => {
    along += x * path[number][0] + y * path[number][1];
    across += x * path[number][1] - y * path[number][0];
  });
  const angle = Math.atan2(across, along);
  return Math.hypot(along, across) * Math.cos(angle - Math.min(TURN, Math.max(-TURN, angle)));
}

/** POINTS points at equal steps along it. */
function resampled(path) {
  const lengths = [0];
  for (let number = 1; number < path.length; number++) {
    const [[x, y], [beforeX, beforeY]] = [path[number], path[number - 1]];
    lengths.push(lengths[number - 1] + Math.hypot(x - beforeX, y - beforeY));
  }
  let piece = 0;
  return Array.from({ length: POINTS }, (_, number) => {
    const at = (lengths.at(-1) * number) / (POINTS - 1);
    while (piece < path.length - 2 && lengths[piece + 1] <= at) piece++;
    const length = lengths[piece + 1] - lengths[piece];
    const share = length > 0 ? Math.min(1, (at - lengths[piece]) / length) : 0;
    return [0, 1].map((axis) => path[piece][axis] + (path[piece + 1][axis] - path[piece][axis]) * share);
  });
}

/** About its middle, and of length 1 as a vector. */
function normal(path) {
  const middle = [0, 1].map((axis) => column(path, axis).reduce((sum, value) => sum + value, 0) / path.length);
  const moved = path.map(([x, y]) => [x - middle[0], y - middle[1]]);
  const length = Math.max(Math.hypot(...moved.flat()), 1e-9);
  return moved.map(([x, y]) => [x / length, y / length]);
}

/** The longer side of the upright box around samples. */
function span(samples) {
  const sides = ["x", "y"].map((axis) => samples.map((sample) => sample[axis]));
  return Math.max(...sides.map((values) => Math.max(...values) - Math.min(...values)));
}

/** Down first, and at the end inwards, or back up. */
function hasHook(path) {
  const [across, down] = [column(path, 0), column(path, 1)];
  const [begins, ends] = [way(path, 0, POINTS / 4), way(path, POINTS - 1 - POINTS / 8, POINTS - 1)];
  const lowest = down.indexOf(Math.max(...down));
  const inwards = Math.max(...across) - Math.min(...across.slice(0, lowest + 1));
  const turned = Math.atan2(begins[1], begins[0]) - Math.atan2(ends[1], ends[0]);
  const turn = (turned + 4 * Math.PI) % (2 * Math.PI);
  return (
    begins[1] > STEEP * Math.abs(begins[0]) &&
    lowest >= 0.4 * POINTS &&
    inwards >= 0.2 * (down[lowest] - down[0]) &&
    turn >= HOOK[0] &&
    turn <= HOOK[1]
  );
}

/** Outwards, back, outwards, each about as wide as the others, and lower with the second. */
function hasThreeStrokes(path) {
  const [across, down] = [column(path, 0), column(path, 1)];
  const width = Math.max(...across) - Math.min(...across);
  if (width <= 0) return false;
  const half = across.slice(0, POINTS / 2);
  const first = half.indexOf(Math.min(...half));
  const rest = across.slice(first);
  const second = first + rest.indexOf(Math.max(...rest));
  const widths = [across[0] - across[first], across[second] - across[first], across[second] - across.at(-1)];
  const falls = down[second] - down[first];
  const slant = Math.max(Math.abs(down[0] - down[first]), Math.abs(down[second] - down.at(-1)));
  return Math.min(...widths) >= 0.5 * width && falls >= 0.3 * width && slant <= 0.7 * Math.abs(falls);
}

function way(path, from, to) {
  return [0, 1].map((axis) => path[to][axis] - path[from][axis]);
}

function column(path, axis) {
  return path.map((point) => point[axis]);
}

function count(samples, name) {
  return samples.filter((sample) => sample[name]).length;
}

/** A line down, and a share of half an ellipse inwards and up: x to the signer's middle. */
function drawnJ(width, share) {
  const bow = Array.from({ length: 12 }, (_, number) => {
    const angle = (Math.PI * share * number) / 11;
    return [(width / 2) * (1 - Math.cos(angle)), 1 + 0.6 * width * Math.sin(angle)];
  });
  return [[0, 0], ...bow];
}

function drawnZ(height, slant) {
  return [[1, 0], [0, slant], [1, height], [0, height + slant]];
}

/** One template for each pair of the two numbers. */
function templates(draw, ones, others) {
  return ones.flatMap((one) => others.map((other) => normal(resampled(draw(one, other)))));
}

// Each with the finger that draws it, its templates, the least likeness with one of them (1 is the same), the least and
// the most ms that it takes, its least height in hand sizes, and whether a path has what makes this letter.
const LETTERS = {
  J: {
    finger: LITTLE,
    templates: templates(drawnJ, [0.3, 0.6, 1], [0.6, 0.8, 1]),
    likeness: 0.97,
    milliseconds: [250, 2000],
    height: 0.6,
    hasItsParts: hasHook,
  },
  Z: {
    finger: INDEX,
    templates: templates(drawnZ, [0.6, 0.9, 1.3], [0, 0.2]),
    likeness: 0.95,
    milliseconds: [400, 2800],
    height: 0.4,
    hasItsParts: hasThreeStrokes,
  },
};
