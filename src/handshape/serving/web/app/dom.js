/** Making elements in one call. */

const SVG = "http://www.w3.org/2000/svg";

const PATHS = {
  camera: "M4 8h10a2 2 0 0 1 2 2v6a2 2 0 0 1-2 2H4a2 2 0 0 1-2-2v-6a2 2 0 0 1 2-2zM16 12l6-4v10l-6-4",
  photos: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.5 9.5h.01",
  hands: "M8 12V6a1.5 1.5 0 0 1 3 0v5-7a1.5 1.5 0 0 1 3 0v7-5a1.5 1.5 0 0 1 3 0v8c0 4-2 7-6 7-3 0-4.5-1.5-6-4" +
    "l-2-4a1.5 1.5 0 0 1 2.6-1.5L8 14",
  stop: "M6 6h12v12H6z",
  read: "M3 9V5a2 2 0 0 1 2-2h4M15 3h4a2 2 0 0 1 2 2v4M21 15v4a2 2 0 0 1-2 2h-4M9 21H5a2 2 0 0 1-2-2v-4M9 12h6",
  spell: "M4 18l4.5-12 4.5 12M5.5 14h6M16 20h5M18.5 7v9",
  practise: "M12 3a9 9 0 1 0 9 9M12 8a4 4 0 1 0 4 4M12 12l8-8M17 4v3h3",
  learn: "M12 4v16M4 12h16",
  labels: "M4 4h8l8 8-8 8-8-8zM8.5 8.5h.01",
  lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  server: "M4 4h16v6H4zM4 14h16v6H4zM8 7h.01M8 17h.01",
  space: "M4 10v5h16v-5",
  delete: "M9 5h11v14H9l-6-7zM12 9.5l5 5M17 9.5l-5 5",
  undo: "M9 5L4 10l5 5M4 10h10a5 5 0 0 1 0 10h-3",
  clear: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  speak: "M4 9v6h4l5 4V5L8 9zM16.5 8.5a5 5 0 0 1 0 7",
  check: "M4 12.5l5.5 5.5L20 6.5",
  skip: "M5 5l9 7-9 7zM18 5v14",
  eye: "M2 12c3-5 6.5-7 10-7s7 2 10 7c-3 5-6.5 7-10 7s-7-2-10-7zM12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6z",
  heat: "M12 3c1 4 5 5.5 5 10.5a5 5 0 0 1-10 0c0-2 1-3 2-4 .5 1.5 1 2 2 2 0-3-.5-5.5 1-8.5z",
};

/**
 * An element with its properties and children.
 * @param {string} selector a tag with classes, as in "button.primary"
 * @param {Object} [properties] attributes; `text`, and listeners as `onclick`; true sets an empty attribute, null none
 * @param {...(Node|string|null)} children
 * @returns {HTMLElement}
 */
export function make(selector, properties = {}, ...children) {
  const [tag, ...classes] = selector.split(".");
  const node = document.createElement(tag);
  if (classes.length) node.className = classes.join(" ");
  for (const [name, value] of Object.entries(properties)) {
    if (name === "text") node.textContent = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

/** A line icon, hidden from screen readers: words stand beside it. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name] ?? "");
  svg.append(path);
  return svg;
}

/** A button with an icon and words. */
export function button(selector, iconName, words, onclick, properties = {}) {
  return make(
    `button.${selector}`, { type: "button", onclick, ...properties },
    ...(iconName ? [icon(iconName)] : []), make("span", { text: words })
  );
}

/**
 * One of several, as radio buttons that look like one switch.
 * @param {string} legend for screen readers, or shown where `seen`
 * @param {Array<{value: string, words: string, icon?: string}>} choices
 * @param {string|null} chosen
 * @param {function(string): void} onchoose
 * @returns {HTMLFieldSetElement} with a method `choose(value)` that does not call back
 */
export function segmented(legend, choices, chosen, onchoose, seen = false) {
  const name = `choice-${segmented.made = (segmented.made ?? 0) + 1}`;
  const field = make("fieldset.segmented", {}, make(seen ? "legend" : "legend.unseen", { text: legend }));
  for (const choice of choices) {
    const input = make("input", { type: "radio", name, value: choice.value, checked: choice.value === chosen });
    input.addEventListener("change", () => onchoose(choice.value));
    const picture = choice.icon ? icon(choice.icon) : null;
    field.append(make("label", {}, input, picture, make("span", { text: choice.words })));
  }
  field.choose = (value) => {
    for (const input of field.querySelectorAll("input")) input.checked = input.value === value;
  };
  return field;
}
