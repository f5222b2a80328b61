/**
 * The hand finder: palms, then landmarks; a wide look and a close one; tracking through video.
 *
 * Where both looks show no hand, palms of which the detector is less sure are looked at as well, then those of a look
 * from far away and of one in brighter light. What is found so must be a hand more surely than else.
 */

import { isInside } from "./boxes.js";
import { MIN_PRESENCE, nextBox } from "./landmarks.js";
import { roundEven } from "./pixels.js";

const MARGIN = 1 / 3; // by which the wide look's edges go on, of the image's width and height, on each side
const LARGE_HAND = 0.4; // its box's side, of the image's longer side; smaller hands are better seen closely
const SPARE_PALMS = 1; // looked at when better ones turn out to be no hands
const FAR = 1.0; // margin of the look from far away
const BRIGHTER = 0.35; // exponent of the brighter light, of values 0 to 1
const FAINT = 0.12; // a palm's least score where nothing else was found
const FAINT_PALMS = 2; // looked at, of each look
const SURELY = 0.9; // what a hand's score must then be
const SAME_HAND = 0.5; // of the smaller hand's bounding box

/** Finds hands in images by a PalmDetector and a LandmarkReader. */
export class HandFinder {
  constructor(palms, landmarks) {
    this.palms = palms;
    this.landmarks = landmarks;
  }

  /**
   * At most so many hands of an image, the clearest palm first.
   *
   * @param {import("./pixels.js").Picture} image
   * @param {number} count
   * @param {boolean} harder where none is found, search on, which takes three times as long: right for a photograph
   * @returns {Promise<import("./landmarks.js").Hand[]>}
   */
  async find(image, count, harder) {
    const hands = [], outputs = [];
    for await (const output of this.palmOutputs(image)) {
      outputs.push(output);
      await this.readBoxes(image, output.handBoxes().slice(0, count + SPARE_PALMS), count, hands);
      if (hands.length === count) break;
    }
    return hands.length || !harder ? hands : this.searchHarder(image, outputs);
  }

  /**
   * The hand of the last frame in this one, else another hand, else none; it never searches harder.
   *
   * @param {import("./pixels.js").Picture} image
   * @param {import("./landmarks.js").Hand} previous
   * @returns {Promise<import("./landmarks.js").Hand[]>} one at most
   */
  async track(image, previous) {
    const box = nextBox(previous);
    if (isInside(box, image)) {
      const hand = await this.landmarks.read(image, box, previous.handedness === "Left");
      if (hand.score >= MIN_PRESENCE) return [hand];
    }
    return this.find(image, 1, false);
  }

  /** A wide view and, where that shows no large hand, a close one first. */
  async *palmOutputs(image) {
    const wide = await this.palms.look(image, MARGIN);
    const [best] = wide.handBoxes();
    const isLarge = Boolean(best) && best.width >= LARGE_HAND * Math.max(image.width, image.height);
    if (isLarge) yield wide;
    yield await this.palms.look(image);
    if (!isLarge) yield wide;
  }

  /** One hand that was hard to see, if any, by what was seen at first and by two more looks. */
  async searchHarder(image, outputs) {
    for await (const [picture, output] of this.allOutputs(image, outputs))
      for (const box of output.handBoxes(FAINT).slice(0, FAINT_PALMS))
        if (isInside(box, picture)) {
          const hand = await this.landmarks.glance(picture, box);
          if (hand.score >= SURELY) return [await this.readAgain(picture, hand)];
        }
    return [];
  }

  async *allOutputs(image, outputs) {
    for (const output of outputs) yield [image, output];
    yield [image, await this.palms.look(image, FAR)];
    const bright = brighter(image);
    yield [bright, await this.palms.look(bright, MARGIN)];
  }

  /** Adds the hands in the boxes to those known, until there are as many as wanted. */
  async readBoxes(image, boxes, count, hands) {
    for (const box of boxes) {
      if (hands.length === count) break;
      if (!isInside(box, image)) continue;
      const hand = await this.landmarks.glance(image, box);
      const isNew = hand.score >= MIN_PRESENCE && !hands.some((other) => isSame(hand, other));
      if (isNew) hands.push(await this.readAgain(image, hand));
    }
  }

  /** The hand as it is seen from its own landmarks instead of from its palm, as in the next frame of a film. */
  async readAgain(image, hand) {
    const left = hand.handedness === "Left", box = nextBox(hand);
    if (isInside(box, image)) {
      const again = await this.landmarks.read(image, box, left);
      if (again.score >= MIN_PRESENCE) return again;
    }
    return this.landmarks.read(image, hand.box, left);
  }
}

function brighter({ data, width, height }) {
  const table = Uint8Array.from({ length: 256 }, (_, value) => roundEven(255 * (value / 255) ** BRIGHTER));
  return { data: data.map((value) => table[value]), width, height };
}

/** Whether two palms turned out to belong to one hand. */
function isSame(one, other) {
  const bounds = [one, other].map(({ landmarks }) => boundsOf(landmarks));
  const shared = [0, 1].map((axis) => {
    const low = Math.max(...bounds.map((each) => each.low[axis]));
    const high = Math.min(...bounds.map((each) => each.high[axis]));
    return Math.max(high - low, 0);
  });
  const areas = bounds.map(({ low, high }) => (high[0] - low[0]) * (high[1] - low[1]));
  return shared[0] * shared[1] > SAME_HAND * Math.min(...areas);
}

function boundsOf(landmarks) {
  const along = (axis) => Array.from(landmarks).filter((_, place) => place % 3 === axis);
  return { low: [0, 1].map((axis) => Math.min(...along(axis))), high: [0, 1].map((axis) => Math.max(...along(axis))) };
}
