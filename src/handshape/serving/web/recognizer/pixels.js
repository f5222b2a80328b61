/**
 * Pixels made smaller, cut out and turned, with Pillow's arithmetic to the last bit: networks judge photographs here as
 * they do where they learned.
 *
 * A picture is { data, width, height }: red, green, blue and one more byte a pixel, as canvases have them.
 *
 * @typedef {{data: Uint8Array | Uint8ClampedArray, width: number, height: number}} Picture
 */

const CHANNELS = 4;
const WEIGHT_BITS = 22; // of the fractions that a resize reckons with
const HALF_WEIGHT = 1 << (WEIGHT_BITS - 1);

/** What a byte becomes in a network's input: a share of 255 in single precision, or itself. */
export const SHARES = Float32Array.from({ length: 256 }, (_, value) => value * Math.fround(1 / 255));
export const BYTES = Float32Array.from({ length: 256 }, (_, value) => value);

/** The nearest whole number, of two equally near the even one, as Python rounds. */
export function roundEven(value) {
  const low = Math.floor(value), rest = value - low;
  return rest > 0.5 || (rest === 0.5 && low % 2 !== 0) ? low + 1 : low;
}

/**
 * Means of blocks of pixels; blocks at the right and lower border may be smaller.
 *
 * @param {Picture} picture
 * @param {number} across pixels of a block's width
 * @param {number} down pixels of a block's height
 * @param {{left: number, top: number, right: number, bottom: number}} [part] only this part of the picture
 * @returns {Picture}
 */
export function reduce(picture, across, down, part) {
  const { left, top, right, bottom } = part ?? { left: 0, top: 0, right: picture.width, bottom: picture.height };
  const width = Math.ceil((right - left) / across), height = Math.ceil((bottom - top) / down);
  const data = new Uint8Array(width * height * CHANNELS);
  const reciprocal = reciprocalOf(across * down);
  for (let y = 0, place = 0; y < height; y++) {
    const low = top + y * down, rows = Math.min(down, bottom - low);
    for (let x = 0; x < width; x++, place += CHANNELS) {
      const near = left + x * across, columns = Math.min(across, right - near);
      const isWhole = columns === across && rows === down;
      const share = isWhole ? reciprocal : reciprocalOf(columns * rows);
      mean(picture, (low * picture.width + near) * CHANNELS, columns, rows, share, data, place);
    }
  }
  return { data, width, height };
}

/** Writes the mean of a block that begins at a byte of a picture. */
function mean({ data, width }, start, columns, rows, reciprocal, target, place) {
  let red = (columns * rows) >> 1, green = red, blue = red;
  for (let row = 0, line = start; row < rows; row++, line += width * CHANNELS)
    for (let at = line, end = line + columns * CHANNELS; at < end; at += CHANNELS) {
      red += data[at];
      green += data[at + 1];
      blue += data[at + 2];
    }
  target[place] = Math.imul(red, reciprocal) >>> 24;
  target[place + 1] = Math.imul(green, reciprocal) >>> 24;
  target[place + 2] = Math.imul(blue, reciprocal) >>> 24;
}

/** 1 / count in units of 2⁻²⁴, through single precision, rounded down. */
function reciprocalOf(count) {
  return Math.floor(Math.fround(2 ** 32 / Math.fround(256 * count)));
}

/**
 * A picture in another size, antialiased and bilinear: first across, then down, rounded after each; as Pillow 13 does,
 * the other way round where far more goes from the height than from the width.
 *
 * @param {Picture} picture
 * @param {number} width
 * @param {number} height
 * @param {number} [across] how many of the picture's pixels the new width is, a fraction too
 * @param {number} [down] the same of the height
 * @returns {Picture}
 */
export function resize(picture, width, height, across = picture.width, down = picture.height) {
  const passes = [
    (old) => (width === old.width && across === width ? old : resizedAcross(old, width, across)),
    (old) => (height === old.height && down === height ? old : resizedDown(old, height, down)),
  ];
  const lost = [picture.width - width, picture.height - height];
  if (lost[1] > 0 && lost[1] > 2 * lost[0]) passes.reverse();
  return passes.reduce((old, pass) => pass(old), picture);
}

/** For each new pixel the first old one, how many count, and their weights from step * pixel on. */
function weightsOf(from, to, length) {
  const scale = Math.fround(length) / to, reach = Math.max(scale, 1);
  const step = 2 * Math.ceil(reach) + 1;
  const first = new Int32Array(to), counts = new Int32Array(to), weights = new Int32Array(to * step);
  const shares = new Float64Array(step);
  for (let pixel = 0; pixel < to; pixel++) {
    const middle = (pixel + 0.5) * scale;
    const low = Math.max(0, Math.trunc(middle - reach + 0.5));
    const count = Math.min(from, Math.trunc(middle + reach + 0.5)) - low;
    let sum = 0;
    for (let old = 0; old < count; old++) {
      shares[old] = Math.max(0, 1 - Math.abs((old + low - middle + 0.5) * (1 / reach)));
      sum += shares[old];
    }
    for (let old = 0; old < count; old++)
      weights[pixel * step + old] = Math.trunc(0.5 + (sum === 0 ? shares[old] : shares[old] / sum) * 2 ** WEIGHT_BITS);
    first[pixel] = low;
    counts[pixel] = count;
  }
  return { first, counts, weights, step };
}

function resizedAcross(picture, width, length) {
  const { data: old, height } = picture;
  const { first, counts, weights, step } = weightsOf(picture.width, width, length);
  const data = new Uint8ClampedArray(width * height * CHANNELS);
  for (let y = 0, place = 0; y < height; y++)
    for (let x = 0; x < width; x++, place += CHANNELS) {
      let red = HALF_WEIGHT, green = HALF_WEIGHT, blue = HALF_WEIGHT;
      let at = (y * picture.width + first[x]) * CHANNELS;
      for (let index = x * step, end = index + counts[x]; index < end; index++, at += CHANNELS) {
        const weight = weights[index];
        red += old[at] * weight;
        green += old[at + 1] * weight;
        blue += old[at + 2] * weight;
      }
      data[place] = red >> WEIGHT_BITS;
      data[place + 1] = green >> WEIGHT_BITS;
      data[place + 2] = blue >> WEIGHT_BITS;
    }
  return { data, width, height };
}

function resizedDown(picture, height, length) {
  const { data: old, width } = picture;
  const { first, counts, weights, step } = weightsOf(picture.height, height, length);
  const row = width * CHANNELS, data = new Uint8ClampedArray(height * row);
  for (let y = 0, place = 0; y < height; y++)
    for (let x = 0; x < row; x++, place++) {
      let sum = HALF_WEIGHT;
      let at = first[y] * row + x;
      for (let index = y * step, end = index + counts[y]; index < end; index++, at += row)
        sum += old[at] * weights[index];
      data[place] = sum >> WEIGHT_BITS;
    }
  return { data, width, height };
}

/**
 * Writes a turned square of a picture into a network's input, bilinear; beyond the border its edge goes on.
 *
 * @param {Picture} picture
 * @param {number[]} affine a, b, c, d, e, f: a place x, y of the square shows a x + b y + c, d x + e y + f of the
 *   picture
 * @param {{left: number, top: number}} shift by which those lie from the picture's first pixel
 * @param {number} size side of the square in pixels
 * @param {Float32Array} target [size, size, 3]
 * @param {{values: Float32Array, mirrored: boolean}} how what a byte becomes, and whether left and right change places
 */
export function transform(picture, affine, shift, size, target, { values, mirrored }) {
  const { data, width, height } = picture;
  const [a, b, c, d, e, f] = affine;
  const lastX = width - 1, lastY = height - 1, step = mirrored ? -3 : 3;
  for (let row = 0; row < size; row++) {
    let place = (row * size + (mirrored ? size - 1 : 0)) * 3;
    const y = row + 0.5;
    for (let column = 0; column < size; column++, place += step) {
      const x = column + 0.5;
      const atX = a * x + b * y + c - 0.5, atY = d * x + e * y + f - 0.5;
      const left = Math.floor(atX), top = Math.floor(atY);
      const right = atX - left, down = atY - top;
      const x0 = within(left + shift.left, lastX), x1 = within(left + 1 + shift.left, lastX);
      const y0 = within(top + shift.top, lastY), y1 = within(top + 1 + shift.top, lastY);
      const one = (y0 * width + x0) * CHANNELS, two = (y0 * width + x1) * CHANNELS;
      const three = (y1 * width + x0) * CHANNELS, four = (y1 * width + x1) * CHANNELS;
      for (let channel = 0; channel < 3; channel++) {
        const upper = data[one + channel] + (data[two + channel] - data[one + channel]) * right;
        const lower = data[three + channel] + (data[four + channel] - data[three + channel]) * right;
        target[place + channel] = values[(upper + (lower - upper) * down) | 0];
      }
    }
  }
}

/** The nearest place from 0 to the last one. */
function within(place, last) {
  return place < 0 ? 0 : place > last ? last : place;
}
