/** Turned squares and what they show: the geometry between an image and a crop of it. */

import { reduce, transform } from "./pixels.js";

/**
 * A turned rectangle in an image: its centre, width and height in pixels, and by how many radians it is turned
 * clockwise as seen on the screen, -π to π.
 *
 * @typedef {{x: number, y: number, width: number, height: number, angle: number}} Box
 */

const LARGEST = 8; // times the image's longer side

/** Whether a box's centre lies in an image and its size is that of something seen there. */
export function isInside(box, { width, height }) {
  const isThere = 0 <= box.x && box.x < width && 0 <= box.y && box.y < height;
  return isThere && 1 <= box.width && box.width <= LARGEST * Math.max(width, height);
}

/** The place in the image of a point that is given in shares of the box's width and height: [x, y]. */
export function toImage(box, across, down) {
  const x = Math.fround(across - 0.5) * box.width, y = Math.fround(down - 0.5) * box.height;
  const cos = Math.cos(box.angle), sin = Math.sin(box.angle);
  return [box.x + x * cos - y * sin, box.y + x * sin + y * cos];
}

/** The same box in the image made so many times as large. */
export function scaledBox({ x, y, width, height, angle }, factor) {
  return { x: x * factor, y: y * factor, width: width * factor, height: height * factor, angle };
}

/** The angle of a box in which a way of so many pixels to the right and down points straight up. */
export function upward(across, down) {
  const angle = Math.PI / 2 - Math.atan2(-down, across);
  return angle - 2 * Math.PI * Math.floor((angle + Math.PI) / (2 * Math.PI));
}

/**
 * The square at an angle that stands around points.
 *
 * @param {ArrayLike<number>} points x, y and z of each, in pixels
 * @param {number[]} numbers of the points that count
 * @param {number} angle
 * @param {number} scale its side, as a multiple of the longer side of the points' bounding box at that angle
 * @param {number} [shift] by what share of that bounding box's height it is moved along its own downward direction
 * @returns {Box}
 */
export function squareAround(points, numbers, angle, scale, shift = 0) {
  const cos = Math.cos(angle), sin = Math.sin(angle);
  let left = Infinity, right = -Infinity, top = Infinity, bottom = -Infinity;
  for (const number of numbers) {
    const x = points[3 * number], y = points[3 * number + 1];
    const across = x * cos + y * sin, down = y * cos - x * sin;
    [left, right] = [Math.min(left, across), Math.max(right, across)];
    [top, bottom] = [Math.min(top, down), Math.max(bottom, down)];
  }
  const x = (left + right) / 2, y = (top + bottom) / 2 + shift * (bottom - top);
  const side = Math.max(right - left, bottom - top) * scale;
  return { x: x * cos - y * sin, y: x * sin + y * cos, width: side, height: side, angle };
}

/**
 * Writes what a square box shows, upright, into a network's input; beyond the border the image's edge goes on.
 *
 * One affine map, bilinear; where the box is far larger than the crop, whole pixels are averaged first.
 *
 * @param {import("./pixels.js").Picture} image
 * @param {Box} box
 * @param {number} size side of the crop in pixels
 * @param {Float32Array} target [size, size, 3]
 * @param {{values: Float32Array, mirrored: boolean}} how see transform
 */
export function cut(image, box, size, target, how) {
  const factor = Math.max(1, Math.trunc(box.width / size));
  const { picture, columns, rows } = surroundings(image, box, factor);
  const [cos, sin] = [Math.cos(box.angle), Math.sin(box.angle)].map((turn) => (turn * box.width) / size / factor);
  const x = (box.x - columns.start) / factor, y = (box.y - rows.start) / factor;
  const half = size / 2;
  const affine = [cos, -sin, x - half * (cos - sin), sin, cos, y - half * (sin + cos)];
  transform(picture, affine, { left: columns.shift, top: rows.shift }, size, target, how);
}

/** The pixels that a box needs, made smaller, and along each side where its coordinates begin in image and picture. */
function surroundings(image, box, factor) {
  const reach = ((Math.abs(Math.cos(box.angle)) + Math.abs(Math.sin(box.angle))) * box.width) / 2 + 2 * factor;
  const length = Math.ceil((2 * reach) / factor) + 1;
  const columns = span(box.x - reach, length, factor, image.width);
  const rows = span(box.y - reach, length, factor, image.height);
  if (factor === 1) return { picture: image, columns: within(columns), rows: within(rows) };
  const part = { left: columns.low, right: columns.high, top: rows.low, bottom: rows.high };
  return { picture: reduce(image, factor, factor, part), columns, rows };
}

/** A stretch of so many reduced pixels along one side of an image: where it begins, and what of it the image has. */
function span(start, length, factor, limit) {
  const first = Math.floor(start / factor) * factor;
  const lastWhole = Math.floor((limit - 1) / factor) * factor; // where the last reduced pixel begins
  const low = Math.min(Math.max(first, 0), lastWhole);
  const high = Math.min(Math.max(first + length * factor, low + factor), limit);
  const got = Math.ceil((high - low) / factor);
  const before = Math.min(Math.max(Math.floor((low - first) / factor), 0), length - got);
  return { start: first, low, high, shift: -before };
}

/** The same stretch, its coordinates counted in the whole image, of which no part needs to be copied. */
function within({ start, low, shift }) {
  return { start, shift: low + shift };
}
