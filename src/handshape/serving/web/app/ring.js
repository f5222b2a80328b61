/** A letter in a ring that fills while it is held. */
import { make } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";
const RADIUS = 46; // of a picture 100 wide

/** @returns {{element: HTMLElement, show: function(string, number): void, flash: function(): void}} */
export function makeRing() {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 100 100");
  const [track, fill] = ["ring-track", "ring-fill"].map(circle);
  svg.append(track, fill);
  const letter = make("span.ring-letter");
  const element = make("div.ring", { "aria-hidden": "true" }, letter);
  element.prepend(svg);
  const length = 2 * Math.PI * RADIUS;
  fill.style.strokeDasharray = length;
  const show = (label, progress) => {
    letter.textContent = label;
    element.classList.toggle("long", label.length > 2);
    fill.style.strokeDashoffset = length * (1 - progress);
    element.classList.toggle("full", progress >= 1);
  };
  const flash = () => {
    element.classList.remove("flash");
    element.getBoundingClientRect(); // the browser must see it gone before it comes again
    element.classList.add("flash");
  };
  show("", 0);
  return { element, show, flash };
}

function circle(name) {
  const node = document.createElementNS(SVG, "circle");
  node.setAttribute("class", name);
  for (const [key, value] of Object.entries({ cx: 50, cy: 50, r: RADIUS })) node.setAttribute(key, value);
  return node;
}
