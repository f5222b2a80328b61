/** What a classifier is given of a picture: a crop of the hand, its landmarks, what the landmark network saw. */

import { cut } from "./boxes.js";
import { LANDMARKS, cropBox } from "./landmarks.js";
import { BYTES, reduce, resize } from "./pixels.js";

export const PICTURE_CHANNELS = 3; // of the one input that is a picture
const COORDINATES = 6; // x, y, z in pixels, then in metres
const PRESENCE = 1;
const GREY = 127; // behind transparent pixels and beside images that are not square
const LARGE = 1024; // pixels that both sides of a photograph keep in which a hand is looked for
const MANY_PIXELS = 8_000_000; // an image of more is made smaller first

/** Frames as pixels; one canvas serves all. */
export class Pixels {
  constructor(size, findsHands) {
    this.least = findsHands ? LARGE : 2 * size;
    this.canvas = new OffscreenCanvas(1, 1);
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
  }

  /**
   * A bitmap as a picture, and how many times larger the bitmap is; the bitmap is closed.
   *
   * @param {ImageBitmap} bitmap
   * @returns {{image: import("./pixels.js").Picture, scale: number}}
   */
  read(bitmap) {
    const { width, height } = bitmap;
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    this.context.fillStyle = `rgb(${GREY}, ${GREY}, ${GREY})`;
    this.context.fillRect(0, 0, width, height);
    this.context.drawImage(bitmap, 0, 0);
    bitmap.close();
    const whole = this.context.getImageData(0, 0, width, height);
    const factor = width * height > MANY_PIXELS ? Math.floor(Math.min(width, height) / this.least) : 1;
    const image = factor > 1 ? reduce(whole, factor, factor) : whole;
    return { image, scale: Math.max(width, height) / Math.max(image.width, image.height) };
  }
}

/**
 * For each of a network's inputs a function that writes it, told by the length of its last axis.
 *
 * @param {number[]} channels
 * @param {import("./pixels.js").Picture} image
 * @param {import("./landmarks.js").Hand | null} hand in pixels of the image
 * @param {number} scale how many times larger than the image the photograph is
 * @param {number} size side of the classifier's picture in pixels
 * @returns {((target: Float32Array) => void)[]}
 */
export function writersOf(channels, image, hand, scale, size) {
  return channels.map((count) => (target) => {
    if (count === PICTURE_CHANNELS) writeView(image, hand, size, target);
    else if (count === PRESENCE) target[0] = hand ? 1 : 0;
    else if (!hand) target.fill(0);
    else if (count === COORDINATES) writeLandmarks(hand, scale, target);
    else target.set(hand.features);
  });
}

/** A hand's upright crop, as a right hand, or everything. */
function writeView(image, hand, size, target) {
  if (hand) cut(image, cropBox(hand), size, target, { values: BYTES, mirrored: hand.handedness === "Left" });
  else writeWhole(image, size, target);
}

/** The whole image in the middle of a grey square, aspect kept. */
function writeWhole(image, size, target) {
  const longest = Math.max(image.width, image.height);
  const [width, height] = [image.width, image.height].map((side) =>
    Math.max(1, Math.floor((side * size) / longest + 0.5)));
  const { data } = resize(image, width, height);
  const left = (size - width) >> 1, top = (size - height) >> 1;
  target.fill(GREY);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let channel = 0; channel < 3; channel++)
        target[((top + y) * size + left + x) * 3 + channel] = data[(y * width + x) * 4 + channel];
}

/** Both kinds of landmarks side by side, of a left hand as in a mirror. */
function writeLandmarks({ landmarks, world, handedness }, scale, target) {
  const side = handedness === "Left" ? -1 : 1;
  for (let number = 0; number < LANDMARKS; number++)
    for (let axis = 0; axis < 3; axis++) {
      const sign = axis === 0 ? side : 1;
      target[number * COORDINATES + axis] = sign * landmarks[3 * number + axis] * scale;
      target[number * COORDINATES + 3 + axis] = sign * world[3 * number + axis];
    }
}
