/**
 * A hand's 21 landmarks, and what the network that finds them sees besides: MediaPipe's, on a turned crop.
 *
 * How landmarks become the next crop follows MediaPipe 0.10's hand_landmark graphs.
 */

import { cut, scaledBox, squareAround, toImage, upward } from "./boxes.js";
import { SHARES } from "./pixels.js";

export const LANDMARKS = 21;
export const MIN_PRESENCE = 0.5;
const DEPTH_SCALE = 0.4; // the network gives depth at this share of the scale of x and y
const WRIST = 0, KNUCKLES = [5, 9, 9, 13]; // of the index, middle (twice) and ring finger
const STEADY = [0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18]; // they bend least
const ALL = Array.from({ length: LANDMARKS }, (_, number) => number);
const ROI_SCALE = 2.0, ROI_SHIFT = -0.1; // from the steady landmarks to the whole hand
const SMALLEST_NORMAL = 2 ** -14; // in half precision
const ROOM = 1.5; // side of the crop for the pixel stream, as a multiple of the landmarks' longer side

/**
 * A hand in an image.
 *
 * box: the turned square that the landmarks were read from, in pixels. landmarks: x, y and z of each of 21, in pixels;
 * world: the same in metres from the hand's middle. handedness: which hand it is in an unmirrored photograph. score:
 * how sure the network is that this is a hand, 0 to 1. features: the network's last feature map of the box,
 * [7, 7, 192] in half precision, of a left hand as in a mirror.
 *
 * @typedef {{box: import("./boxes.js").Box, landmarks: Float32Array, world: Float32Array, handedness: "Left" | "Right",
 *   score: number, features: Float32Array}} Hand
 */

const single = Math.fround; // where NumPy reckons in single precision: a crop's pixels show every bit of its box

/** Where to look for the same hand in the next frame. */
export function nextBox({ landmarks }) {
  return squareAround(landmarks, STEADY, uprightAngle(landmarks), ROI_SCALE, ROI_SHIFT);
}

/** What a classifier that looks at pixels is shown of a hand: its upright square, fingertips and all. */
export function cropBox({ landmarks }) {
  return squareAround(landmarks, ALL, uprightAngle(landmarks), ROOM);
}

/** The same hand in the image made so many times as large. */
export function scaledHand(hand, factor) {
  if (factor === 1) return hand;
  return { ...hand, box: scaledBox(hand.box, factor), landmarks: hand.landmarks.map((value) => value * factor) };
}

/** By how much a hand is turned clockwise from upright, in radians, -π to π. */
export function uprightAngle(landmarks) {
  const [across, down] = [0, 1].map((axis) => {
    const sum = KNUCKLES.reduce((total, number) => single(total + landmarks[3 * number + axis]), 0);
    return single(single(sum / KNUCKLES.length) - landmarks[3 * WRIST + axis]);
  });
  return upward(across, down);
}

/** Reads landmarks and features from turned crops by a network: hand_landmark_full.tflite with its feature map. */
export class LandmarkReader {
  constructor(network) {
    this.network = network;
  }

  /**
   * What the network sees in a box of an image; its score says whether it is a hand.
   *
   * The network is shown a left hand in a mirror, so that its features are those of a right hand, as all are; where it
   * turns out otherwise than expected, they are read once more.
   *
   * @param {import("./pixels.js").Picture} image
   * @param {import("./boxes.js").Box} box
   * @param {boolean} left whether a left hand is expected
   * @returns {Promise<Hand>}
   */
  async read(image, box, left = false) {
    const hand = await this.see(image, box, left);
    const isLeft = hand.handedness === "Left";
    if (isLeft === left || hand.score < MIN_PRESENCE) return hand;
    return { ...hand, features: (await this.see(image, box, isLeft)).features };
  }

  /** As read, but for features, which are those of a left hand where it is one. */
  async glance(image, box) {
    return this.see(image, box, false);
  }

  async see(image, box, mirrored) {
    const { size } = this.network;
    const show = (crop) => cut(image, box, size, crop, { values: SHARES, mirrored });
    const [raw, presence, handedness, world, features] = await this.network.run([show]);
    const isLeft = handedness[0] < 0.5 !== mirrored; // the network judges a mirrored image
    return {
      box,
      landmarks: landmarksOf(raw, box, size, mirrored),
      world: turned(world, box.angle, mirrored),
      handedness: isLeft ? "Left" : "Right",
      score: presence[0],
      features: toHalf(features),
    };
  }
}

/** Places in the crop as places in the image. */
function landmarksOf(raw, box, size, mirrored) {
  const shares = raw.map((place) => place / size);
  const landmarks = new Float32Array(3 * LANDMARKS);
  for (let x = 0; x < 3 * LANDMARKS; x += 3) {
    landmarks.set(toImage(box, mirrored ? single(1 - shares[x]) : shares[x], shares[x + 1]), x);
    landmarks[x + 2] = shares[x + 2] * single(box.width / DEPTH_SCALE);
  }
  return landmarks;
}

/** Points of the upright crop, turned as the hand is in the image. */
function turned(world, angle, mirrored) {
  const cos = single(Math.cos(angle)), sin = single(Math.sin(angle));
  for (let x = 0; x < 3 * LANDMARKS; x += 3) {
    const across = mirrored ? -world[x] : world[x], down = world[x + 1];
    world[x] = across * cos - down * sin;
    world[x + 1] = across * sin + down * cos;
  }
  return world;
}

/** Rounds numbers to half precision, of two equally near to the even one; all are far below the largest. */
export function toHalf(values) {
  const bits = new Uint32Array(values.buffer);
  for (let place = 0; place < values.length; place++) {
    const size = Math.abs(values[place]);
    if (size >= SMALLEST_NORMAL) bits[place] = (bits[place] + 0xfff + ((bits[place] >>> 13) & 1)) & ~0x1fff;
    else values[place] = Math.sign(values[place]) * (Math.fround(size + 0.5) - 0.5); // so all below 2^-24 is rounded
  }
  return values;
}
