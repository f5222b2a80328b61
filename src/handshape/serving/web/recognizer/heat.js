/**
 * Where a classifier looked: class activation maps.
 *
 * Source: Zhou, Khosla, Lapedriza, Oliva, Torralba, "Learning Deep Features for Discriminative Localization", CVPR
 * 2016. With global average pooling and one dense layer behind the last feature map, the map needs no gradients.
 */

import { cropBox } from "./landmarks.js";
import { handMask } from "./mask.js";

const HAND_UNITS = 384; // channels of the hand stream's feature map, which shows what the landmark network saw
const CELL_OFFSET = 0.22; // a cell of a strided network's last map sees what lies so much of a cell further
const SIDE = 256; // pixels of a heat map
const EVERYWHERE = 0.4; // share of a hand that is shown as if nothing spoke there
const FAINT = 0.5; // of the strongest heat: a hand with less was not what spoke
const TINY = 1e-6;

/**
 * What speaks for one class, as it lies in the photograph; null where nothing does.
 *
 * Of a hand only what lies on it, the strongest place being 1; of a whole photograph all of it. Each class's weights
 * are taken less what all classes have in common: a softmax does not see that part, but left in it hides the hand.
 *
 * @param {{values: Float32Array, shape: number[]}} features the last feature map of one image, [1, h, w, F]
 * @param {{values: Float32Array, shape: number[]}} weights of the dense layer, [F, C]
 * @param {number} number of the class
 * @param {import("./landmarks.js").Hand | null} hand whose it was, in pixels of the photograph; null for all of it
 * @param {{width: number, height: number}} photograph
 * @returns {{values: Float32Array, width: number, height: number, box: import("./boxes.js").Box} | null} 0 to 1, over
 *   the turned square of the photograph that the box gives
 */
export function whereItLooked(features, weights, number, hand, photograph) {
  const ofHandStream = features.shape[3] === HAND_UNITS;
  if (!hand && ofHandStream) return null;
  const smooth = enlarged(activation(features, weights, number), features.shape[1], features.shape[2]);
  const values = hand ? onHand(smooth, hand, ofHandStream) : smooth;
  if (!values || !values.some((value) => value > 0)) return null;
  return { values, width: SIDE, height: SIDE, box: hand ? cropBox(hand) : wholeBox(photograph) };
}

/** How much each cell speaks for a class, [h, w], 1 at the strongest; all 0 where nothing does. */
function activation({ values, shape: [, height, width, channels] }, weights, number) {
  const own = weightsOf(weights, number);
  const evidence = new Float32Array(height * width);
  for (let cell = 0; cell < evidence.length; cell++) {
    let sum = 0;
    for (let channel = 0; channel < channels; channel++) sum += values[cell * channels + channel] * own[channel];
    evidence[cell] = Math.max(sum, 0);
  }
  const strongest = evidence.reduce((one, other) => Math.max(one, other), 0);
  return strongest > 0 ? evidence.map((value) => value / strongest) : evidence;
}

/** A class's weights [F], less their mean over all classes. */
function weightsOf({ values, shape: [channels, classes] }, number) {
  return Float32Array.from({ length: channels }, (_, channel) => {
    const row = values.subarray(channel * classes, (channel + 1) * classes);
    return row[number] - row.reduce((one, other) => one + other, 0) / classes;
  });
}

/** The heat of each cell over the network's input square, smooth, by cubic B-splines; the strongest stays as strong. */
function enlarged(heat, height, width) {
  const down = spline(height), across = spline(width);
  const smooth = new Float32Array(SIDE * SIDE);
  for (let y = 0; y < SIDE; y++) {
    const column = (x) => dot(height, (cell) => down[y][cell] * heat[cell * width + x]);
    const row = Float32Array.from({ length: width }, (_, x) => column(x));
    for (let x = 0; x < SIDE; x++) smooth[y * SIDE + x] = dot(width, (cell) => across[x][cell] * row[cell]);
  }
  const [from, to] = [smooth, heat].map((map) => map.reduce((one, other) => Math.max(one, other), 0));
  return from > 0 ? smooth.map((value) => (value * to) / from) : smooth;
}

/** What each cell gives to each pixel of a row of them, [SIDE][cells]; each sums to 1. */
function spline(cells) {
  return Array.from({ length: SIDE }, (_, pixel) => {
    const place = ((pixel + 0.5) * cells) / SIDE - 0.5 - CELL_OFFSET;
    const weights = Array.from({ length: cells }, (_, cell) => {
      const distance = Math.abs(place - cell);
      return distance < 1 ? 4 - 6 * distance ** 2 + 3 * distance ** 3 : Math.max(2 - distance, 0) ** 3;
    });
    const sum = weights.reduce((one, other) => one + other, 0);
    return weights.map((weight) => weight / sum);
  });
}

function dot(count, term) {
  let sum = 0;
  for (let index = 0; index < count; index++) sum += term(index);
  return sum;
}

/** The heat of a hand in its crop's square, faded out beside it; null where it was not the hand that spoke. */
function onHand(smooth, hand, ofHandStream) {
  const upright = hand.handedness === "Left" ? mirrored(smooth) : smooth;
  const mask = handMask(hand, cropBox(hand), SIDE);
  const heat = ofHandStream ? sharpened(moved(upright, hand.box, cropBox(hand)), mask) : upright;
  const values = heat.map((value, place) => value * mask[place]);
  const strongest = values.reduce((one, other) => Math.max(one, other), 0);
  return strongest >= FAINT ? values.map((value) => value / strongest) : null;
}

function mirrored(heat) {
  return heat.map((_, place) => heat[place - (place % SIDE) + SIDE - 1 - (place % SIDE)]);
}

/** Each cell of the hand stream sees the whole hand, so what counts is where there is more than elsewhere on it. */
function sharpened(heat, mask) {
  const onIt = heat.filter((_, place) => mask[place] > 0.5).sort();
  const least = percentile(onIt);
  const strongest = heat.reduce((one, other) => Math.max(one, other), 0);
  return heat.map((value) => Math.max(value - least, 0) / Math.max(strongest - least, TINY));
}

function percentile(sorted) {
  if (!sorted.length) return 0;
  const place = EVERYWHERE * (sorted.length - 1), low = Math.floor(place);
  const [one, other] = [sorted[low], sorted[Math.min(low + 1, sorted.length - 1)]];
  return one + (other - one) * (place - low);
}

/** The heat of one turned square, as it lies in another one of the same photograph; 0 beside it. */
function moved(heat, seen, shown) {
  const scale = shown.width / seen.width, turn = shown.angle - seen.angle;
  const cos = Math.cos(turn) * scale, sin = Math.sin(turn) * scale;
  const across = shown.x - seen.x, down = shown.y - seen.y;
  const back = [Math.cos(seen.angle), Math.sin(seen.angle)], half = SIDE / 2;
  const startX = ((across * back[0] + down * back[1]) * SIDE) / seen.width + half * (1 - cos + sin);
  const startY = ((down * back[0] - across * back[1]) * SIDE) / seen.width + half * (1 - sin - cos);
  return heat.map((_, place) => {
    const x = (place % SIDE) + 0.5, y = Math.floor(place / SIDE) + 0.5;
    return between(heat, cos * x - sin * y + startX, sin * x + cos * y + startY);
  });
}

/** The heat at a place between pixels, bilinear. */
function between(heat, x, y) {
  if (x < 0 || x >= SIDE || y < 0 || y >= SIDE) return 0;
  const left = Math.floor(x - 0.5), top = Math.floor(y - 0.5);
  const right = x - 0.5 - left, below = y - 0.5 - top;
  const within = (place) => Math.min(Math.max(place, 0), SIDE - 1);
  const at = (column, row) => heat[within(row) * SIDE + within(column)];
  const upper = at(left, top) * (1 - right) + at(left + 1, top) * right;
  const lower = at(left, top + 1) * (1 - right) + at(left + 1, top + 1) * right;
  return upper * (1 - below) + lower * below;
}

/** The square around a whole photograph: what the network sees where no hand was cut out. */
function wholeBox({ width, height }) {
  const side = Math.max(width, height);
  return { x: width / 2, y: height / 2, width: side, height: side, angle: 0 };
}
