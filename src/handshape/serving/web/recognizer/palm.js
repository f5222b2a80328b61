/**
 * Where palms are: MediaPipe's palm network, a single-shot detector with seven key points a palm.
 *
 * Its conventions (anchors, thresholds, how a palm becomes the square that the landmark network looks at) are those of
 * MediaPipe 0.10's palm_detection graphs.
 */

import { upward } from "./boxes.js";
import { SHARES, reduce, resize, roundEven } from "./pixels.js";

const INPUT = 192; // pixels a side
const LAYERS = [[8, 2], [16, 6]]; // pixels between cells, anchors in a cell
const LIKELY = 0.5; // a score that a palm has
const SAME_PALM = 0.3; // overlap, as intersection over union
const POINTS = 9; // two opposite corners of the box, then the key points
const WRIST = 2, MIDDLE_KNUCKLE = 4; // among them
const ROI_SCALE = 2.6, ROI_SHIFT = -0.5; // from the palm to the whole hand

const single = Math.fround; // where NumPy reckons in single precision: a crop's pixels show every bit of its box

/** Finds palms in images by a network: palm_detection_full.tflite. */
export class PalmDetector {
  constructor(network) {
    this.network = network;
    this.anchors = anchors();
    const channels = network.outputShapes.map((shape) => shape.at(-1));
    this.places = [channels.findIndex((count) => count > 1), channels.indexOf(1)]; // of boxes and of scores
  }

  /**
   * A look at an image, which is first widened by a margin: a share of each side, on each side.
   *
   * @param {import("./pixels.js").Picture} image
   * @param {number} [margin]
   * @returns {Promise<PalmOutput>}
   */
  async look(image, margin = 0) {
    let letterbox = null;
    const outputs = await this.network.run([(square) => (letterbox = fit(image, margin, square))]);
    const [raw, logits] = this.places.map((place) => outputs[place]);
    const scores = logits.map((logit) => 1 / single(1 + single(Math.exp(-logit))));
    return new PalmOutput(raw, scores, this.anchors, letterbox);
  }
}

/** What the network says of one image: boxes [2016, 18], scores [2016], and how the image lay in its square. */
export class PalmOutput {
  constructor(raw, scores, centres, letterbox) {
    Object.assign(this, { raw, scores, centres, letterbox });
  }

  /**
   * Palms whose score is the least or more, best first: points [9, 2] in pixels of the image, as one array.
   *
   * @param {number} [least] 0 to 1
   * @returns {Float32Array[]}
   */
  palms(least = LIKELY) {
    const found = [];
    this.scores.forEach((score, number) => {
      if (score >= least) found.push({ score, points: decoded(this.raw, this.centres, number) });
    });
    return suppressed(found).map((points) => toImage(points, this.letterbox));
  }

  /** For each palm the turned square that holds the whole hand, fingers up, best first. */
  handBoxes(least = LIKELY) {
    return this.palms(least).map(handBox);
  }
}

/** Writes an image into the middle of a black square, aspect kept; answers how it lies there. */
function fit(image, margin, square) {
  const { width, height } = image;
  const scale = INPUT / (Math.max(height, width) * (1 + 2 * margin));
  const fitted = [width, height].map((side) => Math.max(1, roundEven(side * scale)));
  const picture = shrunk(image, ...fitted);
  const [beside, above] = fitted.map((side) => roundEven(side * margin));
  const wide = Math.min(fitted[0] + 2 * beside, INPUT), high = Math.min(fitted[1] + 2 * above, INPUT);
  const left = (INPUT - wide) >> 1, top = (INPUT - high) >> 1;
  square.fill(0);
  for (let y = 0; y < high; y++) {
    const row = Math.min(Math.max(y - above, 0), picture.height - 1) * picture.width;
    let place = ((top + y) * INPUT + left) * 3;
    for (let x = 0; x < wide; x++, place += 3) {
      const at = (row + Math.min(Math.max(x - beside, 0), picture.width - 1)) * 4;
      square[place] = SHARES[picture.data[at]];
      square[place + 1] = SHARES[picture.data[at + 1]];
      square[place + 2] = SHARES[picture.data[at + 2]];
    }
  }
  return { start: [left + beside, top + above], scale: [fitted[0] / width, fitted[1] / height] };
}

/** An image in another size; where it becomes a whole number of times smaller, its pixels are averaged first. */
function shrunk(image, width, height) {
  if (width === image.width && height === image.height) return image;
  const across = Math.max(1, Math.trunc(image.width / width)), down = Math.max(1, Math.trunc(image.height / height));
  if (across === 1 && down === 1) return resize(image, width, height);
  return resize(reduce(image, across, down), width, height, image.width / across, image.height / down);
}

/** The centres that the network's answers are relative to, x and y as shares of the square. */
function anchors() {
  return Float32Array.from(
    LAYERS.flatMap(([stride, count]) => {
      const cells = INPUT / stride;
      return Array.from({ length: cells * cells * count }, (_, number) => {
        const cell = Math.floor(number / count);
        return [((cell % cells) + 0.5) / cells, (Math.floor(cell / cells) + 0.5) / cells];
      });
    }).flat(),
  );
}

/** One of the network's answers as points [9, 2], shares of the square. */
function decoded(raw, centres, number) {
  const points = new Float32Array(2 * POINTS);
  for (let axis = 0; axis < 2; axis++) {
    const at = (point) => single(raw[18 * number + 2 * point + axis] / INPUT);
    const centre = centres[2 * number + axis];
    const middle = single(at(0) + centre), half = at(1) / 2;
    points[axis] = middle - half;
    points[2 + axis] = middle + half;
    for (let point = 2; point < POINTS; point++) points[2 * point + axis] = at(point) + centre;
  }
  return points;
}

/** One palm for each heap of overlapping answers, best first: their mean, weighted by score. */
function suppressed(found) {
  let left = found.sort((one, other) => other.score - one.score); // sorting is stable
  const merged = [];
  while (left.length) {
    const best = left[0];
    const isSame = (each) => each === best || overlap(best.points, each.points) > SAME_PALM;
    merged.push(weightedMean(left.filter(isSame)));
    left = left.filter((each) => !isSame(each));
  }
  return merged;
}

function weightedMean(heap) {
  const summed = (term) => heap.reduce((sum, each) => single(sum + single(term(each))), 0);
  const total = summed((each) => each.score);
  return Float32Array.from({ length: 2 * POINTS }, (_, place) =>
    summed((each) => each.points[place] * each.score) / total);
}

/** Intersection over union of two boxes, from their corners, the first two points. */
function overlap(one, other) {
  const area = (left, top, right, bottom) => Math.max(right - left, 0) * Math.max(bottom - top, 0);
  const low = [0, 1].map((axis) => Math.max(one[axis], other[axis]));
  const high = [2, 3].map((axis) => Math.min(one[axis], other[axis]));
  const shared = area(...low, ...high);
  const both = area(...one.subarray(0, 4)) + area(...other.subarray(0, 4)) - shared;
  return both > 0 ? shared / both : 0;
}

function toImage(points, { start, scale }) {
  return points.map((share, place) => single(single(share * INPUT) - start[place % 2]) / single(scale[place % 2]));
}

function handBox(palm) {
  const [left, top, right, bottom] = palm;
  const way = [0, 1].map((axis) => single(palm[2 * MIDDLE_KNUCKLE + axis] - palm[2 * WRIST + axis]));
  const angle = upward(...way);
  const width = single(right - left), height = single(bottom - top);
  const x = single(left + right) / 2 - Math.sin(angle) * ROI_SHIFT * height;
  const y = single(top + bottom) / 2 + Math.cos(angle) * ROI_SHIFT * height;
  const side = Math.max(width, height) * ROI_SCALE;
  return { x, y, width: side, height: side, angle };
}
