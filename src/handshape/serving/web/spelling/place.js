// Where a hand is and how it moves, smoothed over time, in hand sizes. src/handshape/serving/place.py does the same.
//
// A hand's size is the way from its wrist to the middle of its knuckles: about nine centimetres.

const KNUCKLES = [5, 9, 13, 17];
const HOME = 600; // ms, time constant at which a hand that stays becomes at home where it is

/** The place of one hand. */
export class Place {
  #smoothing;
  #x = 0;
  #y = 0;
  #size = 0;
  #homeX = 0;
  #homeY = 0;

  /** @param {number} smoothing ms, time constant. */
  constructor(smoothing) {
    this.#smoothing = smoothing;
    /** Hand sizes a second; 0 where it is not known. */
    this.speed = 0;
    /** How far it is from where it has been of late, in hand sizes. */
    this.slid = 0;
  }

  /**
   * Takes the hand of a frame that came `step` ms after the last; without a hand, all is forgotten.
   * @param {?{landmarks: number[][]}} hand
   * @param {number} step
   */
  see(hand, step) {
    if (!hand?.landmarks?.length) {
      this.#x = this.#y = this.#size = this.#homeX = this.#homeY = this.speed = this.slid = 0;
      return;
    }
    const [x, y, size] = middleAndSize(hand);
    if (this.#size === 0) {
      [this.#x, this.#y, this.#size, this.#homeX, this.#homeY] = [x, y, size, x, y];
      return;
    }
    const fresh = 1 - Math.exp(-step / this.#smoothing);
    const across = (x - this.#x) * fresh;
    const down = (y - this.#y) * fresh;
    this.#x += across;
    this.#y += down;
    this.#size += (size - this.#size) * fresh;
    if (step > 0) this.speed = (Math.hypot(across, down) / this.#size / step) * 1000;
    const settled = 1 - Math.exp(-step / HOME);
    this.#homeX += (this.#x - this.#homeX) * settled;
    this.#homeY += (this.#y - this.#homeY) * settled;
    this.slid = Math.hypot(this.#x - this.#homeX, this.#y - this.#homeY) / this.#size;
  }

  /** Where it is now is where it has been. */
  settle() {
    [this.#homeX, this.#homeY, this.slid] = [this.#x, this.#y, 0];
  }
}

/**
 * The middle between wrist and knuckles, and the way from one to the other, in pixels.
 * @param {{landmarks: number[][]}} hand
 * @returns {[number, number, number]}
 */
export function middleAndSize({ landmarks }) {
  const [x, y] = knucklesOf(landmarks);
  return [(x + landmarks[0][0]) / 2, (y + landmarks[0][1]) / 2, Math.max(1, sizeOf(landmarks))];
}

/** From the wrist to the middle of the knuckles of 21 landmarks, in their unit. */
export function sizeOf(points) {
  return Math.hypot(...knucklesOf(points).map((value, axis) => value - points[0][axis]));
}

function knucklesOf(points) {
  return [0, 1, 2].map((axis) => KNUCKLES.reduce((sum, number) => sum + points[number][axis], 0) / KNUCKLES.length);
}
