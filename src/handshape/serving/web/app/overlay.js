/** What is drawn over a picture: the hand's bones and joints, and the heat map. Pixels of the picture. */
import { make } from "./dom.js";

const FINGERS = {
  thumb: [1, 2, 3, 4],
  index: [5, 6, 7, 8],
  middle: [9, 10, 11, 12],
  ring: [13, 14, 15, 16],
  little: [17, 18, 19, 20],
};
const PALM = [0, 1, 5, 9, 13, 17];
const LONGEST = 1280; // pixels of the canvas; more is not seen

/**
 * Draws one answer over its picture.
 * @param {HTMLCanvasElement} canvas lies over the picture and is as large as it is shown
 * @param {Object|null} answer of the recogniser; null clears the canvas
 * @param {{width: number, height: number}} size of the picture in pixels
 * @param {string[]} [marked] names of fingers drawn in the warning colour
 */
export function drawAnswer(canvas, answer, size, marked = []) {
  const scale = Math.min(1, LONGEST / Math.max(size.width, size.height));
  fit(canvas, Math.round(size.width * scale), Math.round(size.height * scale));
  const context = canvas.getContext("2d");
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, canvas.width, canvas.height);
  if (!answer) return;
  context.setTransform(scale, 0, 0, scale, 0, 0);
  if (answer.heat) drawHeat(context, answer.heat);
  if (answer.hand) drawHand(context, answer.hand, colours(canvas), marked, size);
}

function fit(canvas, width, height) {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
}

function colours(canvas) {
  const style = getComputedStyle(canvas);
  return { line: style.getPropertyValue("--bone").trim(), warn: style.getPropertyValue("--bone-warn").trim() };
}

function drawHand(context, hand, { line, warn }, marked, size) {
  const points = hand.landmarks;
  const width = Math.max(2, thickness(points, size));
  context.lineJoin = context.lineCap = "round";
  stroke(context, points, [...PALM, 0], line, width, true);
  for (const [name, joints] of Object.entries(FINGERS)) {
    stroke(context, points, joints, marked.includes(name) ? warn : line, width);
  }
  for (const [number, point] of points.entries()) drawJoint(context, point, width * (number % 4 || !number ? 0.65 : 1));
}

/** A line's width that suits the hand: a 24th of its palm. */
function thickness(points, size) {
  const palm = Math.hypot(points[9][0] - points[0][0], points[9][1] - points[0][1]);
  return Math.min(palm / 24, Math.max(size.width, size.height) / 90);
}

function stroke(context, points, joints, colour, width, filled = false) {
  context.beginPath();
  for (const joint of joints) context.lineTo(points[joint][0], points[joint][1]);
  if (filled) {
    context.fillStyle = `color-mix(in srgb, ${colour} 14%, transparent)`;
    context.fill();
  }
  context.strokeStyle = "rgb(0 0 0 / 45%)"; // a dark rim keeps the line visible on any skin and any wall
  context.lineWidth = width * 1.7;
  context.stroke();
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.stroke();
}

function drawJoint(context, [x, y], radius) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fillStyle = "#fff";
  context.fill();
}

/** Heat [height, width], 0 to 1, over the turned box of the picture that it shows. */
function drawHeat(context, heat) {
  const image = new ImageData(heat.width, heat.height);
  heat.values.forEach((value, index) => {
    const warm = Math.min(1, Math.max(0, value));
    image.data.set([255, 210 - 150 * warm, 40, 235 * warm ** 1.3], index * 4);
  });
  const small = make("canvas", { width: heat.width, height: heat.height });
  small.getContext("2d").putImageData(image, 0, 0);
  const { x, y, width, height, angle } = heat.box;
  context.save();
  context.translate(x, y);
  context.rotate(angle);
  context.imageSmoothingQuality = "high";
  context.drawImage(small, -width / 2, -height / 2, width, height);
  context.restore();
}
