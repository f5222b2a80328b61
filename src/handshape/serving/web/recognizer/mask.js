/** Where a hand is in a crop of it, by its landmarks. */

const BONES = [0, 5, 9, 13, 17].flatMap((root) => [
  [0, root || 1],
  ...[0, 1, 2].map((step) => [(root || 1) + step, (root || 1) + step + 1]),
]);
const PALM = [0, 1, 5, 9, 13, 17];
const PALM_LINES = [[5, 9], [9, 13], [13, 17], [0, 17], [0, 9]];
const FINGER = 0.36; // width of a finger and its flesh, of the way from the wrist to the middle knuckle
const ARM = 1.8; // width of the arm, in fingers
const SOFT = 6; // pixels over which the hand goes over into what lies beside it

/**
 * Where the hand and the arm are, [side, side], 1 inside, softly 0 outside.
 *
 * @param {import("./landmarks.js").Hand} hand
 * @param {import("./boxes.js").Box} box the turned square of the photograph that the crop shows
 * @param {number} side of the crop in pixels
 * @returns {Float32Array}
 */
export function handMask({ landmarks }, box, side) {
  const canvas = new OffscreenCanvas(side, side);
  draw(canvas.getContext("2d", { willReadFrequently: true }), joints(landmarks, box, side));
  const { data } = canvas.getContext("2d").getImageData(0, 0, side, side);
  const mask = Float32Array.from({ length: side * side }, (_, place) => data[4 * place + 3] / 255);
  return blurred(mask, side);
}

/** Landmarks in pixels of the crop. */
function joints(landmarks, box, side) {
  const cos = Math.cos(box.angle), sin = Math.sin(box.angle);
  return Array.from({ length: landmarks.length / 3 }, (_, number) => {
    const x = landmarks[3 * number] - box.x, y = landmarks[3 * number + 1] - box.y;
    return [x * cos + y * sin, y * cos - x * sin].map((place) => (place / box.width + 0.5) * side);
  });
}

function draw(context, points) {
  const reach = [0, 1].map((axis) => points[0][axis] - points[9][axis]);
  const width = Math.hypot(...reach) * FINGER;
  const beyond = [0, 1].map((axis) => points[0][axis] + reach[axis]);
  context.lineCap = "round";
  const line = (from, to, thick) => {
    context.lineWidth = thick;
    context.beginPath();
    context.moveTo(...from);
    context.lineTo(...to);
    context.stroke();
  };
  for (const [from, to] of [...BONES, ...PALM_LINES]) line(points[from], points[to], width);
  context.beginPath();
  for (const number of PALM) context.lineTo(...points[number]);
  context.fill();
  context.lineCap = "butt";
  line(points[0], beyond, width * ARM);
}

/** Three box blurs, which come to about a Gaussian one. */
function blurred(mask, side) {
  const radius = Math.round((Math.sqrt((12 * SOFT ** 2) / 3 + 1) - 1) / 2);
  let result = mask;
  for (let pass = 0; pass < 3; pass++)
    result = transposed(averaged(transposed(averaged(result, side, radius), side), side, radius), side);
  return result;
}

/** Each pixel as the mean of its row's pixels around it; beyond the border the edge goes on. */
function averaged(map, side, radius) {
  const result = new Float32Array(map.length);
  const within = (place) => Math.min(Math.max(place, 0), side - 1);
  for (let row = 0; row < map.length; row += side) {
    let sum = 0;
    for (let x = -radius; x <= radius; x++) sum += map[row + within(x)];
    for (let x = 0; x < side; x++) {
      result[row + x] = sum / (2 * radius + 1);
      sum += map[row + within(x + radius + 1)] - map[row + within(x - radius)];
    }
  }
  return result;
}

function transposed(map, side) {
  return map.map((_, place) => map[(place % side) * side + Math.floor(place / side)]);
}
